"""Proofs and where they stand; with `?status=phone_call` the list of customers that the team is to call."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict

from api.caller import AnyRole
from api.paging import Page, Paging, write_cursor
from api.problems import problems
from api.queries import after_id
from api.requests import ExactRoute
from domain.proof_status import ProofStatus
from storage import call_list
from storage.database import Row

router = APIRouter(route_class=ExactRoute, tags=["proofs"])


class ProofCustomer(BaseModel):
    id: UUID
    name: str
    time_zone: str


class ProofLogo(BaseModel):
    id: UUID
    name: str
    design_number: str | None


class CallableApprover(BaseModel):
    id: UUID
    name: str
    email: str
    phone: str | None
    is_primary: bool


class WaitingLine(BaseModel):
    line_no: int
    status: str


class WaitingDraft(BaseModel):
    id: UUID
    number: str
    external_order_number: str | None
    lines: list[WaitingLine]


class Proof(BaseModel):
    """One color-up version before its customer. `approvers` are the active ones, `drafts` those that wait."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "color_up_id": "9a8b7c6d-5e4f-4a3b-8c2d-1e0f9a8b7c6d",
                    "status": "phone_call",
                    "customer": {
                        "id": "6b7f1c1e-6f5e-4c55-8f0a-0a8f5f4a5f11",
                        "name": "Hansen Golf GmbH",
                        "time_zone": "Europe/Berlin",
                    },
                    "logo": {
                        "id": "7b0f0d9e-5b1c-4a53-9f59-0f8f4b1c2d3e",
                        "name": "Club crest",
                        "design_number": "D-4711",
                    },
                    "style_number": "14728",
                    "color_code": "BLK",
                    "version": 1,
                    "sent_at": "2026-11-13T14:02:11Z",
                    "reminders_sent": 5,
                    "last_reminded_at": "2026-11-18T07:00:00Z",
                    "phone_call_since": "2026-11-19T07:00:00Z",
                    "approvers": [
                        {
                            "id": "2f6f7f3c-1d5b-4b53-9d0a-3f0a5a6b7c8d",
                            "name": "Jo Hansen",
                            "email": "jo@hansen.example",
                            "phone": "+49 40 123456",
                            "is_primary": True,
                        }
                    ],
                    "drafts": [
                        {
                            "id": "0d3f0b2e-8f5c-4b0c-9c39-7a3c0f6c8d11",
                            "number": "D-000123",
                            "external_order_number": "PO-12345",
                            "lines": [{"line_no": 1, "status": "Phone Call"}],
                        }
                    ],
                }
            ]
        }
    )

    color_up_id: UUID
    status: ProofStatus
    customer: ProofCustomer
    logo: ProofLogo
    style_number: str
    color_code: str
    version: int
    sent_at: datetime | None
    reminders_sent: int
    last_reminded_at: datetime | None
    next_reminder_at: datetime | None = None
    phone_call_since: datetime | None
    decided_at: datetime | None = None
    approvers: list[CallableApprover]
    drafts: list[WaitingDraft]


@router.get("/proofs", responses=problems(401))
async def list_proofs(
    caller: AnyRole,
    paging: Paging,
    status: Annotated[
        ProofStatus | None, Query(description="phone_call: whose customers are to be called")
    ] = None,
    customer_id: UUID | None = None,
) -> Page[Proof]:
    """Proofs that were sent. Those that wait come longest wait first, all others newest first."""
    async with caller.transaction() as connection:
        rows = await call_list.list_proofs(
            connection,
            caller.org_id,
            status=status,
            customer_id=customer_id,
            limit=paging.limit + 1,
            after=after_id(paging),
        )
        page = rows[: paging.limit]
        customers, proofs = {row["customer_id"] for row in page}, {row["id"] for row in page}
        approvers = await call_list.approvers_of(connection, caller.org_id, customers)
        lines = await call_list.waiting_lines(connection, caller.org_id, proofs)
    more = len(rows) > paging.limit
    return Page(
        data=[_shown(row, approvers, lines) for row in page],
        next_cursor=write_cursor(page[-1]["sort_at"], page[-1]["id"]) if more else None,
    )


def _shown(row: Row, approvers: Sequence[Row], lines: Sequence[Row]) -> Proof:
    status = ProofStatus(row["status"])
    own = [each for each in approvers if each["customer_id"] == row["customer_id"]]
    waiting = [each for each in lines if each["color_up_id"] == row["id"]]
    return Proof(
        color_up_id=row["id"],
        status=status,
        customer=ProofCustomer(id=row["customer_id"], name=row["customer_name"], time_zone=row["time_zone"]),
        logo=ProofLogo(id=row["logo_id"], name=row["logo_name"], design_number=row["design_number"]),
        style_number=row["style_number"],
        color_code=row["color_code"],
        version=row["version"],
        sent_at=row["sent_at"],
        reminders_sent=row["reminders_sent"],
        last_reminded_at=row["last_reminded_at"],
        next_reminder_at=row["next_at"] if status is ProofStatus.PENDING and waiting else None,
        phone_call_since=row["phone_call_since"],
        decided_at=row["decided_at"],
        approvers=[CallableApprover.model_validate(dict(each)) for each in own],
        drafts=_drafts(waiting) if row["decided_at"] is None else [],
    )


def _drafts(lines: Sequence[Row]) -> list[WaitingDraft]:
    found: dict[UUID, WaitingDraft] = {}
    for line in lines:
        draft = found.setdefault(
            line["draft_order_id"],
            WaitingDraft(
                id=line["draft_order_id"],
                number=line["number"],
                external_order_number=line["external_order_number"],
                lines=[],
            ),
        )
        draft.lines.append(WaitingLine(line_no=line["line_no"], status=line["status"]))
    return list(found.values())
