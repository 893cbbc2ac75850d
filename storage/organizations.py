"""Orgs and their settings."""

import json
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.database import Row


async def create_org(connection: AsyncConnection, org_id: UUID, slug: str, name: str, at: datetime) -> None:
    """Insert an org. The transaction must be the new org's own (row-level security)."""
    await connection.execute(
        text("INSERT INTO org (id, slug, name, created_at) VALUES (:id, :slug, :name, :at)"),
        {"id": org_id, "slug": slug, "name": name, "at": at},
    )


async def get_settings(connection: AsyncConnection, org_id: UUID, *, lock: bool = False) -> Row:
    """`settings` and `version` of the org."""
    query = "SELECT settings, version FROM org WHERE id = :org" + (" FOR UPDATE" if lock else "")
    return (await connection.execute(text(query), {"org": org_id})).mappings().one()


async def save_settings(connection: AsyncConnection, org_id: UUID, settings: dict[str, Any]) -> int:
    version = await connection.scalar(
        text(
            "UPDATE org SET settings = cast(:settings AS jsonb), version = version + 1 WHERE id = :org "
            "RETURNING version"
        ),
        {"org": org_id, "settings": json.dumps(settings)},
    )
    return int(version or 0)
