"""Approvers: people at a customer who may decide proofs. One e-mail address once per customer."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.database import Row
from storage.pages import After, newest_first
from storage.uniqueness import unique

_WRITABLE = ("name", "email", "phone", "is_primary", "active")
_SET = ", ".join(f"{column} = :{column}" for column in _WRITABLE)
_COLUMNS = f"id, customer_id, {', '.join(_WRITABLE)}, version, created_at, updated_at"


async def create_approver(
    connection: AsyncConnection,
    org_id: UUID,
    customer_id: UUID,
    approver_id: UUID,
    values: dict[str, Any],
    at: datetime,
) -> Row:
    """Insert one; the caller has looked the customer up within the org (foreign keys pass row security).

    Raises:
        Taken: the customer has an approver with this address.
    """
    statement = text(
        f"INSERT INTO approver (id, org_id, customer_id, {', '.join(_WRITABLE)}, created_at, updated_at) "
        f"VALUES (:id, :org, :customer, {', '.join(f':{name}' for name in _WRITABLE)}, :at, :at) "
        f"RETURNING {_COLUMNS}"
    )
    keys = {"id": approver_id, "org": org_id, "customer": customer_id, "at": at}
    with unique("approver_email"):
        return (await connection.execute(statement, {**values, **keys})).mappings().one()


async def get_approver(
    connection: AsyncConnection, org_id: UUID, customer_id: UUID, approver_id: UUID
) -> Row | None:
    """The row, locked."""
    query = text(
        f"SELECT {_COLUMNS} FROM approver "
        "WHERE org_id = :org AND customer_id = :customer AND id = :id FOR UPDATE"
    )
    values = {"org": org_id, "customer": customer_id, "id": approver_id}
    return (await connection.execute(query, values)).mappings().first()


async def list_approvers(
    connection: AsyncConnection,
    org_id: UUID,
    customer_id: UUID,
    *,
    limit: int,
    after: After,
) -> list[Row]:
    """Newest first."""
    wanted, condition = {"customer": customer_id}, {"customer": "customer_id = :customer"}
    return await newest_first(
        connection, org_id, ("approver", _COLUMNS), condition, wanted, limit=limit, after=after
    )


async def update_approver(
    connection: AsyncConnection, org_id: UUID, row: Row, changes: dict[str, Any], at: datetime
) -> Row:
    """Change a row that this transaction has locked.

    Raises:
        Taken: the customer has another approver with this address.
    """
    statement = text(
        f"UPDATE approver SET {_SET}, version = version + 1, updated_at = :at "
        f"WHERE org_id = :org AND id = :id RETURNING {_COLUMNS}"
    )
    values = {name: changes.get(name, row[name]) for name in _WRITABLE}
    with unique("approver_email"):
        found = await connection.execute(statement, {**values, "org": org_id, "id": row["id"], "at": at})
    return found.mappings().one()
