"""Approvers of a customer: who may decide proofs. They are deactivated, never deleted."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.ext.asyncio import AsyncConnection

from api.caller import AnyRole, Caller, Ops
from api.emails import Email
from api.etags import IfMatch, etag, require_version
from api.idempotency import Answer, IdempotencyKey, once
from api.json_types import Truth
from api.notices import InNotices
from api.paging import Page, Paging, page_of
from api.patches import Patch, left_out
from api.problems import NotFound, Problem, problems
from api.queries import after_id
from api.requests import ExactRoute
from domain.notices import NoticeKind
from domain.values import Code, Name
from storage import approvers
from storage.customers import get_customer
from storage.database import Row
from storage.uniqueness import Taken

router = APIRouter(route_class=ExactRoute, tags=["customers"])


class Approver(BaseModel):
    id: UUID
    name: str
    email: str
    phone: str | None
    is_primary: bool
    active: bool
    version: int
    created_at: datetime
    updated_at: datetime


class NewApprover(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"name": "Jo Hansen", "email": "jo@hansen.example", "is_primary": True}]
        },
    )

    name: Name
    email: Email
    phone: Code | None = None
    is_primary: Truth = False
    active: Truth = True


class ApproverPatch(Patch):
    model_config = ConfigDict(json_schema_extra={"examples": [{"active": False}]})

    name: Name = Field(default_factory=left_out)
    email: Email = Field(default_factory=left_out)
    phone: Code | None = Field(default_factory=left_out)
    is_primary: Truth = Field(default_factory=left_out)
    active: Truth = Field(default_factory=left_out)


def _shown(row: Row) -> Approver:
    return Approver.model_validate(dict(row))


def _facts(approver: Approver) -> dict[str, Any]:
    return approver.model_dump(mode="json", include=set(NewApprover.model_fields))


def _address_taken(email: str) -> Problem:
    return Problem(409, f"This customer has an approver with the address {email} already")


async def _require_customer(connection: AsyncConnection, caller: Caller, customer_id: UUID) -> None:
    if await get_customer(connection, caller.org_id, customer_id) is None:
        raise NotFound("customer")


@router.get("/customers/{customer_id}/approvers", responses=problems(401, 404))
async def list_approvers(customer_id: UUID, caller: AnyRole, paging: Paging) -> Page[Approver]:
    """Newest first."""
    async with caller.transaction() as connection:
        await _require_customer(connection, caller, customer_id)
        rows = await approvers.list_approvers(
            connection, caller.org_id, customer_id, limit=paging.limit + 1, after=after_id(paging)
        )
    return page_of(paging, rows, _shown)


@router.post(
    "/customers/{customer_id}/approvers",
    status_code=201,
    response_model=Approver,
    responses=problems(401, 403, 404, 409),
)
async def create_approver(
    customer_id: UUID,
    new: NewApprover,
    request: Request,
    caller: Ops,
    key: IdempotencyKey,
    notices: InNotices,
) -> JSONResponse:
    """An active one may decide proofs; lines that wait in Needs Approver are sent."""

    async def create(connection: AsyncConnection) -> Answer:
        await _require_customer(connection, caller, customer_id)
        row = await approvers.create_approver(
            connection, caller.org_id, customer_id, uuid4(), new.model_dump(), datetime.now(UTC)
        )
        approver = _shown(row)
        await caller.audit(
            connection,
            "APPROVER_CREATED",
            ("approver", approver.id),
            after=_facts(approver),
            details={"customer_id": str(customer_id)},
        )
        if approver.active:
            await notices.add(connection, caller.org_id, NoticeKind.APPROVER, approver.id)
        location = f"/customers/{customer_id}/approvers/{approver.id}"
        return Answer(approver, status=201, location=location, etag=approver.version)

    try:
        return await once(request, caller, key, create)
    except Taken:
        raise _address_taken(new.email) from None


@router.patch("/customers/{customer_id}/approvers/{approver_id}", responses=problems(401, 403, 404, 409, 412))
async def change_approver(
    customer_id: UUID,
    approver_id: UUID,
    patch: ApproverPatch,
    caller: Ops,
    if_match: IfMatch,
    response: Response,
    notices: InNotices,
) -> Approver:
    try:
        async with caller.transaction() as connection:
            row = await approvers.get_approver(connection, caller.org_id, customer_id, approver_id)
            if row is None:
                raise NotFound("approver")
            require_version(if_match, row["version"])
            changes = patch.changes(dict(row))
            approver = await _changed(connection, caller, row, changes) if changes else _shown(row)
            if approver.active and not row["active"]:
                await notices.add(connection, caller.org_id, NoticeKind.APPROVER, approver.id)
    except Taken:
        raise _address_taken(patch.email) from None
    response.headers["ETag"] = etag(approver.version)
    return approver


async def _changed(
    connection: AsyncConnection, caller: Caller, row: Row, changes: dict[str, Any]
) -> Approver:
    at = datetime.now(UTC)
    approver = _shown(await approvers.update_approver(connection, caller.org_id, row, changes, at))
    before, after = _facts(_shown(row)), _facts(approver)
    await caller.audit(
        connection,
        "APPROVER_UPDATED",
        ("approver", approver.id),
        before={name: before[name] for name in changes},
        after={name: after[name] for name in changes},
        details={"customer_id": str(row["customer_id"])},
    )
    return approver
