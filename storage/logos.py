"""Logos of customers. A file-cabinet id names one logo of the org; a logo keeps its customer for good."""

import json
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.database import Row
from storage.pages import After, newest_first
from storage.uniqueness import unique

_WRITABLE = ("customer_id", "name", "design_number", "netsuite_file_cabinet_id", "placement_default")
_COLUMNS = f"id, {', '.join(_WRITABLE)}, design, version, created_at, updated_at"


async def create_logo(
    connection: AsyncConnection, org_id: UUID, logo_id: UUID, values: dict[str, Any], at: datetime
) -> Row:
    """Insert one; the caller has looked the customer up within the org (foreign keys pass row security).

    Raises:
        Taken: another logo of the org has the file-cabinet id.
    """
    statement = text(
        f"INSERT INTO logo (id, org_id, {', '.join(_WRITABLE)}, created_at, updated_at) "
        f"VALUES (:id, :org, {', '.join(f':{name}' for name in _WRITABLE)}, :at, :at) RETURNING {_COLUMNS}"
    )
    with unique("logo_file_cabinet_id"):
        found = await connection.execute(statement, {**values, "id": logo_id, "org": org_id, "at": at})
    return found.mappings().one()


async def get_logo(connection: AsyncConnection, org_id: UUID, logo_id: UUID) -> Row | None:
    query = text(f"SELECT {_COLUMNS} FROM logo WHERE org_id = :org AND id = :id")
    return (await connection.execute(query, {"org": org_id, "id": logo_id})).mappings().first()


async def lock_logo(connection: AsyncConnection, org_id: UUID, logo_id: UUID) -> Row | None:
    """The row, locked."""
    query = text(f"SELECT {_COLUMNS} FROM logo WHERE org_id = :org AND id = :id FOR UPDATE")
    return (await connection.execute(query, {"org": org_id, "id": logo_id})).mappings().first()


async def set_design(
    connection: AsyncConnection, org_id: UUID, logo_id: UUID, design: dict[str, Any], at: datetime
) -> Row:
    """Put the facts of a file in place of those before; the caller has locked the row."""
    statement = text(
        "UPDATE logo SET design = cast(:design AS jsonb), version = version + 1, updated_at = :at "
        f"WHERE org_id = :org AND id = :id RETURNING {_COLUMNS}"
    )
    values = {"org": org_id, "id": logo_id, "design": json.dumps(design), "at": at}
    return (await connection.execute(statement, values)).mappings().one()


_WANTED = {
    "customer": "customer_id = :customer",
    "q": (
        "position(lower(:q) IN lower(concat_ws(chr(10), name, design_number, netsuite_file_cabinet_id))) > 0"
    ),
}


async def list_logos(
    connection: AsyncConnection,
    org_id: UUID,
    *,
    customer_id: UUID | None,
    q: str | None,
    limit: int,
    after: After,
) -> list[Row]:
    """Newest first; `q` is looked for in name, design number and file-cabinet id, literally, in any case."""
    wanted = {"customer": customer_id, "q": q}
    return await newest_first(
        connection, org_id, ("logo", _COLUMNS), _WANTED, wanted, limit=limit, after=after
    )
