"""Connections' secrets and the key ring: which key holds what, and all of it brought under the master key.

Rotation is safe to interrupt and to repeat: a row is under one key or the other, one row is one short
transaction, and the next run takes what is left.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from config.keys import EncryptionError, KeyRing, connection_owner, key_id_of
from domain.audit import AuditEntry
from domain.statuses import Via
from storage import audit_log, connections
from storage.database import Database

OnProgress = Callable[[int, int], None]  # rows done, rows of the org


class Outcome(Enum):
    CURRENT = "current"
    REENCRYPTED = "re-encrypted"
    GONE = "gone"


@dataclass
class Counts:
    """`unreadable` holds connection id and reason; those rows were left as they are."""

    current: int = 0
    reencrypted: int = 0
    unreadable: list[tuple[UUID, str]] = field(default_factory=list)


@dataclass
class Held:
    """What the keys open: connections by the id of their key, and those that no key opens."""

    readable: Counter[str] = field(default_factory=Counter)
    unreadable: list[tuple[UUID, str]] = field(default_factory=list)


async def rotate_org(
    database: Database, keys: KeyRing, org_id: UUID, on_progress: OnProgress = lambda _done, _all: None
) -> Counts:
    """
    Raises:
        DatabaseUnavailable: rows that were counted before stay re-encrypted.
    """
    counts = Counts()
    ids = await _ids(database, org_id)
    for number, connection_id in enumerate(ids, 1):
        try:
            async with database.transaction(org_id) as connection:
                outcome = await _rotate(connection, keys, org_id, connection_id)
        except EncryptionError as error:
            counts.unreadable.append((connection_id, str(error)))
        else:
            counts.current += outcome is Outcome.CURRENT
            counts.reencrypted += outcome is Outcome.REENCRYPTED
        on_progress(number, len(ids))
    return counts


async def check_org(database: Database, keys: KeyRing, org_id: UUID) -> Held:
    """Open every connection's secrets and say under which key they are; changes nothing."""
    held = Held()
    for connection_id in await _ids(database, org_id):
        async with database.transaction(org_id) as connection:
            row = await connections.get(connection, org_id, connection_id)
        if row is None:
            continue
        try:
            keys.decrypt(row["config_encrypted"], connection_owner(org_id, connection_id))
        except EncryptionError as error:
            held.unreadable.append((connection_id, str(error)))
        else:
            held.readable[key_id_of(row["config_encrypted"]) or ""] += 1
    return held


async def _ids(database: Database, org_id: UUID) -> list[UUID]:
    async with database.transaction(org_id) as connection:
        query = text("SELECT id FROM erp_connection WHERE org_id = :org ORDER BY id")
        return list((await connection.execute(query, {"org": org_id})).scalars())


async def _rotate(connection: AsyncConnection, keys: KeyRing, org_id: UUID, connection_id: UUID) -> Outcome:
    # The lock: a PATCH that saves new secrets meanwhile must not be overwritten with the old ones.
    row = await connections.get(connection, org_id, connection_id, lock=True)
    if row is None:
        return Outcome.GONE
    owner = connection_owner(org_id, connection_id)
    plain = keys.decrypt(row["config_encrypted"], owner)  # also when current: a broken row must be noticed
    if keys.is_current(row["config_encrypted"]):
        return Outcome.CURRENT
    # Not `version` nor `updated_at`: nothing changed that a client could see, its If-Match stays good.
    await connection.execute(
        text("UPDATE erp_connection SET config_encrypted = :config WHERE org_id = :org AND id = :id"),
        {"config": keys.encrypt(plain, owner), "org": org_id, "id": connection_id},
    )
    await audit_log.append(connection, _entry(org_id, connection_id))
    return Outcome.REENCRYPTED


def _entry(org_id: UUID, connection_id: UUID) -> AuditEntry:
    return AuditEntry(
        org_id=org_id,
        entity_type="erp_connection",
        entity_id=connection_id,
        action="CONNECTION_REENCRYPTED",
        actor_user_id=None,
        actor_email=None,
        before=None,
        after=None,
        details=None,
        via=Via.SYSTEM,
        request_id=None,
        ip=None,
        user_agent=None,
        created_at=datetime.now(UTC),
    )
