"""Commands on many drafts: how far they are, and how it went with each draft."""

import asyncio
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field
from sqlalchemy.ext.asyncio import AsyncConnection

from api.caller import AnyRole
from api.paging import bad_cursor, read_cursor, write_cursor
from api.problems import NotFound, problems
from api.requests import ExactRoute
from api.rooms import InRooms, Rooms
from commands.draft_orders import TemporalUnavailable
from domain.bulk import BulkOutcome
from storage import bulk

router = APIRouter(route_class=ExactRoute, tags=["bulk"], responses=problems(401, 404))

MOST_RESULTS = 1000
_MOST_POSITIONS = 2**31
_ASK_S = 0.5  # a page that people wait for


class BulkResult(BaseModel):
    draft_order_id: UUID
    number: str
    outcome: BulkOutcome | None = Field(description="null while the draft's turn has not come")
    message: str | None
    erp_export_id: UUID | None = Field(description="the export that the command began")
    done_at: datetime | None


class BulkView(BaseModel):
    """`counts` by outcome; drafts without one are `pending`."""

    id: UUID
    command: str
    status: str = Field(
        description="RUNNING, DONE, or STOPPED: its workflow ended before the last draft had its turn, and "
        "nothing of it goes on by itself; send the command again for the drafts that are left"
    )
    total: int
    pending: int
    counts: dict[BulkOutcome, int]
    created_at: datetime
    finished_at: datetime | None
    results: list[BulkResult]
    next_cursor: str | None = Field(None, description=f"null when all results are here, up to {MOST_RESULTS}")


async def bulk_view(
    connection: AsyncConnection, org_id: UUID, bulk_id: UUID, *, after: int = 0, limit: int = MOST_RESULTS
) -> BulkView:
    """
    Raises:
        NotFound: the org has no such bulk command.
    """
    row = await bulk.get(connection, org_id, bulk_id)
    if row is None:
        raise NotFound("bulk command")
    items = await bulk.items(connection, org_id, bulk_id, after=after, limit=limit + 1)
    more, items = len(items) > limit, items[:limit]
    counts = await bulk.counted(connection, org_id, bulk_id)
    return BulkView(
        id=bulk_id,
        command=row["command"],
        status="RUNNING" if row["finished_at"] is None else "DONE",
        total=counts.total,
        pending=counts.left,
        counts={outcome: counts.outcomes.get(outcome, 0) for outcome in BulkOutcome},
        created_at=row["created_at"],
        finished_at=row["finished_at"],
        results=[BulkResult(**{name: item[name] for name in BulkResult.model_fields}) for item in items],
        next_cursor=write_cursor(items[-1]["position"]) if more else None,
    )


@router.get("/bulk/{bulk_id}", response_model=BulkView, responses=problems(422))
async def read(
    bulk_id: UUID,
    caller: AnyRole,
    rooms: InRooms,
    limit: Annotated[int, Query(ge=1, description=f"of results; at most {MOST_RESULTS}")] = MOST_RESULTS,
    cursor: Annotated[str | None, Query(max_length=500)] = None,
) -> BulkView:
    """Counts and one result per draft, in the order in which they are taken."""
    after = 0 if cursor is None else _position(cursor)

    async def look() -> BulkView:
        async with caller.transaction() as connection:
            return await bulk_view(
                connection, caller.org_id, bulk_id, after=after, limit=min(limit, MOST_RESULTS)
            )

    shown = await look()
    if shown.finished_at is None and not await _goes_on(rooms, bulk_id):
        shown = await look()  # it may have finished in between
        if shown.finished_at is None:
            shown.status = "STOPPED"
    return shown


def _position(cursor: str) -> int:
    match read_cursor(cursor):
        case [int(position)] if 0 <= position < _MOST_POSITIONS:
            return position
    raise bad_cursor()


async def _goes_on(rooms: Rooms, bulk_id: UUID) -> bool:
    """Whether its workflow is open; while Temporal does not answer, nobody knows otherwise."""
    try:
        async with asyncio.timeout(_ASK_S):
            return await rooms.errands.bulk_runs(bulk_id)
    except (TemporalUnavailable, TimeoutError):
        return True
