"""What the sweeper asks: which connections, and which temporary files belong to nothing any more."""

from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.sweeping import Leftover
from storage.database import Row


async def swept_connections(connection: AsyncConnection, org_id: UUID) -> list[Row]:
    """All that are in use, paused ones too."""
    query = text("SELECT * FROM erp_connection WHERE org_id = :org AND status <> 'DISABLED' ORDER BY id")
    return list((await connection.execute(query, {"org": org_id})).mappings())


async def orphans(connection: AsyncConnection, org_id: UUID, files: list[Leftover]) -> set[str]:
    """Final names whose export is over: its draft is this org's, and no try of it can still be under way.

    An export that has ended never begins again; a retry is another export with another name.
    """
    query = text(
        "SELECT f.file_name "
        "FROM unnest(cast(:drafts AS uuid[]), cast(:files AS text[])) AS f (draft_id, file_name) "
        "JOIN draft_order d ON d.id = f.draft_id AND d.org_id = :org "
        "LEFT JOIN erp_export e ON e.draft_order_id = d.id AND e.file_name = f.file_name "
        "WHERE e.status <> 'PENDING' OR (e.id IS NULL AND d.status <> 'PUSHING')"
    )
    values = {
        "org": org_id,
        "drafts": [each.draft_id for each in files],
        "files": [each.file_name for each in files],
    }
    return set((await connection.execute(query, values)).scalars())
