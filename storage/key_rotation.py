"""Stored secrets and the key ring: which key holds what, and all of it brought under the master key.

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

from config.keys import EncryptionError, KeyRing, callback_secret_owner, connection_owner, key_id_of
from domain.audit import AuditEntry
from domain.statuses import Via
from storage import audit_log
from storage.database import Database

OnProgress = Callable[[int, int], None]  # rows done, rows of the org


@dataclass(frozen=True)
class Kind:
    """A table with secrets. `owner` makes the associated data of org and row."""

    word: str
    table: str
    column: str
    action: str
    owner: Callable[[UUID, UUID], bytes]


KINDS = (
    Kind("connection", "erp_connection", "config_encrypted", "CONNECTION_REENCRYPTED", connection_owner),
    Kind(
        "callback secret",
        "callback_secret",
        "secret_encrypted",
        "CALLBACK_SECRET_REENCRYPTED",
        callback_secret_owner,
    ),
)


class Outcome(Enum):
    CURRENT = "current"
    REENCRYPTED = "re-encrypted"
    GONE = "gone"


@dataclass(frozen=True)
class Unreadable:
    """A row that no key opens; it was left as it is."""

    kind: Kind
    id: UUID
    reason: str

    def __str__(self) -> str:
        return f"{self.kind.word} {self.id}: {self.reason}"


@dataclass
class Counts:
    current: int = 0
    reencrypted: int = 0
    unreadable: list[Unreadable] = field(default_factory=list)


@dataclass
class Held:
    """What the keys open: rows by kind's word and id of their key, and those that no key opens."""

    readable: Counter[tuple[str, str]] = field(default_factory=Counter)
    unreadable: list[Unreadable] = field(default_factory=list)


async def rotate_org(
    database: Database, keys: KeyRing, org_id: UUID, on_progress: OnProgress = lambda _done, _all: None
) -> Counts:
    """
    Raises:
        DatabaseUnavailable: rows that were counted before stay re-encrypted.
    """
    counts = Counts()
    found = await _found(database, org_id)
    for number, (kind, row_id) in enumerate(found, 1):
        try:
            async with database.transaction(org_id) as connection:
                outcome = await _rotate(connection, keys, org_id, kind, row_id)
        except EncryptionError as error:
            counts.unreadable.append(Unreadable(kind, row_id, str(error)))
        else:
            counts.current += outcome is Outcome.CURRENT
            counts.reencrypted += outcome is Outcome.REENCRYPTED
        on_progress(number, len(found))
    return counts


async def check_org(database: Database, keys: KeyRing, org_id: UUID) -> Held:
    """Open every stored secret and say under which key it is; changes nothing."""
    held = Held()
    for kind, row_id in await _found(database, org_id):
        async with database.transaction(org_id) as connection:
            sealed = await _sealed(connection, org_id, kind, row_id, "")
        if sealed is None:
            continue
        try:
            keys.decrypt(sealed, kind.owner(org_id, row_id))
        except EncryptionError as error:
            held.unreadable.append(Unreadable(kind, row_id, str(error)))
        else:
            held.readable[kind.word, key_id_of(sealed) or ""] += 1
    return held


async def _found(database: Database, org_id: UUID) -> list[tuple[Kind, UUID]]:
    found: list[tuple[Kind, UUID]] = []
    async with database.transaction(org_id) as connection:
        for kind in KINDS:
            query = text(f"SELECT id FROM {kind.table} WHERE org_id = :org ORDER BY id")
            ids = (await connection.execute(query, {"org": org_id})).scalars()
            found += [(kind, row_id) for row_id in ids]
    return found


async def _sealed(
    connection: AsyncConnection, org_id: UUID, kind: Kind, row_id: UUID, lock: str
) -> bytes | None:
    query = f"SELECT {kind.column} FROM {kind.table} WHERE org_id = :org AND id = :id {lock}"
    found = await connection.execute(text(query), {"org": org_id, "id": row_id})
    sealed: bytes | None = found.scalar_one_or_none()
    return sealed


async def _rotate(
    connection: AsyncConnection, keys: KeyRing, org_id: UUID, kind: Kind, row_id: UUID
) -> Outcome:
    # The lock: a PATCH that saves new secrets meanwhile must not be overwritten with the old ones.
    sealed = await _sealed(connection, org_id, kind, row_id, "FOR UPDATE")
    if sealed is None:
        return Outcome.GONE
    owner = kind.owner(org_id, row_id)
    plain = keys.decrypt(sealed, owner)  # also when current: a broken row must be noticed
    if keys.is_current(sealed):
        return Outcome.CURRENT
    # Not `version` nor `updated_at`: nothing changed that a client could see, its If-Match stays good.
    await connection.execute(
        text(f"UPDATE {kind.table} SET {kind.column} = :sealed WHERE org_id = :org AND id = :id"),
        {"sealed": keys.encrypt(plain, owner), "org": org_id, "id": row_id},
    )
    await audit_log.append(connection, _entry(org_id, kind, row_id))
    return Outcome.REENCRYPTED


def _entry(org_id: UUID, kind: Kind, row_id: UUID) -> AuditEntry:
    return AuditEntry(
        org_id=org_id,
        entity_type=kind.table,
        entity_id=row_id,
        action=kind.action,
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
