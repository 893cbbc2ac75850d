"""The audit trail: append, read, verify. The application's role can insert and read, nothing else."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.audit import GENESIS, AuditEntry, chain_hash
from storage.database import Row

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


async def verify(connection: AsyncConnection, org_id: UUID) -> AsyncIterator[Broken | int]:
    """Walk every chain of the org; yield each break, and at the end the number of rows read.

    Content is hashed here, from the columns, and not by the database that is being checked.
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


async def list_entries(
    connection: AsyncConnection, org_id: UUID, filters: dict[str, Any], *, limit: int, after: int | None
) -> list[Row]:
    """Entries of one entity oldest first, of the whole org newest first. `after` is a row's position."""
    of_entity = filters.get("entity_id") is not None
    conditions = ["org_id = :org"] + [_CONDITIONS[name] for name in filters if filters[name] is not None]
    values = {name: value for name, value in filters.items() if value is not None}
    if after is not None:
        conditions.append("position > :after" if of_entity else "position < :after")
        values["after"] = after
    order = "ASC" if of_entity else "DESC"
    query = (
        f"SELECT {COLUMNS}, position FROM audit_log "
        f"WHERE {' AND '.join(conditions)} ORDER BY position {order} LIMIT :limit"
    )
    rows = await connection.execute(text(query), {**values, "org": org_id, "limit": limit})
    return list(rows.mappings())


_CONDITIONS = {
    "entity_id": "entity_id = :entity_id",
    "action": "action = :action",
    "actor_user_id": "actor_user_id = :actor_user_id",
    "date_from": "created_at >= (cast(:date_from AS date) AT TIME ZONE 'UTC')",
    "date_to": "created_at < (cast(:date_to AS date) + 1) AT TIME ZONE 'UTC'",
}
