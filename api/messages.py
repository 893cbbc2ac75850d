"""The message log: which mails went to a customer's people, and how they ended."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict

from api.caller import AnyRole
from api.paging import Page, Paging, page_of
from api.problems import problems
from api.queries import after_id
from api.requests import ExactRoute
from domain.mails import MailKind, MailOutcome
from storage import messages
from storage.database import Row

router = APIRouter(route_class=ExactRoute, tags=["proofs"])


class Message(BaseModel):
    """One mail. `at` is when its `outcome` was known; RETRYING says why in `reason`."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "0d3f0b2e-8f5c-4b0c-9c39-7a3c0f6c8d11",
                    "kind": "proof",
                    "customer_id": "6b7f1c1e-6f5e-4c55-8f0a-0a8f5f4a5f11",
                    "approver_id": "2f6f7f3c-1d5b-4b53-9d0a-3f0a5a6b7c8d",
                    "color_up_ids": ["9a8b7c6d-5e4f-4a3b-8c2d-1e0f9a8b7c6d"],
                    "recipient": "jo@hansen.example",
                    "outcome": "RETRYING",
                    "reason": "The mail server did not answer in time",
                    "attempts": 3,
                    "created_at": "2026-11-20T09:30:00Z",
                    "at": "2026-11-20T09:30:01Z",
                }
            ]
        }
    )

    id: UUID
    kind: MailKind
    customer_id: UUID
    approver_id: UUID | None
    color_up_ids: list[UUID]
    recipient: str
    outcome: MailOutcome
    reason: str | None
    attempts: int
    created_at: datetime
    at: datetime


def shown(row: Row) -> Message:
    return Message.model_validate(dict(row))


@router.get("/messages", responses=problems(401))
async def list_messages(
    caller: AnyRole,
    paging: Paging,
    color_up_id: UUID | None = None,
    draft_order_id: Annotated[
        UUID | None, Query(description="about color-ups that this draft's lines have or waited for")
    ] = None,
) -> Page[Message]:
    """Newest first. What a mail says, and its links, are kept nowhere."""
    async with caller.transaction() as connection:
        rows = await messages.list_messages(
            connection,
            caller.org_id,
            color_up_id=color_up_id,
            draft_order_id=draft_order_id,
            limit=paging.limit + 1,
            after=after_id(paging),
        )
    return page_of(paging, rows, shown)
