"""Users of an org. E-mail addresses are unique within it, whatever their case."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.database import Row
from storage.pages import After, newest_first
from storage.uniqueness import unique

PUBLIC = "id, email, name, role, active, version, created_at, updated_at"
_CHANGEABLE = ("name", "role", "active", "password_hash")
_SET = ", ".join(f"{column} = :{column}" for column in _CHANGEABLE)


async def create_user(connection: AsyncConnection, values: dict[str, Any], at: datetime) -> Row:
    """Insert `id, org_id, email, name, role, password_hash`.

    Raises:
        Taken: somebody in the org has this address.
    """
    statement = text(
        "INSERT INTO app_user (id, org_id, email, name, role, password_hash, created_at, updated_at) "
        f"VALUES (:id, :org_id, :email, :name, :role, :password_hash, :at, :at) RETURNING {PUBLIC}"
    )
    with unique("app_user_email"):
        return (await connection.execute(statement, {**values, "at": at})).mappings().one()


async def get_user(
    connection: AsyncConnection, org_id: UUID, user_id: UUID, *, lock: bool = False
) -> Row | None:
    """Everything about the user, the password's hash too."""
    statement = "SELECT * FROM app_user WHERE org_id = :org AND id = :id" + (" FOR UPDATE" if lock else "")
    return (await connection.execute(text(statement), {"org": org_id, "id": user_id})).mappings().first()


async def list_users(connection: AsyncConnection, org_id: UUID, *, limit: int, after: After) -> list[Row]:
    """Newest first, without hashes; `after` is `(created_at, id)` of the last one seen."""
    return await newest_first(connection, org_id, ("app_user", PUBLIC), limit=limit, after=after)


async def lock_active_admins(connection: AsyncConnection, org_id: UUID) -> list[UUID]:
    """Ids of the org's active ADMINs; nobody can demote one of them until this transaction ends."""
    query = text(
        "SELECT id FROM app_user WHERE org_id = :org AND role = 'ADMIN' AND active ORDER BY id FOR UPDATE"
    )
    return list((await connection.execute(query, {"org": org_id})).scalars())


async def update_user(connection: AsyncConnection, row: Row, changes: dict[str, Any], at: datetime) -> Row:
    """Change `name, role, active, password_hash` of a row that this transaction has locked."""
    statement = text(
        f"UPDATE app_user SET {_SET}, version = version + 1, updated_at = :at "
        f"WHERE org_id = :org_id AND id = :id RETURNING {PUBLIC}"
    )
    values = {name: changes.get(name, row[name]) for name in (*_CHANGEABLE, "org_id", "id")}
    return (await connection.execute(statement, {**values, "at": at})).mappings().one()
