"""Pages of an org's rows: the newest first, going on behind the last row that was seen."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.database import Row

After = tuple[datetime, UUID] | None  # time and id of that row; None for the first page


async def newest_first(
    connection: AsyncConnection,
    org_id: UUID,
    source: tuple[str, str],
    conditions: Mapping[str, str] | None = None,
    values: Mapping[str, Any] | None = None,
    *,
    limit: int,
    after: After,
    at: str = "created_at",
) -> list[Row]:
    """
    Args:
        source: table and columns.
        conditions: by the name of the value that each needs; one whose value is None does not count.
        at: the column of the rows' time.
    """
    bound: dict[str, Any] = {name: value for name, value in (values or {}).items() if value is not None}
    where = ["org_id = :org", *(condition for name, condition in (conditions or {}).items() if name in bound)]
    bound |= {"org": org_id, "limit": limit}
    if after is not None:
        where.append(f"({at}, id) < (:after_at, :after_id)")
        bound |= {"after_at": after[0], "after_id": after[1]}
    table, columns = source
    query = (
        f"SELECT {columns} FROM {table} WHERE {' AND '.join(where)} ORDER BY {at} DESC, id DESC LIMIT :limit"
    )
    return list((await connection.execute(text(query), bound)).mappings())
