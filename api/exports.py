"""Exports: their state, their exact document, every delivery try, and a preview that writes nothing."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from api.ack_views import AckView, ack_view
from api.caller import AnyRole, Caller
from api.draft_sending import stored_draft
from api.draft_views import ExportView, export_view
from api.paging import Page, Paging, write_cursor
from api.problems import NotFound, problems
from api.queries import after_number
from api.requests import ExactRoute
from domain.draft import Export
from domain.export_document import delivery, too_large
from domain.facts import CustomerFact, facts_request
from domain.gates import gates, held_by, may_be_in_the_erp
from domain.statuses import DraftStatus
from storage import acks, exports, push_log
from storage.database import Row
from storage.facts import read_facts

router = APIRouter(route_class=ExactRoute, tags=["exports"], responses=problems(401, 404))


class ExportDetail(ExportView):
    acks: list[AckView]


class PreviewConnector(BaseModel):
    id: UUID
    connector_type: str
    export_path: str
    paused: bool = Field(description="a push is taken now, and waits until the connection is resumed")


class Preview(BaseModel):
    """What a push would do now. Only the time in `file_name` may differ from the export's."""

    would_push: bool = False
    held_by: list[dict[str, Any]]
    connector: PreviewConnector | None = None
    file_name: str | None = None
    sha256: str | None = None
    document: dict[str, Any] | None = None


class PushLogError(BaseModel):
    """`message` is for operators, `cause` for engineers; neither holds a secret."""

    code: str
    message: str
    retryable: bool = Field(description="whether the same try may succeed later")
    cause: str | None = None
    unsent: bool = Field(False, description="the document surely did not arrive")


class PushLogRow(BaseModel):
    """One try. `next_retry_at` is null when no further try comes by itself."""

    attempt_number: int
    status: str
    started_at: datetime
    duration_ms: int | None = Field(
        description="upload and rename together, as far as they were noted; null when the try was lost first"
    )
    request: dict[str, Any] | None
    response: dict[str, Any] | None
    error: PushLogError | None
    next_retry_at: datetime | None


def _view(row: Row, caller: Caller) -> ExportView:
    export = Export.model_validate(dict(row))
    return export_view(export, row["draft_order_id"], caller.policy.ack_overdue_hours)


async def _row(caller: Caller, export_id: UUID) -> Row:
    async with caller.transaction() as connection:
        row = await exports.get(connection, caller.org_id, export_id)
    if row is None:
        raise NotFound("export")
    return row


@router.get("/draft-orders/{draft_id}/exports", response_model=Page[ExportView])
async def of_draft(draft_id: UUID, caller: AnyRole, paging: Paging) -> Page[ExportView]:
    """Newest attempt first."""
    await stored_draft(caller, draft_id)
    before = after_number(paging)
    async with caller.transaction() as connection:
        rows = await exports.of_draft(
            connection, caller.org_id, draft_id, limit=paging.limit + 1, before=before
        )
    shown, more = rows[: paging.limit], len(rows) > paging.limit
    return Page(
        data=[_view(row, caller) for row in shown],
        next_cursor=write_cursor(shown[-1]["attempt"]) if more else None,
    )


@router.get("/exports/{export_id}", response_model=ExportDetail)
async def read(export_id: UUID, caller: AnyRole) -> ExportDetail:
    """With the ERP's answers, oldest first; a file that could not be read is among them."""
    row = await _row(caller, export_id)
    async with caller.transaction() as connection:
        answers = await acks.of_export(connection, caller.org_id, export_id)
    own = _view(row, caller).model_dump()
    return ExportDetail(**own, acks=[ack_view(answer) for answer in answers])


@router.get("/exports/{export_id}/document", response_class=Response)
async def document(export_id: UUID, caller: AnyRole) -> Response:
    """The file, byte for byte."""
    row = await _row(caller, export_id)
    async with caller.transaction() as connection:
        text = await exports.document(connection, caller.org_id, export_id)
    if text is None:
        raise NotFound("document")
    headers = {"Content-Disposition": f'attachment; filename="{row["file_name"]}"'}
    return Response(text.encode(), media_type="application/json", headers=headers)


@router.get("/exports/{export_id}/push-log", response_model=Page[PushLogRow])
async def tries(export_id: UUID, caller: AnyRole, paging: Paging) -> Page[PushLogRow]:
    """Every delivery try, oldest first."""
    await _row(caller, export_id)
    after = after_number(paging) or 0
    async with caller.transaction() as connection:
        rows = await push_log.rows(connection, caller.org_id, export_id, limit=paging.limit + 1, after=after)
    shown = [PushLogRow.model_validate(dict(row)) for row in rows[: paging.limit]]
    more = len(rows) > paging.limit
    return Page(data=shown, next_cursor=write_cursor(shown[-1].attempt_number) if more else None)


@router.get("/draft-orders/{draft_id}/push-preview", response_model=Preview)
async def preview(draft_id: UUID, caller: AnyRole) -> Response:
    """A dry run: the document as it would be sent, and what holds it back. Writes nothing."""
    draft = (await stored_draft(caller, draft_id)).draft
    async with caller.transaction() as connection:
        facts = await read_facts(connection, facts_request(draft, for_document=True), 0)
    closed = [
        gate
        for gate in gates(draft, facts.policy, has_connection=facts.connection is not None)
        if not gate.passed
    ]
    held = held_by(closed)
    if draft.status not in {DraftStatus.APPROVED, DraftStatus.ERROR} and not held:
        held.append({"line_no": None, "status": f"The draft is {draft.status}"})
    if may_be_in_the_erp(draft) and draft.status is not DraftStatus.PUSHED:
        sentence = "The ERP may already have an earlier document"
        held.append({"line_no": None, "status": sentence})
    unknown = CustomerFact(id=draft.header.customer_id or UUID(int=0), name=draft.customer_name or "?")
    attempt, customer = len(draft.exports) + 1, facts.customer or unknown
    ready = delivery(draft, attempt, customer, facts.artwork, datetime.now(UTC))
    excess = too_large(draft, ready.document)
    if excess is not None:
        held.append({"line_no": None, "status": excess})
    shown = Preview(
        would_push=not held,
        held_by=held,
        connector=None
        if facts.connection is None
        else PreviewConnector.model_validate(facts.connection.model_dump()),
        file_name=ready.file_name,
        sha256=ready.sha256,
    )
    # the document goes in as text: parsed and written again its decimals would become floats
    head = shown.model_dump_json(exclude={"document"})
    return Response(f'{head[:-1]},"document":{ready.document.strip()}}}', media_type="application/json")
