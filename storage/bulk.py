"""Bulk commands and their items: opened in one transaction, worked off item by item, read by people."""

import json
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.bulk import BulkOrder, BulkOutcome, BulkProgress
from storage.database import Row
from storage.failed_exports import TARGETS


async def open_retry(
    connection: AsyncConnection,
    order: BulkOrder,
    error_code: str,
    connection_id: UUID | None,
    at: datetime,
) -> None:
    """Keep the command and, as they are now, the drafts that it is about."""
    request = {
        "error_code": error_code,
        "connection_id": None if connection_id is None else str(connection_id),
        "confirm_may_duplicate": order.confirm_may_duplicate,
    }
    await connection.execute(
        text(
            "INSERT INTO bulk_command (id, org_id, command, request, asked_by_user_id, created_at) "
            "VALUES (:id, :org, :command, cast(:request AS jsonb), :by, :at)"
        ),
        {
            "id": order.bulk_id,
            "org": order.org_id,
            "command": order.command.value,
            "request": json.dumps(request),
            "by": order.actor.user_id,
            "at": at,
        },
    )
    await connection.execute(
        text(
            "INSERT INTO bulk_item (bulk_id, draft_order_id, org_id, position, number) "
            f"SELECT :bulk, draft_order_id, :org, position, number FROM ({TARGETS}) AS target"
        ),
        {"bulk": order.bulk_id, "org": order.org_id, "code": error_code, "connection": connection_id},
    )


async def get(connection: AsyncConnection, org_id: UUID, bulk_id: UUID) -> Row | None:
    query = text(
        "SELECT id, command, request, asked_by_user_id, created_at, finished_at "
        "FROM bulk_command WHERE org_id = :org AND id = :id"
    )
    return (await connection.execute(query, {"org": org_id, "id": bulk_id})).mappings().first()


async def items(
    connection: AsyncConnection, org_id: UUID, bulk_id: UUID, *, after: int = 0, limit: int | None = None
) -> list[Row]:
    """In the order in which they are taken, from the one after position `after`."""
    query = text(
        "SELECT position, draft_order_id, number, outcome, message, erp_export_id, done_at FROM bulk_item "
        "WHERE org_id = :org AND bulk_id = :bulk AND position > :after ORDER BY position LIMIT :limit"
    )
    values = {"org": org_id, "bulk": bulk_id, "after": after, "limit": limit}
    return list((await connection.execute(query, values)).mappings())


async def left(connection: AsyncConnection, org_id: UUID, bulk_id: UUID, *, limit: int) -> list[UUID]:
    """The next drafts without a result."""
    query = text(
        "SELECT draft_order_id FROM bulk_item WHERE org_id = :org AND bulk_id = :bulk AND outcome IS NULL "
        "ORDER BY position LIMIT :limit"
    )
    values = {"org": org_id, "bulk": bulk_id, "limit": limit}
    return list((await connection.execute(query, values)).scalars())


async def note(
    connection: AsyncConnection,
    order: BulkOrder,
    draft_id: UUID,
    outcome: BulkOutcome,
    message: str | None,
    export_id: UUID | None,
    at: datetime,
) -> None:
    """How it went with one draft; the first result stays."""
    values: dict[str, Any] = {"org": order.org_id, "bulk": order.bulk_id, "draft": draft_id, "at": at}
    await connection.execute(
        text(
            "UPDATE bulk_item SET outcome = :outcome, message = :message, erp_export_id = :export, "
            "done_at = :at WHERE org_id = :org AND bulk_id = :bulk AND draft_order_id = :draft "
            "AND outcome IS NULL"
        ),
        {**values, "outcome": outcome.value, "message": message, "export": export_id},
    )


async def counted(connection: AsyncConnection, org_id: UUID, bulk_id: UUID) -> BulkProgress:
    query = text(
        "SELECT outcome, count(*) AS number FROM bulk_item WHERE org_id = :org AND bulk_id = :bulk "
        "GROUP BY outcome"
    )
    found = (await connection.execute(query, {"org": org_id, "bulk": bulk_id})).mappings()
    counts = {row["outcome"]: row["number"] for row in found}
    waiting = counts.pop(None, 0)
    return BulkProgress(total=sum(counts.values()) + waiting, left=waiting, outcomes=counts)


async def progress(connection: AsyncConnection, order: BulkOrder, at: datetime) -> BulkProgress:
    """Counts; when nothing is left, the command is finished."""
    counts = await counted(connection, order.org_id, order.bulk_id)
    if not counts.left:
        await connection.execute(
            text(
                "UPDATE bulk_command SET finished_at = :at "
                "WHERE org_id = :org AND id = :bulk AND finished_at IS NULL"
            ),
            {"org": order.org_id, "bulk": order.bulk_id, "at": at},
        )
    return counts
