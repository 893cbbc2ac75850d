"""Commands on a draft: validate, sign, push, reject. One route each, no rule in any of them."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from api.bodies import NoFields
from api.caller import Caller, Ops, Production
from api.draft_sending import send, stored_draft
from api.etags import IfMatch, version_of
from api.idempotency import IdempotencyKey, body_digest
from api.json_types import BodyLineNo
from api.problems import problems
from api.requests import ExactRoute
from api.rooms import InRooms, Rooms
from domain import messages as msg
from domain.draft import Issue, ReadyCheck
from domain.statuses import DraftStatus, ExportStatus
from domain.transitions import Command
from domain.values import MAX_LINES, Reason, Text
from storage import exports

router = APIRouter(
    route_class=ExactRoute, tags=["draft orders"], responses=problems(400, 401, 403, 404, 409, 412)
)


class Validated(BaseModel):
    id: UUID
    status: DraftStatus
    ready_check: ReadyCheck | None
    issues: list[Issue]


class Approved(BaseModel):
    id: UUID
    status: DraftStatus
    approved_at: datetime | None
    approved_by_user_id: UUID | None


class Moved(BaseModel):
    id: UUID
    status: DraftStatus


class LineMoved(BaseModel):
    line_no: int
    status: str


class ProductionApproved(BaseModel):
    id: UUID
    status: DraftStatus
    production_approved_at: datetime | None
    lines: list[LineMoved]


class PushAnswer(BaseModel):
    erp_export_id: UUID
    status: str = Field(description="PUSHING; for a repeat in_progress, SENT, ACKED or FAILED")


class ProductionApproval(BaseModel):
    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"line_nos": [2, 3], "note": "Threads are here"}]}
    )

    line_nos: list[BodyLineNo] | None = Field(None, min_length=1, max_length=MAX_LINES)
    note: Text | None = None


class ProductionRejection(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"line_nos": [2], "reason": "Gold thread is out of stock"}]},
    )

    line_nos: list[BodyLineNo] = Field(min_length=1, max_length=MAX_LINES)
    reason: Reason


class Rejection(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"reason": "Ordered twice"}]})

    reason: Reason


Confirm = Annotated[bool, Query(description="push although the ERP may already have an earlier document")]


@router.post("/draft-orders/{draft_id}/validate", response_model=Validated)
async def validate(
    draft_id: UUID,
    request: Request,
    caller: Ops,
    rooms: InRooms,
    key: IdempotencyKey,
    body: NoFields | None = None,
) -> Validated:
    """Check against catalog and customers: READY, or NEEDS_REVIEW with what is wrong."""
    message = msg.ValidateMessage(key=key, digest=await body_digest(request))
    await send(rooms, caller, draft_id, Command.VALIDATE, message)
    draft = (await stored_draft(caller, draft_id)).draft
    return Validated(id=draft.id, status=draft.status, ready_check=draft.ready_check, issues=draft.issues)


@router.post("/draft-orders/{draft_id}/approve", response_model=Approved)
async def approve(
    draft_id: UUID,
    request: Request,
    caller: Ops,
    rooms: InRooms,
    key: IdempotencyKey,
    if_match: IfMatch,
    body: NoFields | None = None,
) -> dict[str, Any]:
    """The operator's signature. With `If-Match` it signs exactly the version that was read."""
    message = msg.ApproveMessage(
        key=key, digest=await body_digest(request), expected_version=version_of(if_match)
    )
    return (await send(rooms, caller, draft_id, Command.APPROVE, message)).result


@router.delete("/draft-orders/{draft_id}/approval", response_model=Moved)
async def revoke_approval(draft_id: UUID, caller: Ops, rooms: InRooms, if_match: IfMatch) -> dict[str, Any]:
    """Take the operator's signature back."""
    message = msg.RevokeApprovalMessage(expected_version=version_of(if_match))
    return (await send(rooms, caller, draft_id, Command.REVOKE_APPROVAL, message)).result


@router.post("/draft-orders/{draft_id}/production-approve", response_model=ProductionApproved)
async def production_approve(
    draft_id: UUID,
    request: Request,
    caller: Production,
    rooms: InRooms,
    key: IdempotencyKey,
    body: ProductionApproval | None = None,
) -> dict[str, Any]:
    """Production's signature: on the draft, or on all its lines that wait."""
    given = body or ProductionApproval()
    message = msg.ProductionApproveMessage(
        line_nos=given.line_nos, note=given.note, key=key, digest=await body_digest(request)
    )
    return (await send(rooms, caller, draft_id, Command.PRODUCTION_APPROVE, message)).result


@router.post("/draft-orders/{draft_id}/production-reject", response_model=ProductionApproved)
async def production_reject(
    draft_id: UUID,
    body: ProductionRejection,
    request: Request,
    caller: Production,
    rooms: InRooms,
    key: IdempotencyKey,
) -> dict[str, Any]:
    """Send lines back for another version of their color-up; a signature of production on them is gone."""
    message = msg.ProductionRejectMessage(
        line_nos=body.line_nos, reason=body.reason, key=key, digest=await body_digest(request)
    )
    return (await send(rooms, caller, draft_id, Command.PRODUCTION_REJECT, message)).result


@router.post("/draft-orders/{draft_id}/reject", response_model=Moved)
async def reject(
    draft_id: UUID, body: Rejection, request: Request, caller: Ops, rooms: InRooms, key: IdempotencyKey
) -> dict[str, Any]:
    """Close the draft for good."""
    message = msg.RejectMessage(reason=body.reason, key=key, digest=await body_digest(request))
    return (await send(rooms, caller, draft_id, Command.REJECT, message)).result


_PUSH_RESPONSES: dict[int | str, dict[str, Any]] = {
    202: {"model": PushAnswer, "description": "A repeat of the same key while the export runs"}
}


@router.post("/draft-orders/{draft_id}/push", response_model=PushAnswer, responses=_PUSH_RESPONSES)
async def push(
    draft_id: UUID,
    request: Request,
    caller: Ops,
    rooms: InRooms,
    key: IdempotencyKey,
    confirm_may_duplicate: Confirm = False,
    body: NoFields | None = None,
) -> Response:
    """Hand the order to the ERP. The same key again answers for the same export, however it went."""
    return await _push(Command.PUSH, draft_id, request, caller, rooms, key, confirm_may_duplicate)


@router.post("/draft-orders/{draft_id}/retry-push", response_model=PushAnswer, responses=_PUSH_RESPONSES)
async def retry_push(
    draft_id: UUID,
    request: Request,
    caller: Ops,
    rooms: InRooms,
    key: IdempotencyKey,
    confirm_may_duplicate: Confirm = False,
    body: NoFields | None = None,
) -> Response:
    """A new export after a failed one; the failed one is never changed."""
    return await _push(Command.RETRY_PUSH, draft_id, request, caller, rooms, key, confirm_may_duplicate)


async def _push(
    command: Command,
    draft_id: UUID,
    request: Request,
    caller: Caller,
    rooms: Rooms,
    key: str | None,
    confirmed: bool,
) -> Response:
    message = msg.MESSAGES[command](
        key=key, digest=await body_digest(request), confirm_may_duplicate=confirmed
    )
    receipt = await send(rooms, caller, draft_id, command, message)
    if receipt.token == message.token:
        return JSONResponse(receipt.result)
    async with caller.transaction() as connection:
        row = await exports.get(connection, caller.org_id, UUID(receipt.result["erp_export_id"]))
    status = row["status"] if row is not None else ExportStatus.PENDING
    if status == ExportStatus.PENDING:
        return JSONResponse({**receipt.result, "status": "in_progress"}, 202)
    return JSONResponse({**receipt.result, "status": status})
