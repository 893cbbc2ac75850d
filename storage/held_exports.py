"""Exports that wait for the end of a connection's pause, oldest push first.

One that has not been tried for so long that no delivery is under way waits as well, whatever its rows say:
they may come from a backup, and a word too many does it no harm.
"""

from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.database import Row

_SILENT_AFTER = "interval '1 hour'"

_HELD = f"""
    e.org_id = :org AND e.status = 'PENDING'
    AND ('CONNECTION_PAUSED' = (SELECT l.error->>'code' FROM erp_push_log l
            WHERE l.export_id = e.id ORDER BY l.attempt_number DESC LIMIT 1)
        OR (e.created_at < clock_timestamp() - {_SILENT_AFTER} AND NOT EXISTS (SELECT 1 FROM erp_push_log l
            WHERE l.export_id = e.id AND l.started_at > clock_timestamp() - {_SILENT_AFTER})))
"""


async def held(
    connection: AsyncConnection, org_id: UUID, connection_id: UUID, *, besides: list[UUID], limit: int
) -> list[Row]:
    """`id` and `draft_order_id` of exports whose newest try met the pause; those of `besides` left out."""
    query = text(
        f"SELECT e.id, e.draft_order_id FROM erp_export e WHERE e.connection_id = :connection AND {_HELD} "
        "AND e.id <> ALL(:besides) ORDER BY e.created_at, e.id LIMIT :limit"
    )
    values = {"org": org_id, "connection": connection_id, "besides": besides, "limit": limit}
    return list((await connection.execute(query, values)).mappings())


async def forgotten(connection: AsyncConnection, org_id: UUID) -> list[Row]:
    """Held exports of connections that are paused no more: `connection_id`, `draft_order_id`, draft `number`.

    A release may be on its way to them.
    """
    query = text(
        "SELECT e.connection_id, e.draft_order_id, d.number FROM erp_connection c "
        "JOIN erp_export e ON e.connection_id = c.id JOIN draft_order d ON d.id = e.draft_order_id "
        f"WHERE c.org_id = :org AND c.status <> 'PAUSED' AND {_HELD} ORDER BY e.created_at, e.id"
    )
    return list((await connection.execute(query, {"org": org_id})).mappings())
