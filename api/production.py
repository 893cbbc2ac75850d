"""What the floor may sew: production batches, made from the lines of the moment, never stored."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from api.batch_views import MAX_LEFT_OUT, BatchPage, batch_view, left_out_view
from api.caller import AnyRole, Caller
from api.paging import Paging, write_cursor
from api.problems import problems
from api.queries import after_text
from api.requests import ExactRoute
from domain.batches import Floor, floor
from storage.batches import ready_lines

router = APIRouter(route_class=ExactRoute, tags=["production"])


@router.get("/production/batches", responses=problems(401, 403))
async def list_batches(
    caller: AnyRole,
    paging: Paging,
    customer_id: Annotated[UUID | None, Query()] = None,
    logo_id: Annotated[UUID | None, Query()] = None,
) -> BatchPage:
    """Longest waiting first. Lines in Production Ready whose color-up is Approved, in drafts not rejected."""
    after = after_text(paging)
    now = await read_floor(caller, customer_id=customer_id, logo_id=logo_id)
    rest = [batch for batch in now.batches if after is None or (batch.waiting_since, batch.key) > after]
    shown = rest[: paging.limit]
    more = len(rest) > len(shown)
    return BatchPage(
        data=[batch_view(batch) for batch in shown],
        next_cursor=write_cursor(shown[-1].waiting_since, shown[-1].key) if more else None,
        left_out=[left_out_view(each) for each in now.left_out[:MAX_LEFT_OUT]],
        left_out_total=len(now.left_out),
    )


async def read_floor(
    caller: Caller, *, customer_id: UUID | None = None, logo_id: UUID | None = None
) -> Floor:
    async with caller.transaction() as connection:
        lines = await ready_lines(connection, caller.org_id, customer_id=customer_id, logo_id=logo_id)
    return floor(lines)
