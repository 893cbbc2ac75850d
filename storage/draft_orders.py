"""Read drafts: lists, one draft, and what a decision wants to know about the rest of the org."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.draft import Draft, Export
from storage.database import Row

# A setting may have changed since the row was written, so the production gate is judged when it is read.
_WAITING = """
CASE WHEN d.status <> 'APPROVED' THEN d.waiting_for
     WHEN NOT d.customer_signed THEN 'customer_approval'
     WHEN NOT d.production_signed AND (:gate = 'always' OR (:gate = 'decorated' AND d.decorated))
          THEN 'production_approval'
     ELSE 'push' END
"""


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
    has_connection: bool
    delivery_error: str | None  # why the running export's last try failed
    delivery_began_at: datetime | None  # when its last try began; None: no worker has taken it yet


async def get_draft(
    connection: AsyncConnection, org_id: UUID, draft_id: UUID, gate: str
) -> StoredDraft | None:
    row = (
        (
            await connection.execute(
                text(
                    f"""
                SELECT d.snapshot, d.creation_digest, d.run_id, {_WAITING} AS waiting_for,
                    EXISTS (SELECT 1 FROM erp_connection c
                            WHERE c.org_id = d.org_id AND c.status = 'ACTIVE') AS has_connection,
                    (SELECT coalesce(jsonb_agg(to_jsonb(e) - 'document' ORDER BY e.attempt), '[]')
                     FROM erp_export e WHERE e.draft_order_id = d.id) AS exports,
                    (SELECT l.error->>'message' FROM erp_push_log l
                     JOIN erp_export e ON e.id = l.export_id AND e.status = 'PENDING'
                     WHERE e.draft_order_id = d.id AND l.error IS NOT NULL
                     ORDER BY l.attempt_number DESC LIMIT 1) AS delivery_error,
                    (SELECT max(l.started_at) FROM erp_push_log l
                     JOIN erp_export e ON e.id = l.export_id AND e.status = 'PENDING'
                     WHERE e.draft_order_id = d.id) AS delivery_began_at
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
    return StoredDraft(
        draft=draft,
        waiting_for=row["waiting_for"],
        creation_digest=row["creation_digest"],
        run_id=row["run_id"],
        has_connection=row["has_connection"],
        delivery_error=row["delivery_error"],
        delivery_began_at=row["delivery_began_at"],
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
    conditions = ["d.org_id = :org"]
    values: dict[str, Any] = {"org": org_id, "gate": gate, "limit": limit}
    for name, condition in _CONDITIONS.items():
        value = getattr(wanted, name)
        if value is not None:
            conditions.append(condition)
            values[name] = value.lower() if name == "q" else value
    if before is not None:
        conditions.append("(d.created_at, d.id) < (:before_at, :before_id)")
        values["before_at"], values["before_id"] = before
    query = f"""
        SELECT d.snapshot, d.created_at, d.id, {_WAITING} AS waiting_for
        FROM draft_order d WHERE {" AND ".join(conditions)}
        ORDER BY d.created_at DESC, d.id DESC LIMIT :limit
    """
    return list((await connection.execute(text(query), values)).mappings())


_CONDITIONS = {
    "status": "d.status = :status",
    "customer_id": "d.customer_id = :customer_id",
    "q": "position(:q in d.search) > 0",
    "date_from": "d.created_at >= (cast(:date_from AS date) AT TIME ZONE 'UTC')",
    "date_to": "d.created_at < (cast(:date_to AS date) + 1) AT TIME ZONE 'UTC'",
    "waiting_for": f"{_WAITING} = :waiting_for",
}
