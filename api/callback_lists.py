"""What came in by signed callbacks, and what was refused. Nothing here changes anything."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel

from api.caller import AnyRole
from api.paging import Page, Paging, page_of
from api.problems import problems
from api.queries import after_id
from api.requests import ExactRoute
from domain.callbacks import CallbackOutcome, CallbackRefusal
from domain.values import Key
from storage import callbacks
from storage.database import Row

router = APIRouter(route_class=ExactRoute, tags=["callbacks"])


class Callback(BaseModel):
    """`outcome` is null until it is settled; `outcome_note` says why it had no effect.

    `deliveries` counts how often it came, `other_bodies` how often its webhook-id came with another body.
    """

    id: UUID
    webhook_id: str
    secret_id: UUID
    color_up_id: UUID
    decision: Literal["approve", "request_changes"]
    approver_email: str
    comment: str | None
    received_at: datetime
    deliveries: int
    other_bodies: int
    outcome: CallbackOutcome | None
    outcome_note: str | None
    approver_id: UUID | None
    settled_at: datetime | None


class RefusedCallback(BaseModel):
    """`webhook_id` and `color_up_id` are what it said, unverified."""

    id: UUID
    reason: CallbackRefusal
    webhook_id: str | None
    color_up_id: UUID | None
    ip: str | None
    user_agent: str | None
    request_id: str | None
    refused_at: datetime


def _callback(row: Row) -> Callback:
    return Callback.model_validate(dict(row))


def _refusal(row: Row) -> RefusedCallback:
    return RefusedCallback.model_validate(dict(row))


@router.get("/callbacks", responses=problems(401))
async def list_callbacks(
    caller: AnyRole,
    paging: Paging,
    outcome: CallbackOutcome | None = None,
    color_up_id: UUID | None = None,
    webhook_id: Annotated[Key | None, Query()] = None,
) -> Page[Callback]:
    """Callbacks that were accepted, newest first."""
    filters = {"outcome": outcome, "color_up_id": color_up_id, "webhook_id": webhook_id}
    async with caller.transaction() as connection:
        rows = await callbacks.list_callbacks(
            connection, caller.org_id, filters, limit=paging.limit + 1, after=after_id(paging)
        )
    return page_of(paging, rows, _callback, ("received_at", "id"))


@router.get("/callback-refusals", responses=problems(401))
async def list_refused_callbacks(caller: AnyRole, paging: Paging) -> Page[RefusedCallback]:
    """Callbacks that name a color-up of this organisation, or bear its signature, and were refused.

    The newest 200, newest first.
    """
    async with caller.transaction() as connection:
        rows = await callbacks.list_refusals(
            connection, caller.org_id, limit=paging.limit + 1, after=after_id(paging)
        )
    return page_of(paging, rows, _refusal, ("refused_at", "id"))
