"""Secrets of signed callbacks: encrypted, several in use at once, revoked but never deleted."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.database import Row
from storage.pages import After, newest_first

PUBLIC = "id, name, version, created_at, created_by_user_id, revoked_at, revoked_by_user_id, last_used_at"


async def insert(connection: AsyncConnection, values: dict[str, Any], at: datetime) -> Row:
    """`values`: id, org, name, secret_encrypted, user."""
    statement = text(
        "INSERT INTO callback_secret (id, org_id, name, secret_encrypted, created_at, created_by_user_id) "
        f"VALUES (:id, :org, :name, :secret_encrypted, :at, :user) RETURNING {PUBLIC}"
    )
    return (await connection.execute(statement, {**values, "at": at})).mappings().one()


async def get(
    connection: AsyncConnection, org_id: UUID, secret_id: UUID, *, lock: bool = False
) -> Row | None:
    statement = "SELECT * FROM callback_secret WHERE org_id = :org AND id = :id"
    statement += " FOR UPDATE" if lock else ""
    return (await connection.execute(text(statement), {"org": org_id, "id": secret_id})).mappings().first()


async def list_all(connection: AsyncConnection, org_id: UUID, *, limit: int, after: After) -> list[Row]:
    """Newest first, revoked ones too."""
    return await newest_first(connection, org_id, ("callback_secret", PUBLIC), limit=limit, after=after)


async def lock_in_use(connection: AsyncConnection, org_id: UUID) -> int:
    """How many are in use; until the transaction ends nobody else makes one."""
    await connection.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended('callback_secret/' || :org, 0))"),
        {"org": str(org_id)},
    )
    query = text("SELECT count(*) FROM callback_secret WHERE org_id = :org AND revoked_at IS NULL")
    return int((await connection.execute(query, {"org": org_id})).scalar_one())


async def revoke(
    connection: AsyncConnection, org_id: UUID, secret_id: UUID, user_id: UUID, at: datetime
) -> Row:
    """Revoke one that this transaction has locked."""
    statement = text(
        "UPDATE callback_secret SET revoked_at = :at, revoked_by_user_id = :user, version = version + 1 "
        f"WHERE org_id = :org AND id = :id RETURNING {PUBLIC}"
    )
    values = {"org": org_id, "id": secret_id, "user": user_id, "at": at}
    return (await connection.execute(statement, values)).mappings().one()
