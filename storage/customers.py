"""Customers of an org. `erp_customer_number` is unique within the org where it is known."""

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.database import Row
from storage.pages import After, newest_first
from storage.uniqueness import unique

_WRITABLE = (
    "name",
    "erp_customer_number",
    "default_currency",
    "time_zone",
    "language",
    "internal_review_default",
    "reminder_days",
    "holidays",
)
_SET = ", ".join(f"{column} = :{column}" for column in _WRITABLE)
_COLUMNS = f"id, {', '.join(_WRITABLE)}, version, created_at, updated_at"
_NUMBER = "customer_org_id_erp_customer_number_key"


async def create_customer(
    connection: AsyncConnection, org_id: UUID, customer_id: UUID, values: dict[str, Any], at: datetime
) -> Row:
    """Insert one; a column that `values` leaves out gets the table's default.

    Raises:
        Taken: another customer has the ERP number.
    """
    given = [name for name in _WRITABLE if name in values]
    statement = text(
        f"INSERT INTO customer (id, org_id, {', '.join(given)}, created_at, updated_at) "
        f"VALUES (:id, :org, {', '.join(f':{name}' for name in given)}, :at, :at) RETURNING {_COLUMNS}"
    )
    with unique(_NUMBER):
        found = await connection.execute(statement, {**values, "id": customer_id, "org": org_id, "at": at})
    return found.mappings().one()


async def get_customer(
    connection: AsyncConnection, org_id: UUID, customer_id: UUID, *, lock: bool = False
) -> Row | None:
    query = f"SELECT {_COLUMNS} FROM customer WHERE org_id = :org AND id = :id"
    query += " FOR UPDATE" if lock else ""
    return (await connection.execute(text(query), {"org": org_id, "id": customer_id})).mappings().first()


_WANTED = {"q": "position(lower(:q) IN lower(concat_ws(chr(10), name, erp_customer_number))) > 0"}


async def list_customers(
    connection: AsyncConnection,
    org_id: UUID,
    *,
    q: str | None,
    limit: int,
    after: After,
) -> list[Row]:
    """Newest first; `q` is looked for in name and ERP number, literally and in any case."""
    wanted = {"q": q}
    return await newest_first(
        connection, org_id, ("customer", _COLUMNS), _WANTED, wanted, limit=limit, after=after
    )


async def update_customer(
    connection: AsyncConnection, org_id: UUID, row: Row, changes: dict[str, Any], at: datetime
) -> Row:
    """Change a row that this transaction has locked.

    Raises:
        Taken: another customer has the ERP number.
    """
    statement = text(
        f"UPDATE customer SET {_SET}, version = version + 1, updated_at = :at "
        f"WHERE org_id = :org AND id = :id RETURNING {_COLUMNS}"
    )
    values = {name: changes.get(name, row[name]) for name in _WRITABLE}
    with unique(_NUMBER):
        found = await connection.execute(statement, {**values, "org": org_id, "id": row["id"], "at": at})
    return found.mappings().one()


async def ids_by_number(
    connection: AsyncConnection, org_id: UUID, numbers: Collection[str]
) -> dict[str, UUID]:
    """Customers by ERP number; unknown numbers are left out."""
    query = text(
        "SELECT erp_customer_number, id FROM customer "
        "WHERE org_id = :org AND erp_customer_number = ANY(:numbers)"
    )
    rows = await connection.execute(query, {"org": org_id, "numbers": list(numbers)})
    return {row[0]: row[1] for row in rows}


async def ids_by_name(
    connection: AsyncConnection, org_id: UUID, names: Collection[str]
) -> dict[str, list[UUID]]:
    """Customers by name, exactly as written; a name may be borne by several."""
    query = text(
        "SELECT name, array_agg(id ORDER BY id) FROM customer WHERE org_id = :org AND name = ANY(:names) "
        "GROUP BY name"
    )
    rows = await connection.execute(query, {"org": org_id, "names": list(names)})
    return {row[0]: list(row[1]) for row in rows}
