"""Drafts: create, list, read, change. Source: api.md."""

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import AfterValidator, ConfigDict, Field

from api.caller import AnyRole, Caller, Ops
from api.draft_creation import create_draft
from api.draft_sending import send, stored_draft
from api.draft_views import DraftHead, DraftView, draft_view, head_view
from api.etags import IfMatch
from api.idempotency import IdempotencyKey, body_digest
from api.paging import Page, Paging, bad_cursor, write_cursor
from api.problems import Problem, problems
from api.requests import ExactRoute
from api.rooms import InRooms
from api.stuck import why_stuck
from domain.draft import Draft, Header, LineContent, LineInput
from domain.messages import EditMessage
from domain.statuses import DraftStatus, WaitingFor
from domain.transitions import Command
from domain.values import MAX_LINE_NO, MAX_LINES, printable
from storage.database import Row
from storage.draft_orders import DraftFilter, StoredDraft, list_drafts

router = APIRouter(route_class=ExactRoute, tags=["draft orders"], responses=problems(401, 403, 404, 409, 412))

LinePath = Annotated[int, Field(ge=1, le=MAX_LINE_NO)]

EXAMPLE: dict[str, Any] = {
    "customer_id": "7b0f0d9e-5b1c-4a53-9f59-0f8f4b1c2d3e",
    "external_order_number": "PO-12345",
    "currency": "EUR",
    "order_date": "2026-11-20",
    "requested_delivery_date": "2026-12-01",
    "lines": [{"internal_sku": "INT-999", "qty": "10", "uom": "M", "unit_price": "1.2300"}],
}


class DraftInput(Header):
    """Everything may be missing: incomplete drafts are what validation is for."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [EXAMPLE]})

    lines: list[LineInput] = Field(default_factory=list, max_length=MAX_LINES)


class HeaderPatch(Header):
    """Fields that are left out keep their value; null clears one."""


class LinePatch(LineContent):
    """Fields that are left out keep their value; null clears one."""


def version_of(if_match: str | None) -> int | None:
    """The version that `If-Match` names; None when it is absent or `*`."""
    if if_match is None or if_match.strip() == "*":
        return None
    text = if_match.strip().removeprefix("W/").strip('"')
    if not text.isdecimal() or len(text) > 9:
        raise Problem(
            412, 'If-Match names no version of this draft; send the ETag that was read, such as "7"'
        )
    return int(text)


def answer(
    stored: StoredDraft, caller: Caller, rooms: InRooms, status: int = 200, stuck: str | None = None
) -> JSONResponse:
    view = draft_view(stored, caller, rooms.settings.temporal_ui_url, stuck)
    headers = {"ETag": f'"{stored.draft.version}"'}
    if status == 201:
        headers["Location"] = f"/draft-orders/{stored.draft.id}"
    return JSONResponse(view.model_dump(mode="json"), status, headers=headers)


@router.post("/draft-orders", status_code=201, response_model=DraftView)
async def create(
    body: DraftInput, request: Request, caller: Ops, rooms: InRooms, key: IdempotencyKey
) -> Response:
    """Make a draft; its workflow lives until the ERP has it."""
    header = Header(**{name: getattr(body, name) for name in Header.model_fields})
    stored, _made = await create_draft(
        rooms, caller, header, body.lines, key=key, digest=await body_digest(request)
    )
    return answer(stored, caller, rooms, 201)


@router.get("/draft-orders", response_model=Page[DraftHead])
async def list_all(
    caller: AnyRole,
    page: Paging,
    status: Annotated[DraftStatus | None, Query()] = None,
    customer_id: Annotated[UUID | None, Query()] = None,
    q: Annotated[
        str | None,
        Query(max_length=200, description="number, order number, customer name or SKU contains this"),
        AfterValidator(lambda text: text if text is None else printable(text)),
    ] = None,
    date_from: Annotated[date | None, Query(description="first day of created_at, UTC")] = None,
    date_to: Annotated[date | None, Query(description="last day of created_at, UTC")] = None,
    waiting_for: Annotated[WaitingFor | None, Query()] = None,
) -> Page[DraftHead]:
    """Newest first."""
    wanted = DraftFilter(
        status=status,
        customer_id=customer_id,
        q=q or None,
        date_from=date_from,
        date_to=date_to,
        waiting_for=waiting_for,
    )
    before = None if page.after is None else _place(page.after)
    async with caller.transaction() as connection:
        rows = await list_drafts(
            connection,
            caller.org_id,
            caller.policy.production_gate,
            wanted,
            limit=page.limit + 1,
            before=before,
        )
    more = len(rows) > page.limit
    rows = rows[: page.limit]
    return Page(
        data=[_head(row, caller) for row in rows],
        next_cursor=write_cursor(rows[-1]["created_at"], str(rows[-1]["id"])) if more else None,
    )


def _head(row: Row, caller: Caller) -> DraftHead:
    draft, hours = Draft.model_validate(row["snapshot"]), caller.policy.ack_overdue_hours
    return head_view(draft, row["waiting_for"], row["acks_wait_since"], hours)


def _place(after: list[Any]) -> tuple[datetime, UUID]:
    try:
        at, draft_id = after
        place = datetime.fromisoformat(at), UUID(draft_id)
    except (ValueError, TypeError, AttributeError):
        raise bad_cursor() from None
    if place[0].tzinfo is None:
        raise bad_cursor()
    return place


@router.get("/draft-orders/{draft_id}", response_model=DraftView)
async def read(draft_id: UUID, caller: AnyRole, rooms: InRooms) -> Response:
    stored = await stored_draft(caller, draft_id)
    return answer(stored, caller, rooms, stuck=await why_stuck(rooms, stored))


@router.patch("/draft-orders/{draft_id}", response_model=DraftView)
async def change(
    draft_id: UUID, body: HeaderPatch, caller: Ops, rooms: InRooms, if_match: IfMatch
) -> Response:
    """Change header fields. Takes an approval back."""
    message = EditMessage(header=body.model_dump(mode="json", exclude_unset=True))
    return await _edit(rooms, caller, draft_id, message, if_match=if_match)


@router.post("/draft-orders/{draft_id}/lines", status_code=201, response_model=DraftView)
async def add_line(
    draft_id: UUID, body: LineInput, request: Request, caller: Ops, rooms: InRooms, key: IdempotencyKey
) -> Response:
    """Add a line; without `line_no` it comes last. Takes an approval back."""
    message = EditMessage(add_line=body, key=key, digest=await body_digest(request))
    return await _edit(rooms, caller, draft_id, message, status=201)


@router.patch("/draft-orders/{draft_id}/lines/{line_no}", response_model=DraftView)
async def change_line(
    draft_id: UUID, line_no: LinePath, body: LinePatch, caller: Ops, rooms: InRooms, if_match: IfMatch
) -> Response:
    """Change fields of a line. Takes an approval back."""
    message = EditMessage(line_no=line_no, change_line=body.model_dump(mode="json", exclude_unset=True))
    return await _edit(rooms, caller, draft_id, message, if_match=if_match)


@router.delete("/draft-orders/{draft_id}/lines/{line_no}", response_model=DraftView)
async def remove_line(
    draft_id: UUID, line_no: LinePath, caller: Ops, rooms: InRooms, if_match: IfMatch
) -> Response:
    """Remove a line. Takes an approval back."""
    message = EditMessage(line_no=line_no, remove_line=True)
    return await _edit(rooms, caller, draft_id, message, if_match=if_match)


async def _edit(
    rooms: InRooms,
    caller: Caller,
    draft_id: UUID,
    message: EditMessage,
    *,
    if_match: str | None = None,
    status: int = 200,
) -> Response:
    message.expected_version = version_of(if_match)
    if message.header == {} or message.change_line == {}:
        # nothing named, nothing changed: an approval is not taken back for that
        return answer(await stored_draft(caller, draft_id), caller, rooms)
    await send(rooms, caller, draft_id, Command.EDIT, message)
    response = answer(await stored_draft(caller, draft_id), caller, rooms)
    response.status_code = status
    if status == 201:
        response.headers["Location"] = f"/draft-orders/{draft_id}"
    return response
