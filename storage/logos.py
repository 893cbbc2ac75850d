"""Logos of customers. A file-cabinet id names one logo of the org; a logo keeps its customer for good."""

import json
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.database import Row
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


async def list_logos(
    connection: AsyncConnection,
    org_id: UUID,
    *,
    customer_id: UUID | None,
    q: str | None,
    limit: int,
    after: tuple[datetime, UUID] | None,
) -> list[Row]:
    """Newest first; `q` is looked for in name, design number and file-cabinet id, literally, in any case."""
    values: dict[str, Any] = {"org": org_id, "limit": limit}
    conditions = ["org_id = :org"]
    if customer_id is not None:
        conditions.append("customer_id = :customer")
        values["customer"] = customer_id
    if q is not None:
        conditions.append(
            "position(lower(:q) IN "
            "lower(concat_ws(chr(10), name, design_number, netsuite_file_cabinet_id))) > 0"
        )
        values["q"] = q
    if after is not None:
        conditions.append("(created_at, id) < (:after_at, :after_id)")
        values |= {"after_at": after[0], "after_id": after[1]}
    query = (
        f"SELECT {_COLUMNS} FROM logo WHERE {' AND '.join(conditions)} "
        "ORDER BY created_at DESC, id DESC LIMIT :limit"
    )
    return list((await connection.execute(text(query), values)).mappings())
