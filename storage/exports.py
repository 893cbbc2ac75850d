"""Read exports. Only the projection writes them."""

from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.database import Row

_BEYOND = 2**31 - 1  # attempts are counted from 1
_COLUMNS = (
    "id, draft_order_id, attempt, status, connection_id, connector_type, file_name, dropzone_path, "
    "storage_key, sha256, size_bytes, ack_expected, erp_order_id, unconfirmed, may_have_been_sent, "
    "refused_by_erp, error, created_at, sent_at, acked_at"
)


async def of_draft(
    connection: AsyncConnection, org_id: UUID, draft_id: UUID, *, limit: int, before: int | None
) -> list[Row]:
    """Newest attempt first; those below the attempt `before`."""
    result = await connection.execute(
        text(
            f"SELECT {_COLUMNS} FROM erp_export WHERE org_id = :org AND draft_order_id = :draft "
            "AND attempt < :before ORDER BY attempt DESC LIMIT :limit"
        ),
        {"org": org_id, "draft": draft_id, "limit": limit, "before": before or _BEYOND},
    )
    return list(result.mappings())


async def get(connection: AsyncConnection, org_id: UUID, export_id: UUID) -> Row | None:
    result = await connection.execute(
        text(f"SELECT {_COLUMNS} FROM erp_export WHERE org_id = :org AND id = :id"),
        {"org": org_id, "id": export_id},
    )
    return result.mappings().first()


async def document(connection: AsyncConnection, org_id: UUID, export_id: UUID) -> str | None:
    """The exact text of the file, as it was decided with the push."""
    text_of_file: str | None = await connection.scalar(
        text("SELECT document FROM erp_export WHERE org_id = :org AND id = :id"),
        {"org": org_id, "id": export_id},
    )
    return text_of_file
