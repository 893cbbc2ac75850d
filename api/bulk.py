"""Commands on many drafts: how far they are, and how it went with each draft."""

from datetime import datetime
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, Field
from sqlalchemy.ext.asyncio import AsyncConnection

from api.caller import AnyRole
from api.problems import NotFound, problems
from api.requests import ExactRoute
from domain.bulk import BulkOutcome
from storage import bulk

router = APIRouter(route_class=ExactRoute, tags=["bulk"], responses=problems(401, 404))


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
    status: str = Field(description="RUNNING or DONE")
    total: int
    pending: int
    counts: dict[BulkOutcome, int]
    created_at: datetime
    finished_at: datetime | None
    results: list[BulkResult]


async def bulk_view(connection: AsyncConnection, org_id: UUID, bulk_id: UUID) -> BulkView:
    """
    Raises:
        NotFound: the org has no such bulk command.
    """
    row = await bulk.get(connection, org_id, bulk_id)
    if row is None:
        raise NotFound("bulk command")
    results = [BulkResult(**item) for item in await bulk.items(connection, org_id, bulk_id)]
    counts = {outcome: sum(each.outcome is outcome for each in results) for outcome in BulkOutcome}
    return BulkView(
        id=bulk_id,
        command=row["command"],
        status="RUNNING" if row["finished_at"] is None else "DONE",
        total=len(results),
        pending=len(results) - sum(counts.values()),
        counts=counts,
        created_at=row["created_at"],
        finished_at=row["finished_at"],
        results=results,
    )


@router.get("/bulk/{bulk_id}", response_model=BulkView)
async def read(bulk_id: UUID, caller: AnyRole) -> BulkView:
    """Counts and one result per draft, in the order in which they are taken."""
    async with caller.transaction() as connection:
        return await bulk_view(connection, caller.org_id, bulk_id)
