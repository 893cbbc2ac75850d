"""Read drafts: lists, one draft, and what a decision wants to know about the rest of the org."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.asked_proofs import AskedProof
from domain.connections import UsedConnection
from domain.draft import Draft, Export
from domain.statuses import WaitingFor
from storage.asked_proofs import ASKED
from storage.database import Row
from storage.days import end_of, start_of
from storage.line_history import MOVES, StoredMove

# A setting may have changed since the row was written, so the production gate is judged when it is read.
_WAITING = """
CASE WHEN d.status <> 'APPROVED' THEN d.waiting_for
     WHEN NOT d.customer_signed THEN 'customer_approval'
     WHEN NOT d.production_signed AND (:gate = 'always' OR (:gate = 'decorated' AND d.decorated))
          THEN 'production_approval'
     ELSE 'push' END
"""


# The draft knows the name at its last validation; since then an edit may have named another customer, and
# customers are renamed.
_CUSTOMER_NAME = "(SELECT c.name FROM customer c WHERE c.org_id = d.org_id AND c.id = d.customer_id)"


@dataclass(frozen=True)
class DraftFilter:
    status: str | None = None
    customer_id: UUID | None = None
    q: str | None = None
    date_from: date | None = None
    date_to: date | None = None
    waiting_for: str | None = None


@dataclass(frozen=True)
class StoredDraft:
    draft: Draft
    waiting_for: str | None
    creation_digest: str | None
    run_id: str | None  # of the workflow
    connection_status: str | None  # of the org's connection that is not DISABLED
    delivery_error: str | None  # why the running export's last try failed
    delivery_began_at: datetime | None  # when its last try began; None: no worker has taken it yet
    delivery_next_at: datetime | None = None  # when the try after that failure was to begin
    is_held: bool = False  # the running export waits for the end of a pause, or for its turn after it
    used: UsedConnection | None = None  # what the newest export goes or went through
    asked: Sequence[AskedProof] = ()  # what its lines wait for their customer with, longest wait first
    customer_name: str | None = None  # as the customer is called now; the draft holds an older word
    moves: Sequence[StoredMove] = ()  # of decorated lines, removed ones too, oldest first

    @property
    def has_connection(self) -> bool:
        return self.connection_status is not None


async def get_draft(
    connection: AsyncConnection, org_id: UUID, draft_id: UUID, gate: str
) -> StoredDraft | None:
    row = (
        (
            await connection.execute(
                text(
                    f"""
                SELECT d.snapshot, d.creation_digest, d.run_id, {_WAITING} AS waiting_for,
                    {_CUSTOMER_NAME} AS customer_name,
                    (SELECT c.status FROM erp_connection c
                     WHERE c.org_id = d.org_id AND c.status <> 'DISABLED') AS connection_status,
                    (SELECT coalesce(jsonb_agg(to_jsonb(e) - 'document' ORDER BY e.attempt), '[]')
                     FROM erp_export e WHERE e.draft_order_id = d.id) AS exports,
                    (SELECT jsonb_build_object('error', l.error->>'message', 'next_at', l.next_retry_at)
                     FROM erp_push_log l
                     JOIN erp_export e ON e.id = l.export_id AND e.status = 'PENDING'
                     WHERE e.draft_order_id = d.id AND l.error->>'code' <> 'CONNECTION_PAUSED'
                     ORDER BY l.attempt_number DESC LIMIT 1) AS failed_try,
                    (SELECT l.error->>'code' = 'CONNECTION_PAUSED' FROM erp_push_log l
                     JOIN erp_export e ON e.id = l.export_id AND e.status = 'PENDING'
                     WHERE e.draft_order_id = d.id
                     ORDER BY l.attempt_number DESC LIMIT 1) AS is_held,
                    (SELECT jsonb_build_object('status', c.status, 'paused_at', c.paused_at,
                         'paused_by', c.paused_by, 'ack_error', c.last_ack_poll_error->>'message')
                     FROM erp_export e JOIN erp_connection c ON c.id = e.connection_id AND c.org_id = d.org_id
                     WHERE e.draft_order_id = d.id ORDER BY e.attempt DESC LIMIT 1) AS used,
                    (SELECT max(l.started_at) FROM erp_push_log l
                     JOIN erp_export e ON e.id = l.export_id AND e.status = 'PENDING'
                     WHERE e.draft_order_id = d.id) AS delivery_began_at,
                    {MOVES} AS moves, {ASKED} AS asked
                FROM draft_order d WHERE d.org_id = :org AND d.id = :id
                """
                ),
                {"org": org_id, "id": draft_id, "gate": gate},
            )
        )
        .mappings()
        .first()
    )
    if row is None:
        return None
    draft = Draft.model_validate(row["snapshot"])
    draft.exports = [Export.model_validate(export) for export in row["exports"]]
    failed_try = row["failed_try"] or {}
    next_at = failed_try.get("next_at")
    return StoredDraft(
        draft=draft,
        waiting_for=row["waiting_for"],
        creation_digest=row["creation_digest"],
        run_id=row["run_id"],
        connection_status=row["connection_status"],
        delivery_error=failed_try.get("error"),
        delivery_began_at=row["delivery_began_at"],
        customer_name=row["customer_name"],
        delivery_next_at=None if next_at is None else datetime.fromisoformat(next_at),
        is_held=bool(row["is_held"]),
        used=None if row["used"] is None else UsedConnection.model_validate(row["used"]),
        asked=[AskedProof.model_validate(each) for each in row["asked"]],
        moves=[StoredMove.model_validate(move) for move in row["moves"]],
    )


async def list_drafts(
    connection: AsyncConnection,
    org_id: UUID,
    gate: str,
    wanted: DraftFilter,
    *,
    limit: int,
    before: tuple[datetime, UUID] | None,
) -> list[Row]:
    """Rows newest first; `before` is the last row of the page already seen."""
    query, values = list_query(org_id, gate, wanted, limit=limit, before=before)
    return list((await connection.execute(text(query), values)).mappings())


def list_query(
    org_id: UUID, gate: str, wanted: DraftFilter, *, limit: int, before: tuple[datetime, UUID] | None
) -> tuple[str, dict[str, Any]]:
    """The statement of `list_drafts` and its values; apart, so that a test can ask for its plan."""
    conditions = ["d.org_id = :org"]
    values: dict[str, Any] = {"org": org_id, "gate": gate, "limit": limit}
    given = {
        "status": wanted.status,
        "customer_id": wanted.customer_id,
        "q": None if wanted.q is None else wanted.q.lower(),
        "created_from": None if wanted.date_from is None else start_of(wanted.date_from),
        "created_before": None if wanted.date_to is None else end_of(wanted.date_to),
    }
    for name, value in given.items():
        if value is not None:
            conditions.append(_CONDITIONS[name])
            values[name] = value
    if wanted.waiting_for is not None:
        conditions.append(_WAITS_AT_A_GATE if wanted.waiting_for in _GATES else _WAITS)
        values["waiting_for"] = wanted.waiting_for
    if before is not None:
        conditions.append("(d.created_at, d.id) < (:before_at, :before_id)")
        values["before_at"], values["before_id"] = before
    query = f"""
        SELECT d.snapshot, d.created_at, d.id, {_WAITING} AS waiting_for, {_CUSTOMER_NAME} AS customer_name,
            CASE WHEN d.waiting_for = 'ack' THEN (
                SELECT max(e.sent_at) FROM erp_export e
                WHERE e.draft_order_id = d.id AND e.status = 'SENT' AND e.ack_expected
            ) END AS acks_wait_since
        FROM draft_order d WHERE {" AND ".join(conditions)}
        ORDER BY d.created_at DESC, d.id DESC LIMIT :limit
    """
    return query, values


# Under row-level security only plain comparisons reach an index: a function in a condition may leak what
# it is given, so PostgreSQL runs it on rows that passed already. Hence times, not dates to be cast.
_CONDITIONS = {
    "status": "d.status = :status",
    "customer_id": "d.customer_id = :customer_id",
    "q": """(position(:q in d.search) > 0 OR d.customer_id IN (
        SELECT c.id FROM customer c WHERE c.org_id = :org AND position(:q in lower(c.name)) > 0))""",
    "created_from": "d.created_at >= :created_from",
    "created_before": "d.created_at < :created_before",
}
# What an approved draft waits for depends on the org's setting of today, within these three.
_GATES = frozenset({WaitingFor.CUSTOMER_APPROVAL, WaitingFor.PRODUCTION_APPROVAL, WaitingFor.PUSH})
_WAITS = "d.waiting_for = :waiting_for AND d.status <> 'APPROVED'"
_WAITS_AT_A_GATE = f"""
    d.waiting_for IN ({", ".join(f"'{each}'" for each in sorted(_GATES))}) AND {_WAITING} = :waiting_for
"""
