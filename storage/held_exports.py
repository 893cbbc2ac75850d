"""Exports that wait for the end of a connection's pause, oldest push first."""

from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.database import Row


async def held(
    connection: AsyncConnection, org_id: UUID, connection_id: UUID, *, besides: list[UUID], limit: int
) -> list[Row]:
    """`id` and `draft_order_id` of exports whose newest try met the pause; those of `besides` left out."""
    query = text(
        "SELECT e.id, e.draft_order_id FROM erp_export e WHERE e.org_id = :org "
        "AND e.connection_id = :connection AND e.status = 'PENDING' AND e.id <> ALL(:besides) "
        "AND 'CONNECTION_PAUSED' = (SELECT l.error->>'code' FROM erp_push_log l "
        "  WHERE l.export_id = e.id ORDER BY l.attempt_number DESC LIMIT 1) "
        "ORDER BY e.created_at, e.id LIMIT :limit"
    )
    values = {"org": org_id, "connection": connection_id, "besides": besides, "limit": limit}
    return list((await connection.execute(query, values)).mappings())
