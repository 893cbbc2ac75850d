"""Reminders of undecided proofs: what waits for a customer, what went out, who is to be called."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.policy import OrgPolicy
from domain.reminders import Mornings
from storage.database import Row

# A proof that a line waits for. A rejected draft's lines keep their status and wait for nothing.
_WAITING = """
    FROM color_up u WHERE u.org_id = :org AND u.status = 'Pending Approval' AND EXISTS (
        SELECT 1 FROM draft_order_line l JOIN draft_order d ON d.id = l.draft_order_id
        WHERE l.org_id = :org AND l.color_up_id = u.id AND l.status = 'Sent for Approval'
            AND d.status <> 'REJECTED')
"""
_MORNINGS = "c.time_zone, c.reminder_days, c.holidays, o.settings"


def mornings_of(row: Row) -> Mornings:
    return Mornings(
        time_zone=row["time_zone"],
        hour=OrgPolicy.model_validate(row["settings"]).reminder_hour,
        days=frozenset(row["reminder_days"]),
        holidays=frozenset(row["holidays"]),
    )


async def calendar(connection: AsyncConnection, org_id: UUID, customer_id: UUID) -> Row | None:
    """What `mornings_of` reads, `waiting` proofs, and `last`, the newest day with a digest."""
    query = text(
        f"SELECT {_MORNINGS}, (SELECT count(*) {_WAITING} AND u.customer_id = c.id) AS waiting, "
        "(SELECT max(local_date) FROM proof_reminder r WHERE r.customer_id = c.id) AS last "
        "FROM customer c JOIN org o ON o.id = c.org_id WHERE c.org_id = :org AND c.id = :customer"
    )
    values = {"org": org_id, "customer": customer_id}
    return (await connection.execute(query, values)).mappings().first()


async def waiting_proofs(connection: AsyncConnection, org_id: UUID, customer_id: UUID) -> list[Row]:
    """Undecided proofs that lines of the customer wait for, longest first, with their reminders so far."""
    query = text(
        "SELECT u.id, u.style_number, u.color_code, u.version, g.name AS logo_name, g.design_number, "
        "(SELECT count(*) FROM proof_reminder r WHERE r.color_up_id = u.id) AS reminders, "
        "(SELECT max(local_date) FROM proof_reminder r WHERE r.color_up_id = u.id) AS last "
        "FROM color_up u JOIN logo g ON g.id = u.logo_id "
        f"WHERE u.id IN (SELECT u.id {_WAITING} AND u.customer_id = :customer) "
        "ORDER BY u.created_at, u.id"
    )
    values = {"org": org_id, "customer": customer_id}
    return list((await connection.execute(query, values)).mappings())


async def active_approvers(connection: AsyncConnection, org_id: UUID, customer_id: UUID) -> list[Row]:
    """Who may decide, the primary one first."""
    query = text(
        "SELECT id, name, email FROM approver WHERE org_id = :org AND customer_id = :customer AND active "
        "ORDER BY is_primary DESC, created_at, id"
    )
    values = {"org": org_id, "customer": customer_id}
    return list((await connection.execute(query, values)).mappings())


async def sender_of(connection: AsyncConnection, org_id: UUID, customer_id: UUID) -> Row:
    """What a mail to the customer's people needs: `org_name`, `language`."""
    query = text(
        "SELECT o.name AS org_name, c.language FROM customer c JOIN org o ON o.id = c.org_id "
        "WHERE c.org_id = :org AND c.id = :customer"
    )
    return (await connection.execute(query, {"org": org_id, "customer": customer_id})).mappings().one()


async def count_reminder(
    connection: AsyncConnection, org_id: UUID, customer_id: UUID, color_up_id: UUID, day: date, at: datetime
) -> int | None:
    """Note that the customer was reminded; how often by now, or None when that day was noted before."""
    made = await connection.execute(
        text(
            "INSERT INTO proof_reminder (color_up_id, local_date, org_id, customer_id, reminded_at) "
            "VALUES (:id, :day, :org, :customer, :at) ON CONFLICT (color_up_id, local_date) DO NOTHING"
        ),
        {"id": color_up_id, "day": day, "org": org_id, "customer": customer_id, "at": at},
    )
    if made.rowcount == 0:
        return None
    count: int | None = await connection.scalar(
        text("SELECT count(*) FROM proof_reminder WHERE org_id = :org AND color_up_id = :id"),
        {"org": org_id, "id": color_up_id},
    )
    return count


async def note_phone_call(
    connection: AsyncConnection, org_id: UUID, color_up_id: UUID, since: datetime
) -> bool:
    """Put the proof on the call list; False when it was there."""
    made = await connection.execute(
        text(
            "INSERT INTO proof_phone_call (color_up_id, org_id, since) VALUES (:id, :org, :since) "
            "ON CONFLICT (color_up_id) DO NOTHING"
        ),
        {"id": color_up_id, "org": org_id, "since": since},
    )
    return made.rowcount == 1


async def drafts_waiting_for(connection: AsyncConnection, org_id: UUID, color_up_id: UUID) -> list[UUID]:
    """Subscribed drafts with a line that was sent for this proof's approval.

    One that has not subscribed yet must not go on: it would never hear of the decision.
    """
    query = text(
        "SELECT DISTINCT l.draft_order_id FROM color_up_subscription s "
        "JOIN draft_order_line l ON l.draft_order_id = s.draft_order_id AND l.color_up_id = s.color_up_id "
        "JOIN draft_order d ON d.id = l.draft_order_id "
        "WHERE s.org_id = :org AND s.color_up_id = :id AND l.status = 'Sent for Approval' "
        "AND d.status <> 'REJECTED' ORDER BY 1"
    )
    return list(await connection.scalars(query, {"org": org_id, "id": color_up_id}))


async def save_plan(
    connection: AsyncConnection, org_id: UUID, customer_id: UUID, next_at: datetime, at: datetime
) -> None:
    """Note what the customer's workflow sleeps until."""
    await connection.execute(
        text(
            "INSERT INTO reminder_plan (customer_id, org_id, next_at, planned_at) "
            "VALUES (:customer, :org, :next_at, :at) ON CONFLICT (customer_id) DO UPDATE "
            "SET next_at = excluded.next_at, planned_at = excluded.planned_at"
        ),
        {"customer": customer_id, "org": org_id, "next_at": next_at, "at": at},
    )


async def plans(connection: AsyncConnection, org_id: UUID) -> Sequence[Row]:
    """Customers whose proofs wait: `customer_id`, what `mornings_of` reads, `last`, `next_at` (or null)."""
    query = text(
        f"SELECT c.id AS customer_id, {_MORNINGS}, p.next_at, "
        "(SELECT max(local_date) FROM proof_reminder r WHERE r.customer_id = c.id) AS last "
        "FROM customer c JOIN org o ON o.id = c.org_id LEFT JOIN reminder_plan p ON p.customer_id = c.id "
        f"WHERE c.org_id = :org AND c.id IN (SELECT u.customer_id {_WAITING}) ORDER BY c.id"
    )
    rows: Any = await connection.execute(query, {"org": org_id})
    return list(rows.mappings())
