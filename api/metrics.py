"""`GET /metrics` for Prometheus. It takes no token: keep it from the internet (docs/observability.md)."""

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from api.rooms import InRooms
from api.workforce_gauges import WorkforceGauges

router = APIRouter(tags=["health"])


@router.get("/metrics", response_class=Response)
async def metrics(rooms: InRooms) -> Response:
    """Prometheus text format: requests, commands, open drafts, workers, the process itself."""
    await rooms.open_drafts.refresh(rooms.database)
    pages = (rooms.metrics.registry, rooms.open_drafts, WorkforceGauges(rooms.lookout))
    return Response(b"".join(map(generate_latest, pages)), media_type=CONTENT_TYPE_LATEST)
