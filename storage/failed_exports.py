"""Drafts in ERROR by what their last export failed with: what a retry by cause is about."""

from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.database import Row

# `in_doubt` is domain.gates.export_in_doubt, said in SQL; a test holds the two together.
TARGETS = """
    SELECT d.id AS draft_order_id, d.number, e.id AS erp_export_id, e.error->>'message' AS message,
        EXISTS (SELECT 1 FROM erp_export o WHERE o.draft_order_id = d.id AND NOT o.refused_by_erp
                AND (o.status IN ('SENT', 'ACKED') OR (o.id = e.id AND o.may_have_been_sent))) AS in_doubt,
        row_number() OVER (ORDER BY d.created_at, d.id) AS position
    FROM draft_order d
    JOIN LATERAL (SELECT * FROM erp_export x WHERE x.draft_order_id = d.id
                  ORDER BY x.attempt DESC LIMIT 1) e ON true
    WHERE d.org_id = :org AND d.status = 'ERROR' AND e.status = 'FAILED' AND e.error->>'code' = :code
      AND (cast(:connection AS uuid) IS NULL OR e.connection_id = :connection)
"""


async def by_cause(
    connection: AsyncConnection, org_id: UUID, error_code: str, connection_id: UUID | None
) -> list[Row]:
    """Oldest draft first."""
    values = {"org": org_id, "code": error_code, "connection": connection_id}
    return list((await connection.execute(text(f"{TARGETS} ORDER BY position"), values)).mappings())
