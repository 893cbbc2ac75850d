"""Proofs by where they stand: above all, whose customers are to be called, and about which orders."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.proof_status import ProofStatus
from storage.database import Row

_STATUS = """CASE
    WHEN u.decision = 'approve' THEN 'approved'
    WHEN u.decision = 'request_changes' THEN 'changes_requested'
    WHEN u.decision = 'superseded' THEN 'superseded'
    WHEN p.color_up_id IS NULL THEN 'pending' ELSE 'phone_call' END"""
# of drafts that are no more, nobody waits
_WAITING_LINES = """
    draft_order_line l JOIN draft_order d ON d.id = l.draft_order_id
    WHERE l.org_id = :org AND l.status IN ('Sent for Approval', 'Phone Call') AND d.status <> 'REJECTED'
"""


@dataclass(frozen=True)
class _Choice:
    """Which rows, sorted by what; `newest` first, or whoever waits longest."""

    condition: str
    sort: str
    newest: bool


_CHOICES: dict[ProofStatus | None, _Choice] = {
    None: _Choice("u.status <> 'Draft'", "u.created_at", newest=True),
    ProofStatus.PENDING: _Choice(
        "u.status = 'Pending Approval' AND p.color_up_id IS NULL",
        "coalesce(u.sent_at, u.created_at)",
        newest=False,
    ),
    ProofStatus.PHONE_CALL: _Choice(
        "u.status = 'Pending Approval' AND p.color_up_id IS NOT NULL "
        f"AND EXISTS (SELECT 1 FROM {_WAITING_LINES} AND l.color_up_id = u.id)",
        "p.since",
        newest=False,
    ),
    ProofStatus.APPROVED: _Choice("u.decision = 'approve'", "u.decided_at", newest=True),
    ProofStatus.CHANGES_REQUESTED: _Choice("u.decision = 'request_changes'", "u.decided_at", newest=True),
    ProofStatus.SUPERSEDED: _Choice("u.decision = 'superseded'", "u.decided_at", newest=True),
}


async def list_proofs(
    connection: AsyncConnection,
    org_id: UUID,
    *,
    status: ProofStatus | None,
    customer_id: UUID | None,
    limit: int,
    after: tuple[datetime, UUID] | None,
) -> list[Row]:
    """Undecided ones longest wait first, the others newest first; `sort_at` and `id` are the place."""
    choice = _CHOICES[status]
    values: dict[str, Any] = {"org": org_id, "limit": limit}
    conditions = ["u.org_id = :org", choice.condition]
    if customer_id is not None:
        conditions.append("u.customer_id = :customer")
        values["customer"] = customer_id
    if after is not None:
        conditions.append(f"({choice.sort}, u.id) {'<' if choice.newest else '>'} (:after_at, :after_id)")
        values |= {"after_at": after[0], "after_id": after[1]}
    direction = "DESC" if choice.newest else "ASC"
    query = (
        f"SELECT u.id, {_STATUS} AS status, u.style_number, u.color_code, u.version, u.sent_at, "
        "u.decided_at, p.since AS phone_call_since, n.next_at, u.customer_id, c.name AS customer_name, "
        "c.time_zone, u.logo_id, g.name AS logo_name, g.design_number, "
        "(SELECT count(*) FROM proof_reminder r WHERE r.color_up_id = u.id) AS reminders_sent, "
        "(SELECT max(reminded_at) FROM proof_reminder r WHERE r.color_up_id = u.id) AS last_reminded_at, "
        f"{choice.sort} AS sort_at "
        "FROM color_up u JOIN customer c ON c.id = u.customer_id JOIN logo g ON g.id = u.logo_id "
        "LEFT JOIN proof_phone_call p ON p.color_up_id = u.id "
        "LEFT JOIN reminder_plan n ON n.customer_id = u.customer_id "
        f"WHERE {' AND '.join(conditions)} ORDER BY {choice.sort} {direction}, u.id {direction} LIMIT :limit"
    )
    return list((await connection.execute(text(query), values)).mappings())


async def approvers_of(
    connection: AsyncConnection, org_id: UUID, customer_ids: Collection[UUID]
) -> list[Row]:
    """The customers' active approvers, the primary one first."""
    query = text(
        "SELECT customer_id, id, name, email, phone, is_primary FROM approver "
        "WHERE org_id = :org AND customer_id = ANY(:ids) AND active "
        "ORDER BY is_primary DESC, created_at, id"
    )
    values = {"org": org_id, "ids": list(customer_ids)}
    return list((await connection.execute(query, values)).mappings())


async def waiting_lines(
    connection: AsyncConnection, org_id: UUID, color_up_ids: Collection[UUID]
) -> list[Row]:
    """Lines that wait for the decision, with the `number` of their drafts."""
    query = text(
        "SELECT l.color_up_id, l.draft_order_id, d.number, d.external_order_number, l.line_no, l.status "
        f"FROM {_WAITING_LINES} AND l.color_up_id = ANY(:ids) ORDER BY d.number, l.line_no"
    )
    values = {"org": org_id, "ids": list(color_up_ids)}
    return list((await connection.execute(query, values)).mappings())
