"""Health pages: `/livez` says that the process runs, `/readyz` that what it depends on answers."""

import asyncio
from collections.abc import Awaitable

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from api.rooms import InRooms, Rooms
from commands.draft_orders import TemporalUnavailable
from storage.database import DatabaseUnavailable

router = APIRouter(tags=["health"])


@router.head("/livez", include_in_schema=False)
@router.get("/livez")
async def livez() -> dict[str, str]:
    return {"status": "alive"}


@router.head("/readyz", include_in_schema=False)
@router.get("/readyz", responses={503: {"description": "A server that the API depends on does not answer"}})
async def readyz(rooms: InRooms) -> JSONResponse:
    """200 when PostgreSQL and Temporal answer, else 503 with the name of the one that does not.

    `workers` says whether anybody takes up work. It changes no status: without them reads still work.
    """
    postgresql, temporal = await asyncio.gather(
        _answers(rooms.database.ping()), _answers(rooms.drafts.ping())
    )
    checks = {"postgresql": postgresql, "temporal": temporal}
    ready = postgresql and temporal
    words = {name: "ok" if fine else "does not answer" for name, fine in checks.items()}
    words["workers"] = _workers(rooms)
    body = {"status": "ready" if ready else "not ready", "checks": words}
    return JSONResponse(body, 200 if ready else 503, headers={} if ready else {"Retry-After": "2"})


def _workers(rooms: Rooms) -> str:
    if rooms.lookout.workforce is None:
        return "not known"
    return rooms.lookout.idle or "ok"


async def _answers(call: Awaitable[None]) -> bool:
    try:
        await call
    except (DatabaseUnavailable, TemporalUnavailable):
        return False
    return True
