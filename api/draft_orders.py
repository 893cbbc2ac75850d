"""Drafts: create, list, read, change. Source: api.md."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import AfterValidator

from api.caller import AnyRole, Caller, Ops
from api.days import Day
from api.draft_bodies import DraftInput
from api.draft_creation import create_draft
from api.draft_sending import stored_draft
from api.draft_views import DraftHead, DraftView, draft_view, head_view
from api.idempotency import IdempotencyKey, body_digest
from api.paging import Page, Paging, write_cursor
from api.problems import problems
from api.queries import after_id
from api.requests import ExactRoute
from api.rooms import InRooms
from api.stuck import why_stuck
from domain.draft import Draft, Header
from domain.statuses import DraftStatus, WaitingFor
from domain.values import printable
from storage.database import Row
from storage.draft_orders import DraftFilter, StoredDraft, list_drafts

router = APIRouter(route_class=ExactRoute, tags=["draft orders"], responses=problems(401, 403, 404, 409, 412))


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
        rooms, caller, header, list(body.lines), key=key, digest=await body_digest(request)
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
    date_from: Annotated[Day | None, Query(description="first day of created_at, UTC")] = None,
    date_to: Annotated[Day | None, Query(description="last day of created_at, UTC")] = None,
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
    async with caller.transaction() as connection:
        rows = await list_drafts(
            connection,
            caller.org_id,
            caller.policy.production_gate,
            wanted,
            limit=page.limit + 1,
            before=after_id(page),
        )
    more = len(rows) > page.limit
    rows = rows[: page.limit]
    return Page(
        data=[_head(row, caller) for row in rows],
        next_cursor=write_cursor(rows[-1]["created_at"], str(rows[-1]["id"])) if more else None,
    )


def _head(row: Row, caller: Caller) -> DraftHead:
    draft, hours = Draft.model_validate(row["snapshot"]), caller.policy.ack_overdue_hours
    return head_view(draft, row["waiting_for"], row["customer_name"], row["acks_wait_since"], hours)


@router.get("/draft-orders/{draft_id}", response_model=DraftView)
async def read(draft_id: UUID, caller: AnyRole, rooms: InRooms) -> Response:
    stored = await stored_draft(caller, draft_id)
    return answer(stored, caller, rooms, stuck=await why_stuck(rooms, stored))
