"""Server-Sent Events: one per recorded change, resumable by `Last-Event-ID`.

A stream ends with the token, and soon after its person was deactivated.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Header
from fastapi.responses import StreamingResponse

from api.caller import AnyRole, Caller, is_still_active
from api.draft_sending import stored_draft
from api.draft_views import shown_waiting
from api.problems import Problem, problems
from api.requests import ExactRoute
from api.rooms import InRooms, Rooms
from storage import changes
from storage.database import DatabaseUnavailable, Row

router = APIRouter(route_class=ExactRoute, tags=["events"], responses=problems(401, 404))

HEARTBEAT_S = 15.0
FOLLOW_UP_S = 0.3
BATCH = 200

LastEventId = Annotated[
    str | None,
    Header(alias="Last-Event-ID", max_length=100, description="the id of the last event that was seen"),
]
Read = Callable[[str], Awaitable[list[Row]]]
_STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "content": {"text/event-stream": {}},
        "description": "Events until the token ends or its person is deactivated",
    }
}


@router.get("/draft-orders/{draft_id}/events", response_class=StreamingResponse, responses=_STREAM)
async def of_draft(
    draft_id: UUID, caller: AnyRole, rooms: InRooms, last_event_id: LastEventId = None
) -> StreamingResponse:
    """Every change of the draft after `Last-Event-ID`, from the first without it.

    The id is the version; what comes after the draft has ended, such as a late answer of the ERP, has the
    last version and a number.
    """
    await stored_draft(caller, draft_id)
    place = last_event_id or "0"
    _draft_place(place)

    async def read(after: str) -> list[Row]:
        async with caller.transaction() as connection:
            return await changes.of_draft(connection, caller.org_id, draft_id, _draft_place(after), BATCH)

    return _stream(rooms, caller, place, read, draft_id)


@router.get("/events", response_class=StreamingResponse, responses=_STREAM)
async def of_org(caller: AnyRole, rooms: InRooms, last_event_id: LastEventId = None) -> StreamingResponse:
    """Every change in the org: after `Last-Event-ID`, or from now on."""
    if last_event_id is None:
        async with caller.transaction() as connection:
            place = "-".join(str(part) for part in await changes.newest_place(connection))
    else:
        place = last_event_id
    _org_place(place)

    async def read(after: str) -> list[Row]:
        async with caller.transaction() as connection:
            return await changes.of_org(connection, caller.org_id, _org_place(after), BATCH)

    return _stream(rooms, caller, place, read, None)


def _draft_place(place: str) -> tuple[int, int]:
    version, _, note = place.partition("-")
    found = _number(version), _number(note) if "-" in place else 0
    if found[0] >= 2**31:
        raise _no_place()
    return found


def _org_place(place: str) -> tuple[int, int]:
    xid, _, position = place.partition("-")
    return _number(xid), _number(position)


def _number(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or int(text) >= 2**63:
        raise _no_place()
    return int(text)


def _no_place() -> Problem:
    return Problem(422, "Last-Event-ID: take it from an event of this stream", errors=[])


def _stream(rooms: Rooms, caller: Caller, place: str, read: Read, draft_id: UUID | None) -> StreamingResponse:
    return StreamingResponse(
        _events(rooms, caller, place, read, draft_id),
        media_type="text/event-stream",
        headers={"X-Accel-Buffering": "no"},
    )


async def _events(
    rooms: Rooms, caller: Caller, place: str, read: Read, draft_id: UUID | None
) -> AsyncIterator[str]:
    yield "retry: 2000\n\n"
    rang = False
    clock = asyncio.get_running_loop().time
    seen_active_at = clock()
    with rooms.bell.heard(caller.org_id) as news:
        while (left := (caller.expires_at - datetime.now(UTC)).total_seconds()) > 0:
            news.clear()
            try:
                if clock() - seen_active_at >= HEARTBEAT_S:
                    if not await is_still_active(rooms, caller):
                        return
                    seen_active_at = clock()
                rows = await rooms.shared_reads.rows((caller.org_id, draft_id, place), partial(read, place))
            except DatabaseUnavailable:
                return  # the client comes back with the last id it saw
            for row in rows:
                place = row["place"]
                yield _written(row)
            if len(rows) == BATCH:
                continue
            # a ring whose row is not yet visible (an older transaction is open) is followed up soon
            patience_s = FOLLOW_UP_S if rang and not rows else HEARTBEAT_S
            try:
                await asyncio.wait_for(news.wait(), min(patience_s, left))
                rang = True
            except TimeoutError:
                rang = False
                if patience_s == HEARTBEAT_S:
                    yield ": still here\n\n"


def _written(row: Row) -> str:
    data = {"draft_order_id": str(row["draft_order_id"]), "version": row["sequence"], **row["change"]}
    data["waiting_for"] = shown_waiting(data.get("waiting_for"))
    return f"id: {row['place']}\nevent: draft_order\ndata: {json.dumps(data)}\n\n"
