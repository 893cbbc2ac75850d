"""`GET /metrics` for Prometheus. It takes no token: keep it from the internet (docs/observability.md)."""

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from api.rooms import InRooms

router = APIRouter(tags=["health"])


@router.get("/metrics", response_class=Response)
async def metrics(rooms: InRooms) -> Response:
    """Prometheus text format: requests, commands, open drafts, the process itself."""
    await rooms.open_drafts.refresh(rooms.database)
    page = generate_latest(rooms.metrics.registry) + generate_latest(rooms.open_drafts)
    return Response(page, media_type=CONTENT_TYPE_LATEST)
