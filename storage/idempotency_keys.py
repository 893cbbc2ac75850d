"""Keys of requests that were answered long ago."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection


async def remove_old(connection: AsyncConnection, org_id: UUID, before: datetime, limit: int) -> int:
    """Remove at most `limit` of the org's keys, oldest first; return how many there were."""
    statement = text(
        "DELETE FROM idempotency_key WHERE org_id = :org AND (scope, key) IN ("
        "SELECT scope, key FROM idempotency_key WHERE org_id = :org AND created_at < :before "
        "ORDER BY created_at LIMIT :limit FOR UPDATE SKIP LOCKED)"
    )
    removed = await connection.execute(statement, {"org": org_id, "before": before, "limit": limit})
    return removed.rowcount
