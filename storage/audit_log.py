"""The audit trail: append, read, verify. The application's role can insert and read, nothing else."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.audit import GENESIS, AuditEntry, chain_hash
from storage.database import Database, Row
from storage.days import end_of, start_of

COLUMNS = (
    "id, entity_type, entity_id, entity_seq, action, actor_user_id, actor_email, before, after, details, "
    "via, request_id, ip, user_agent, created_at"
)


async def append(connection: AsyncConnection, entry: AuditEntry) -> None:
    """Write one entry in the caller's transaction; the database numbers and chains it."""
    values = [{**entry.model_dump(mode="json"), "content_hash": entry.content_hash()}]
    await connection.execute(
        text("SELECT append_audit(cast(:entries AS jsonb))"), {"entries": json.dumps(values)}
    )


@dataclass(frozen=True)
class Broken:
    """One place where the trail does not hold."""

    org_id: UUID
    entity_type: str
    entity_id: UUID
    entity_seq: int
    problem: str


async def verified(database: Database, org_id: UUID) -> AsyncIterator[Broken | int]:
    """As `verify`, while rows are added: chains and their heads are those of one moment."""
    async with database.transaction(org_id, one_snapshot=True) as connection:
        async for found in verify(connection, org_id):
            yield found


async def verify(connection: AsyncConnection, org_id: UUID) -> AsyncIterator[Broken | int]:
    """Walk every chain of the org; yield each break, and at the end the number of rows read.

    Content is hashed here, from the columns, and not by the database that is being checked. The connection's
    transaction must see one snapshot, or nobody may add rows meanwhile.
    """
    rows = await connection.stream(
        text(
            f"SELECT {COLUMNS}, org_id, content_hash, previous_hash, hash FROM audit_log "
            "WHERE org_id = :org ORDER BY entity_type, entity_id, entity_seq"
        ),
        {"org": org_id},
    )
    heads: dict[tuple[str, UUID], tuple[int, str]] = {}
    count = 0
    async for row in rows.mappings():
        count += 1
        entity = (row["entity_type"], row["entity_id"])
        seq, previous = heads.get(entity, (0, GENESIS))
        for problem in _problems(row, seq + 1, previous):
            yield Broken(org_id, *entity, row["entity_seq"], problem)
        heads[entity] = (row["entity_seq"], row["hash"])
    async for broken in _check_heads(connection, org_id, heads):
        yield broken
    yield count


def _problems(row: Row, expected_seq: int, previous: str) -> list[str]:
    problems = []
    content = {name: row[name] for name in AuditEntry.model_fields}
    if row["entity_seq"] != expected_seq:
        problems.append(f"row {expected_seq} is missing")
    if AuditEntry.model_validate(content).content_hash() != row["content_hash"]:
        problems.append("the row's content was changed")
    if row["previous_hash"] != previous and row["entity_seq"] == expected_seq:
        problems.append("the row does not follow the one before it")
    if chain_hash(row["previous_hash"], row["entity_seq"], row["content_hash"]) != row["hash"]:
        problems.append("the row's hash does not fit its content")
    return problems


async def _check_heads(
    connection: AsyncConnection, org_id: UUID, heads: dict[tuple[str, UUID], tuple[int, str]]
) -> AsyncIterator[Broken]:
    known = await connection.execute(
        text("SELECT entity_type, entity_id, entity_seq, hash FROM audit_head WHERE org_id = :org"),
        {"org": org_id},
    )
    seen = set()
    for row in known.mappings():
        entity = (row["entity_type"], row["entity_id"])
        seen.add(entity)
        if heads.get(entity) != (row["entity_seq"], row["hash"]):
            yield Broken(org_id, *entity, row["entity_seq"], "the newest rows are missing or were replaced")
    for entity, (seq, _hash) in heads.items():
        if entity not in seen:
            yield Broken(org_id, *entity, seq, "rows were inserted around the chain")


@dataclass(frozen=True)
class EntryFilter:
    entity_id: UUID | None = None
    action: str | None = None
    actor_user_id: UUID | None = None
    date_from: date | None = None
    date_to: date | None = None


async def list_entries(
    connection: AsyncConnection,
    org_id: UUID,
    wanted: EntryFilter,
    *,
    limit: int,
    after: tuple[datetime, int] | None,
) -> list[Row]:
    """Entries of one entity oldest first, of the whole org newest first; `after` is the last row seen."""
    query, values = list_query(org_id, wanted, limit=limit, after=after)
    return list((await connection.execute(text(query), values)).mappings())


def list_query(
    org_id: UUID, wanted: EntryFilter, *, limit: int, after: tuple[datetime, int] | None
) -> tuple[str, dict[str, Any]]:
    """The statement of `list_entries` and its values; apart, so that a test can ask for its plan."""
    given = {
        "entity_id": wanted.entity_id,
        "action": wanted.action,
        "actor_user_id": wanted.actor_user_id,
        "created_from": None if wanted.date_from is None else start_of(wanted.date_from),
        "created_before": None if wanted.date_to is None else end_of(wanted.date_to),
    }
    values: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    conditions = ["org_id = :org", *(_CONDITIONS[name] for name in values)]
    # one entity's rows are few, and their order is the chain's; the org's are many and come by index
    order = "position" if wanted.entity_id is not None else "created_at DESC, position DESC"
    if after is not None:
        of_entity = wanted.entity_id is not None
        conditions.append(
            "position > :after" if of_entity else "(created_at, position) < (:after_at, :after)"
        )
        values |= {"after": after[1]} if of_entity else {"after_at": after[0], "after": after[1]}
    query = (
        f"SELECT {COLUMNS}, position FROM audit_log "
        f"WHERE {' AND '.join(conditions)} ORDER BY {order} LIMIT :limit"
    )
    return query, {**values, "org": org_id, "limit": limit}


_CONDITIONS = {
    "entity_id": "entity_id = :entity_id",
    "action": "action = :action",
    "actor_user_id": "actor_user_id = :actor_user_id",
    "created_from": "created_at >= :created_from",
    "created_before": "created_at < :created_before",
}
