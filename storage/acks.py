"""The ledger of ack files: what was found, whom it was told to, how it ended, where it lies now."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.acknowledgements import HeardAck
from domain.audit import AuditEntry
from storage.database import Database, Row

_TELL_AGAIN_AFTER = "10 minutes"


@dataclass(frozen=True)
class AnsweredExport:
    id: UUID
    draft_order_id: UUID
    connection_id: UUID
    file_name: str
    public_config: dict[str, Any]  # of the connection that it went through
    told: int  # how many ack files its draft has been told


async def clock(connection: AsyncConnection) -> datetime:
    """PostgreSQL's, which all times of the ledger come from."""
    now: datetime = (await connection.execute(text("SELECT clock_timestamp()"))).scalar_one()
    return now


async def in_folder(connection: AsyncConnection, org_id: UUID, connection_id: UUID) -> list[Row]:
    """Rows whose file has not been put away, as far as is known."""
    result = await connection.execute(
        text(
            "SELECT id, file_name, size_bytes, modified_at, status FROM erp_ack "
            "WHERE org_id = :org AND connection_id = :connection AND moved_at IS NULL"
        ),
        {"org": org_id, "connection": connection_id},
    )
    return list(result.mappings())


async def answered(
    connection: AsyncConnection, org_id: UUID, file_names: Sequence[str]
) -> dict[str, AnsweredExport]:
    """The org's exports of these file names."""
    result = await connection.execute(
        text(
            "SELECT e.id, e.draft_order_id, e.connection_id, e.file_name, "
            "coalesce(c.public_config, '{}') AS public_config, "
            "(SELECT count(*) FROM erp_ack a WHERE a.org_id = e.org_id AND a.export_id = e.id "
            " AND a.status <> 'WAITING') AS told "
            "FROM erp_export e LEFT JOIN erp_connection c ON c.id = e.connection_id AND c.org_id = e.org_id "
            "WHERE e.org_id = :org AND e.file_name = ANY(:names)"
        ),
        {"org": org_id, "names": list(file_names)},
    )
    return {row["file_name"]: AnsweredExport(**row) for row in result.mappings()}


async def receive(database: Database, found: dict[str, Any]) -> list[str]:
    """Write down what a poll read, see `receive_acks`; return the outcomes of those that ended by that."""
    rows = await database.call(
        "SELECT receive_acks(cast(:p AS jsonb)) AS outcome", {"p": json.dumps(found, default=str)}
    )
    return [row["outcome"] for row in rows]


async def untold(connection: AsyncConnection, org_id: UUID, connection_id: UUID, limit: int) -> list[Row]:
    """Readable files whose draft has not been told, or shows nothing long after it was: oldest first."""
    result = await connection.execute(
        text(
            "SELECT id, file_name, export_id, draft_order_id, content FROM erp_ack "
            "WHERE org_id = :org AND connection_id = :connection AND status = 'RECEIVED' "
            f"AND (told_at IS NULL OR told_at < clock_timestamp() - interval '{_TELL_AGAIN_AFTER}') "
            "ORDER BY seen_at, id LIMIT :limit"
        ),
        {"org": org_id, "connection": connection_id, "limit": limit},
    )
    return list(result.mappings())


async def told(connection: AsyncConnection, org_id: UUID, ids: Sequence[UUID]) -> None:
    await connection.execute(
        text("UPDATE erp_ack SET told_at = clock_timestamp() WHERE org_id = :org AND id = ANY(:ids)"),
        {"org": org_id, "ids": list(ids)},
    )


async def settled(connection: AsyncConnection, org_id: UUID, draft_id: UUID) -> list[UUID]:
    """Files that have had their end with this draft, oldest first."""
    result = await connection.execute(
        text(
            "SELECT a.id FROM erp_ack a JOIN erp_export e ON e.id = a.export_id AND e.org_id = a.org_id "
            "WHERE a.org_id = :org AND e.draft_order_id = :draft AND a.status = 'SETTLED' "
            "ORDER BY a.settled_at, a.id"
        ),
        {"org": org_id, "draft": draft_id},
    )
    return list(result.scalars())


async def settle(
    connection: AsyncConnection, org_id: UUID, ends: Sequence[HeardAck], audit: Sequence[AuditEntry] = ()
) -> list[HeardAck]:
    """Give files their end; return those that had none. `audit` is written if there is one of those."""
    result = await connection.execute(
        text(
            "UPDATE erp_ack a SET status = 'SETTLED', outcome = e.outcome, message = e.message, "
            "settled_at = clock_timestamp(), told_at = coalesce(a.told_at, clock_timestamp()) "
            "FROM jsonb_to_recordset(cast(:ends AS jsonb)) AS e (ack_id uuid, outcome text, message text) "
            "WHERE a.org_id = :org AND a.id = e.ack_id AND a.status <> 'SETTLED' RETURNING a.id"
        ),
        {"org": org_id, "ends": json.dumps([end.model_dump(mode="json") for end in ends])},
    )
    settled = set(result.scalars())
    if settled and audit:
        entries = [{**one.model_dump(mode="json"), "content_hash": one.content_hash()} for one in audit]
        await connection.execute(
            text("SELECT append_audit(cast(:entries AS jsonb))"), {"entries": json.dumps(entries)}
        )
    return [end for end in ends if end.ack_id in settled]


async def to_move(connection: AsyncConnection, org_id: UUID, connection_id: UUID, limit: int) -> list[Row]:
    """Files that lie in the folder although all is known. `taken`: a namesake lies in the tray already.

    Newest first: files that cannot be moved must not keep the others from it.
    """
    result = await connection.execute(
        text(
            "SELECT a.id, a.file_name, a.tray, EXISTS (SELECT 1 FROM erp_ack b "
            "  WHERE b.connection_id = a.connection_id AND b.file_name = a.file_name AND b.tray = a.tray "
            "  AND b.id <> a.id AND b.moved_to = b.tray || '/' || b.file_name) AS taken "
            "FROM erp_ack a WHERE a.org_id = :org AND a.connection_id = :connection "
            "AND a.moved_at IS NULL AND (a.status = 'SETTLED' OR a.told_at IS NOT NULL) "
            "ORDER BY a.seen_at DESC, a.id LIMIT :limit"
        ),
        {"org": org_id, "connection": connection_id, "limit": limit},
    )
    return list(result.mappings())


async def moved(connection: AsyncConnection, org_id: UUID, places: dict[UUID, str | None]) -> None:
    """These files are no longer in the folder; None for one that was not put away by us."""
    await connection.execute(
        text(
            "UPDATE erp_ack a SET moved_at = clock_timestamp(), moved_to = m.moved_to "
            "FROM jsonb_to_recordset(cast(:places AS jsonb)) AS m (id uuid, moved_to text) "
            "WHERE a.org_id = :org AND a.id = m.id AND a.moved_at IS NULL"
        ),
        {
            "org": org_id,
            "places": json.dumps([{"id": str(id), "moved_to": place} for id, place in places.items()]),
        },
    )


_SHOWN = (
    "id, file_name, sha256, export_id, draft_order_id, content, outcome, message, seen_at, settled_at, "
    "moved_to"
)


async def of_export(
    connection: AsyncConnection, org_id: UUID, export_id: UUID, limit: int = 100
) -> list[Row]:
    """What came back for an export, oldest first."""
    result = await connection.execute(
        text(
            f"SELECT {_SHOWN} FROM erp_ack WHERE org_id = :org AND export_id = :export "
            "ORDER BY seen_at, id LIMIT :limit"
        ),
        {"org": org_id, "export": export_id, "limit": limit},
    )
    return list(result.mappings())


async def of_connection(
    connection: AsyncConnection,
    org_id: UUID,
    connection_id: UUID,
    *,
    limit: int,
    before: tuple[datetime, UUID] | None,
) -> list[Row]:
    """All that came into a connection's ack folder, newest first."""
    page = "AND (seen_at, id) < (:before_at, :before_id)" if before else ""
    values: dict[str, Any] = {"org": org_id, "connection": connection_id, "limit": limit}
    if before:
        values["before_at"], values["before_id"] = before
    result = await connection.execute(
        text(
            f"SELECT {_SHOWN} FROM erp_ack WHERE org_id = :org AND connection_id = :connection {page} "
            "ORDER BY seen_at DESC, id DESC LIMIT :limit"
        ),
        values,
    )
    return list(result.mappings())


async def save_poll(
    connection: AsyncConnection, org_id: UUID, connection_id: UUID, at: datetime, error: dict[str, str] | None
) -> None:
    """When the folder was last looked into, and what was wrong."""
    await connection.execute(
        text(
            "UPDATE erp_connection SET last_ack_poll_at = :at, last_ack_poll_error = cast(:error AS jsonb) "
            "WHERE org_id = :org AND id = :id"
        ),
        {
            "org": org_id,
            "id": connection_id,
            "at": at,
            "error": None if error is None else json.dumps(error),
        },
    )
