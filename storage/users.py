"""Users of an org. E-mail addresses are unique within it, whatever their case."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.database import Row

PUBLIC = "id, email, name, role, active, version, created_at, updated_at"


async def create_user(connection: AsyncConnection, values: dict[str, Any], at: datetime) -> Row:
    """Insert `id, org_id, email, name, role, password_hash`; a taken address breaks `app_user_email`."""
    statement = text(
        "INSERT INTO app_user (id, org_id, email, name, role, password_hash, created_at, updated_at) "
        f"VALUES (:id, :org_id, :email, :name, :role, :password_hash, :at, :at) RETURNING {PUBLIC}"
    )
    return (await connection.execute(statement, {**values, "at": at})).mappings().one()


async def get_user(connection: AsyncConnection, org_id: UUID, user_id: UUID) -> Row | None:
    """Everything about the user, the password's hash too."""
    statement = text("SELECT * FROM app_user WHERE org_id = :org AND id = :id")
    return (await connection.execute(statement, {"org": org_id, "id": user_id})).mappings().first()
