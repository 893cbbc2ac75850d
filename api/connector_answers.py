"""What came into a connection's ack folder, for whoever looks after the ERP."""

from uuid import UUID

from fastapi import APIRouter

from api.ack_views import AckView, ack_view
from api.caller import Integrator
from api.connectors import required
from api.paging import Page, Paging, write_cursor
from api.problems import problems
from api.queries import after_id
from api.requests import ExactRoute
from storage import acks

router = APIRouter(route_class=ExactRoute, tags=["connectors"], responses=problems(401, 403, 404))


@router.get("/connectors/{connection_id}/acks", response_model=Page[AckView])
async def list_all(connection_id: UUID, caller: Integrator, page: Paging) -> Page[AckView]:
    """What became of every ack file, newest first."""
    async with caller.transaction() as connection:
        await required(connection, caller, connection_id)
        rows = await acks.of_connection(
            connection, caller.org_id, connection_id, limit=page.limit + 1, before=after_id(page)
        )
    more, rows = len(rows) > page.limit, rows[: page.limit]
    return Page(
        data=[ack_view(row) for row in rows],
        next_cursor=write_cursor(rows[-1]["seen_at"], str(rows[-1]["id"])) if more else None,
    )
