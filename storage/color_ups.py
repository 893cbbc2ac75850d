"""Color-up versions. Threads never change; a row changes by its decision alone (storage/proofs.py)."""

import json
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.color_ups import ColorUpStatus, ThreadStop
from storage.database import Row
from storage.pages import After, newest_first
from storage.uniqueness import unique

COLUMNS = (
    "id, customer_id, logo_id, style_number, color_code, version, thread_sequence, status, sent_at, "
    "decision, decision_note, decided_at, decided_by_user_id, decided_by_approver_id, decided_by_email, "
    "decided_via, team_proxy, approved_at, created_by_user_id, created_at, updated_at"
)
_KEY = "(logo_id, style_number, color_code)"


@dataclass(frozen=True)
class NewColorUp:
    """The first version of a key; the caller has looked the logo up within the org."""

    id: UUID
    customer_id: UUID
    logo_id: UUID
    style_number: str
    color_code: str
    thread_sequence: list[ThreadStop]
    created_by_user_id: UUID | None


async def create_color_up(connection: AsyncConnection, org_id: UUID, new: NewColorUp, at: datetime) -> Row:
    """Insert version 1.

    Raises:
        Taken: the key has a version already.
    """
    statement = text(
        "INSERT INTO color_up (id, org_id, customer_id, logo_id, style_number, color_code, version, "
        "thread_sequence, status, created_by_user_id, created_at, updated_at) "
        "VALUES (:id, :org, :customer, :logo, :style, :color, 1, cast(:threads AS jsonb), :status, :by, "
        f":at, :at) RETURNING {COLUMNS}"
    )
    values = {
        "id": new.id,
        "org": org_id,
        "customer": new.customer_id,
        "logo": new.logo_id,
        "style": new.style_number,
        "color": new.color_code,
        "threads": _written(new.thread_sequence),
        "status": ColorUpStatus.DRAFT.value,
        "by": new.created_by_user_id,
        "at": at,
    }
    with unique("color_up_version"):
        return (await connection.execute(statement, values)).mappings().one()


async def create_version(
    connection: AsyncConnection,
    org_id: UUID,
    of: Row,
    color_up_id: UUID,
    threads: list[ThreadStop],
    by_user_id: UUID | None,
    at: datetime,
) -> Row:
    """Insert the next version of `of`'s key; two at once wait for each other and get two numbers."""
    await lock_key(connection, org_id, of["id"])
    statement = text(
        "INSERT INTO color_up (id, org_id, customer_id, logo_id, style_number, color_code, version, "
        "thread_sequence, status, created_by_user_id, created_at, updated_at) "
        "SELECT :id, org_id, customer_id, logo_id, style_number, color_code, max(version) + 1, "
        "cast(:threads AS jsonb), :status, :by, :at, :at FROM color_up "
        f"WHERE org_id = :org AND {_KEY} = (:logo, :style, :color) "
        "GROUP BY org_id, customer_id, logo_id, style_number, color_code "
        f"RETURNING {COLUMNS}"
    )
    values = {
        "id": color_up_id,
        "org": org_id,
        "logo": of["logo_id"],
        "style": of["style_number"],
        "color": of["color_code"],
        "threads": _written(threads),
        "status": ColorUpStatus.DRAFT.value,
        "by": by_user_id,
        "at": at,
    }
    return (await connection.execute(statement, values)).mappings().one()


async def lock_key(connection: AsyncConnection, org_id: UUID, color_up_id: UUID) -> None:
    """Hold the version's key until the end of the transaction: the row of its first version stands for it.

    A statement of its own, so that the next one sees what was committed while this one waited.
    """
    await connection.execute(
        text(
            f"SELECT id FROM color_up WHERE org_id = :org AND version = 1 AND {_KEY} = "
            "(SELECT logo_id, style_number, color_code FROM color_up WHERE org_id = :org AND id = :id) "
            "FOR UPDATE"
        ),
        {"org": org_id, "id": color_up_id},
    )


async def lock_versions(connection: AsyncConnection, org_id: UUID, color_up_id: UUID) -> list[Row]:
    """All versions of the version's key, locked, oldest first; none when the org has no such color-up."""
    await lock_key(connection, org_id, color_up_id)
    query = text(
        f"SELECT {COLUMNS} FROM color_up WHERE org_id = :org AND {_KEY} = "
        "(SELECT logo_id, style_number, color_code FROM color_up WHERE org_id = :org AND id = :id) "
        "ORDER BY version FOR UPDATE"
    )
    return list((await connection.execute(query, {"org": org_id, "id": color_up_id})).mappings())


async def get_color_up(connection: AsyncConnection, org_id: UUID, color_up_id: UUID) -> Row | None:
    query = text(f"SELECT {COLUMNS} FROM color_up WHERE org_id = :org AND id = :id")
    return (await connection.execute(query, {"org": org_id, "id": color_up_id})).mappings().first()


@dataclass(frozen=True)
class ColorUpFilter:
    customer_id: UUID | None = None
    logo_id: UUID | None = None
    style_number: str | None = None
    color_code: str | None = None
    status: ColorUpStatus | None = None


async def list_color_ups(
    connection: AsyncConnection,
    org_id: UUID,
    wanted: ColorUpFilter,
    *,
    limit: int,
    after: After,
) -> list[Row]:
    """Newest first."""
    given = vars(wanted)
    conditions = {name: f"{name} = :{name}" for name in given}
    return await newest_first(
        connection, org_id, ("color_up", COLUMNS), conditions, given, limit=limit, after=after
    )


def _written(threads: list[ThreadStop]) -> str:
    return json.dumps([stop.model_dump(mode="json") for stop in threads])
