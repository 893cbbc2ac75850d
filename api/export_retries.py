"""Retry what failed for one cause, all of it at once: first as a dry run, then as a bulk command."""

from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID, uuid4

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.ext.asyncio import AsyncConnection

from api.bulk import MOST_RESULTS, BulkView, bulk_view
from api.caller import Caller, Ops
from api.idempotency import Answer, IdempotencyKey, once
from api.json_types import Truth
from api.problems import NotFound, problems, unavailable
from api.requests import ExactRoute
from api.rooms import InRooms, Rooms
from commands.draft_orders import TemporalUnavailable
from domain.bulk import BulkOrder
from domain.transitions import Command
from domain.values import Legible
from storage import bulk, connections, failed_exports

router = APIRouter(route_class=ExactRoute, tags=["exports"], responses=problems(401, 403, 404))


class ExportRetry(BaseModel):
    """`error_code` as exports show it in `error.code`."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"error_code": "AUTHENTICATION_FAILED", "dry_run": True}]},
    )

    error_code: Annotated[Legible, Field(min_length=1, max_length=200)]
    connection_id: UUID | None = None
    dry_run: Truth = False
    confirm_may_duplicate: Truth = Field(
        False, description="retry also what the ERP may have got already; look there first"
    )


class WouldRetry(BaseModel):
    draft_order_id: UUID
    number: str
    erp_export_id: UUID = Field(description="the export that failed")
    outcome: str = Field(description="would_retry, or may_have_been_sent: not without a confirmation")
    message: str | None


class RetryPreview(BaseModel):
    """What a retry would do now; nothing was done."""

    dry_run: bool = True
    total: int
    would_retry: int
    may_have_been_sent: int
    results: list[WouldRetry] = Field(description=f"the first {MOST_RESULTS}; the counts are of all")


_RESPONSES: dict[int | str, dict[str, Any]] = {
    202: {"model": BulkView, "description": "Under way; `Location` names the bulk command to ask"}
}


@router.post("/exports/retry", response_model=RetryPreview, responses=_RESPONSES)
async def retry(
    body: ExportRetry, request: Request, caller: Ops, rooms: InRooms, key: IdempotencyKey
) -> Response:
    """Retry every draft in ERROR whose last export failed with `error_code`; one result for each draft.

    With `dry_run` 200 lists them and nothing happens. Otherwise 202: the drafts as they are now are taken one
    after the other, and `GET /bulk/{id}` has the results. The same key again is the same bulk command.
    """
    if not body.dry_run:
        return await _retry(body, request, caller, rooms, key)

    async def look(connection: AsyncConnection) -> Answer:
        return Answer(await _preview(connection, caller, body))

    return await once(request, caller, key, look)


async def _preview(connection: AsyncConnection, caller: Caller, body: ExportRetry) -> RetryPreview:
    await _known(connection, caller, body.connection_id)
    rows = await failed_exports.by_cause(connection, caller.org_id, body.error_code, body.connection_id)
    results = []
    for row in rows:
        held = row["in_doubt"] and not body.confirm_may_duplicate
        outcome = "may_have_been_sent" if held else "would_retry"
        fields = {name: row[name] for name in ("draft_order_id", "number", "erp_export_id", "message")}
        results.append(WouldRetry(outcome=outcome, **fields))
    doubtful = sum(result.outcome == "may_have_been_sent" for result in results)
    return RetryPreview(
        total=len(results),
        would_retry=len(results) - doubtful,
        may_have_been_sent=doubtful,
        results=results[:MOST_RESULTS],
    )


async def _retry(
    body: ExportRetry, request: Request, caller: Caller, rooms: Rooms, key: str | None
) -> Response:
    order = BulkOrder(
        org_id=caller.org_id,
        bulk_id=uuid4(),
        command=Command.RETRY_PUSH,
        actor=caller.actor,
        origin=caller.origin,
        confirm_may_duplicate=body.confirm_may_duplicate,
    )

    async def work(connection: AsyncConnection) -> Answer:
        await _known(connection, caller, body.connection_id)
        await bulk.open_retry(connection, order, body.error_code, body.connection_id, datetime.now(UTC))
        view = await bulk_view(connection, caller.org_id, order.bulk_id)
        try:
            # before the commit: it waits for that, and a crash between the two leaves nothing undone
            await rooms.errands.bulk(order)
        except TemporalUnavailable:
            raise unavailable("Temporal") from None
        return Answer(view, 202, location=f"/bulk/{order.bulk_id}")

    return await once(request, caller, key, work)


async def _known(connection: AsyncConnection, caller: Caller, connection_id: UUID | None) -> None:
    if connection_id is None:
        return
    if await connections.get(connection, caller.org_id, connection_id) is None:
        raise NotFound("connector")
