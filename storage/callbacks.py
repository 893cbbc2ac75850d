"""The inbox of signed callbacks: one row per webhook-id, and what became of it."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.callbacks import CallbackOutcome
from storage.database import Database, Row
from storage.pages import After, newest_first

REFUSALS_KEPT = 200  # of an org; a flood of bad signatures fills no disk
_ORGS_TRIED = 1000

_SHOWN = (
    "id, webhook_id, secret_id, color_up_id, decision, approver_email, comment, received_at, deliveries, "
    "other_bodies, outcome, outcome_note, approver_id, settled_at"
)


async def secrets_for(database: Database, color_up_id: UUID) -> list[Row]:
    """Encrypted secrets in use of the color-up's org: `org_id`, `secret_id`, `secret_encrypted`.

    No row: nobody has such a color-up. A row without a secret: its org has none in use.
    """
    statement = (
        "SELECT o.org_id, s.secret_id, s.secret_encrypted FROM find_color_up_org(:id) o "
        "LEFT JOIN LATERAL callback_secrets_of(o.org_id) s ON true"
    )
    return await database.call(statement, {"id": color_up_id})


async def secrets_of_all(database: Database) -> list[Row]:
    """The same of every org."""
    every = "orgs_with_callback_secrets(:most) o CROSS JOIN LATERAL callback_secrets_of(o.org_id) s"
    return await database.call(f"SELECT s.* FROM {every}", {"most": _ORGS_TRIED})


async def receive(database: Database, values: Mapping[str, Any]) -> Row:
    """Insert it, or count one more delivery: `id`, `is_new`, and `fits`, false for another body.

    `values`: id, org_id, webhook_id, secret_id, body_sha256, color_up_id, decision, approver_email, comment,
    request_id, ip, user_agent, received_at.
    """
    statement = "SELECT * FROM receive_callback(cast(:values AS jsonb))"
    return (await database.call(statement, {"values": json.dumps(values, default=str)}))[0]


async def refuse(database: Database, values: Mapping[str, Any]) -> None:
    """Keep a refusal: `id`, `org_id`, `reason`, `webhook_id`, `color_up_id`, `request_id`, `ip`, …"""
    statement = "SELECT refuse_callback(cast(:values AS jsonb), :kept)"
    await database.call(statement, {"values": json.dumps(values, default=str), "kept": REFUSALS_KEPT})


async def list_callbacks(
    connection: AsyncConnection,
    org_id: UUID,
    filters: Mapping[str, Any],
    *,
    limit: int,
    after: After,
) -> list[Row]:
    """Newest first. `filters`: columns and the values they must have; None means any."""
    conditions, source = {name: f"{name} = :{name}" for name in filters}, ("callback_inbox", _SHOWN)
    return await newest_first(
        connection, org_id, source, conditions, filters, limit=limit, after=after, at="received_at"
    )


async def list_refusals(connection: AsyncConnection, org_id: UUID, *, limit: int, after: After) -> list[Row]:
    """Newest first; at most `REFUSALS_KEPT` are there."""
    return await newest_first(
        connection, org_id, ("callback_refusal", "*"), limit=limit, after=after, at="refused_at"
    )


async def question(connection: AsyncConnection, org_id: UUID, callback_id: UUID) -> Row | None:
    """The callback beside what it names: `color_up_status` and `found_approver_id` are null when unknown."""
    query = text(
        "SELECT i.*, c.status AS color_up_status, c.decision_token, c.decided_by_approver_id, "
        "a.id AS found_approver_id, a.email AS found_email "
        "FROM callback_inbox i "
        "LEFT JOIN color_up c ON c.org_id = i.org_id AND c.id = i.color_up_id "
        "LEFT JOIN approver a ON a.org_id = i.org_id AND a.customer_id = c.customer_id AND a.active "
        "AND lower(a.email) = lower(i.approver_email) "
        "WHERE i.org_id = :org AND i.id = :id"
    )
    return (await connection.execute(query, {"org": org_id, "id": callback_id})).mappings().first()


async def settle(
    connection: AsyncConnection,
    asked: Row,
    outcome: CallbackOutcome,
    note: str | None,
    approver_id: UUID | None,
    at: datetime,
) -> None:
    """Keep what became of a `question`, once; a repeat keeps what was settled first."""
    statement = text(
        "UPDATE callback_inbox SET outcome = :outcome, outcome_note = :note, approver_id = :approver, "
        "settled_at = :at WHERE org_id = :org AND id = :id AND outcome IS NULL"
    )
    values = {"org": asked["org_id"], "id": asked["id"], "approver": approver_id}
    await connection.execute(statement, {**values, "outcome": outcome.value, "note": note, "at": at})


async def unsettled(database: Database, before: datetime, most: int) -> list[Row]:
    """Oldest first, of all orgs: `org_id`, `callback_id`."""
    statement = "SELECT * FROM list_unsettled_callbacks(:before, :most)"
    return await database.call(statement, {"before": before, "most": most})
