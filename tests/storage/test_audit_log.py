"""The trail shows what was done to it; the application's role can only add to it."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.audit import AuditEntry
from domain.statuses import Via
from storage import audit_log
from storage.audit_log import Broken, EntryFilter, append, list_entries, verified, verify
from storage.database import Database
from tests.storage.conftest import AT, execute

ODD = {
    "note": 'Größe 😀 "L" \\ \n\u2028',
    "amount": "1.2300",
    "many": 10**30,
    "deep": [{"b": None, "a": [True]}],
}


def entry(org: UUID, entity: UUID, number: int, **fields: Any) -> AuditEntry:
    given: dict[str, Any] = {
        "org_id": org,
        "entity_type": "draft_order",
        "entity_id": entity,
        "action": "DRAFT_UPDATED",
        "actor_user_id": UUID(int=3),
        "actor_email": "anna@demo.example",
        "before": {"number": number},
        "after": ODD,
        "details": None,
        "via": Via.API,
        "request_id": "r-1",
        "ip": "127.0.0.1",
        "user_agent": "pytest",
        "created_at": AT + timedelta(microseconds=number),
    }
    return AuditEntry(**{**given, **fields})


async def add(database: Database, org: UUID, *entries: AuditEntry) -> None:
    async with database.transaction(org) as connection:
        for each in entries:
            await append(connection, each)


@pytest.fixture
async def entity(database: Database, org: UUID) -> UUID:
    """Three rows about one draft, and one each about two others."""
    entity = uuid4()
    await add(database, org, *(entry(org, entity, number) for number in (1, 2, 3)))
    await add(database, org, entry(org, uuid4(), 1), entry(org, entity, 1, entity_type="connection"))
    return entity


async def problems(database: Database, org: UUID) -> tuple[list[Broken], int]:
    broken, count = [], -1
    async with database.transaction(org) as connection:
        async for found in verify(connection, org):
            if isinstance(found, Broken):
                broken.append(found)
            else:
                count = found
    return broken, count


async def test_an_untouched_trail_has_no_break(database: Database, org: UUID, entity: UUID) -> None:
    assert await problems(database, org) == ([], 5)


async def test_every_field_may_be_empty(database: Database, org: UUID) -> None:
    optional = (
        "actor_user_id",
        "actor_email",
        "before",
        "after",
        "details",
        "request_id",
        "ip",
        "user_agent",
    )
    await add(database, org, entry(org, uuid4(), 1, **dict.fromkeys(optional)))
    assert await problems(database, org) == ([], 1)


async def test_rows_are_numbered_and_read_in_order(database: Database, org: UUID, entity: UUID) -> None:
    async with database.transaction(org) as connection:
        read = await list_entries(connection, org, EntryFilter(entity_id=entity), limit=10, after=None)
        newest = await list_entries(connection, org, EntryFilter(), limit=1, after=None)
    drafts = [row for row in read if row["entity_type"] == "draft_order"]
    assert [row["entity_seq"] for row in drafts] == [1, 2, 3]
    assert [row["before"] for row in drafts] == [{"number": 1}, {"number": 2}, {"number": 3}]
    assert drafts[0]["after"] == ODD
    assert newest[0]["created_at"] == max(row["created_at"] for row in read)


ROW = "org_id = :org AND entity_id = :entity AND entity_type = 'draft_order' AND entity_seq"
COPY = (
    "INSERT INTO audit_log (org_id, entity_type, entity_id, entity_seq, action, via, created_at, "
    "content_hash, previous_hash, hash) "
    "SELECT org_id, entity_type, {entity}, {seq}, 'DRAFT_APPROVED', via, created_at, content_hash, "
    "{previous}, hash FROM audit_log WHERE " + ROW + " = 3"
)
OFF, ON = (
    "ALTER TABLE audit_log DISABLE TRIGGER audit_chain",
    "ALTER TABLE audit_log ENABLE TRIGGER audit_chain",
)
FORGED_HASH = (
    "UPDATE audit_log SET hash = encode(sha256(convert_to(previous_hash || ':' || entity_seq || ':' || "
    "content_hash, 'UTF8')), 'hex') WHERE "
)

TAMPERINGS: dict[str, tuple[list[str], set[tuple[int, str]]]] = {
    "another action": (
        [f"UPDATE audit_log SET action = 'DRAFT_APPROVED' WHERE {ROW} = 2"],
        {(2, "the row's content was changed")},
    ),
    "another value": (
        [f"UPDATE audit_log SET after = jsonb_set(after, '{{amount}}', '\"9.99\"') WHERE {ROW} = 2"],
        {(2, "the row's content was changed")},
    ),
    "another time": (
        [f"UPDATE audit_log SET created_at = created_at + interval '1 microsecond' WHERE {ROW} = 2"],
        {(2, "the row's content was changed")},
    ),
    "another person": (
        [f"UPDATE audit_log SET actor_user_id = NULL WHERE {ROW} = 1"],
        {(1, "the row's content was changed")},
    ),
    "content and its hash": (
        [f"UPDATE audit_log SET action = 'X', content_hash = repeat('0', 64) WHERE {ROW} = 2"],
        {(2, "the row's content was changed"), (2, "the row's hash does not fit its content")},
    ),
    "a hash": (
        [f"UPDATE audit_log SET hash = repeat('0', 64) WHERE {ROW} = 2"],
        {(2, "the row's hash does not fit its content"), (3, "the row does not follow the one before it")},
    ),
    "a previous hash, made to fit": (
        [f"UPDATE audit_log SET previous_hash = repeat('0', 64) WHERE {ROW} = 2", f"{FORGED_HASH}{ROW} = 2"],
        {
            (2, "the row does not follow the one before it"),
            (3, "the row does not follow the one before it"),
        },
    ),
    "a middle row gone": ([f"DELETE FROM audit_log WHERE {ROW} = 2"], {(3, "row 2 is missing")}),
    "a middle row gone, the next one in its place": (
        [f"DELETE FROM audit_log WHERE {ROW} = 2", f"UPDATE audit_log SET entity_seq = 2 WHERE {ROW} = 3"],
        {
            (2, "the row does not follow the one before it"),
            (2, "the row's hash does not fit its content"),
            (3, "the newest rows are missing or were replaced"),
        },
    ),
    "the last row gone": (
        [f"DELETE FROM audit_log WHERE {ROW} = 3"],
        {(3, "the newest rows are missing or were replaced")},
    ),
    "all rows gone": (
        [f"DELETE FROM audit_log WHERE {ROW} > 0"],
        {(3, "the newest rows are missing or were replaced")},
    ),
    "a row added past the chain": (
        [OFF, COPY.format(entity="entity_id", seq=4, previous="hash"), ON],
        {
            (4, "the row's content was changed"),
            (4, "the row's hash does not fit its content"),
            (3, "the newest rows are missing or were replaced"),
        },
    ),
    "a row added through the chain with a copied content hash": (
        [COPY.format(entity="entity_id", seq=0, previous="hash")],
        {(4, "the row's content was changed")},
    ),
    "a chain of its own beside the heads": (
        [OFF, COPY.format(entity="gen_random_uuid()", seq=1, previous="repeat('0', 64)"), ON],
        {
            (1, "the row's content was changed"),
            (1, "the row's hash does not fit its content"),
            (1, "rows were inserted around the chain"),
        },
    ),
    "a head set back": (
        [
            "UPDATE audit_head SET entity_seq = 2 WHERE org_id = :org AND entity_id = :entity "
            "AND entity_type = 'draft_order'"
        ],
        {(2, "the newest rows are missing or were replaced")},
    ),
    "a head gone": (
        [
            "DELETE FROM audit_head WHERE org_id = :org AND entity_id = :entity "
            "AND entity_type = 'draft_order'"
        ],
        {(3, "rows were inserted around the chain")},
    ),
}


@pytest.mark.parametrize("tampering", TAMPERINGS)
async def test_tampering_by_the_owner_of_the_database_is_found(
    database: Database, owner: AsyncEngine, org: UUID, entity: UUID, tampering: str
) -> None:
    statements, expected = TAMPERINGS[tampering]
    await execute(owner, *statements, org=org, entity=entity)
    broken, _ = await problems(database, org)
    assert {(each.entity_seq, each.problem) for each in broken} == expected
    assert {each.org_id for each in broken} == {org}


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_log SET action = 'X'",
        "DELETE FROM audit_log",
        "TRUNCATE audit_log",
        "UPDATE audit_head SET entity_seq = 0",
        "DELETE FROM audit_head",
        "TRUNCATE audit_head",
        "INSERT INTO audit_head VALUES (:org, 'draft_order', :entity, 9, 'x')",
        "ALTER TABLE audit_log DISABLE TRIGGER audit_chain",
        "DROP TRIGGER audit_chain ON audit_log",
        "CREATE OR REPLACE FUNCTION audit_chain() RETURNS trigger LANGUAGE sql AS 'SELECT NULL'",
        "SET session_replication_role = 'replica'",
    ],
)
async def test_the_applications_role_cannot_change_the_trail(
    database: Database, org: UUID, entity: UUID, statement: str
) -> None:
    values = {name: value for name, value in (("org", org), ("entity", entity)) if f":{name}" in statement}
    with pytest.raises(ProgrammingError, match=r"permission denied|must be owner"):
        async with database.transaction(org) as connection:
            await connection.execute(text(statement), values)
    assert await problems(database, org) == ([], 5)


async def test_a_row_with_hashes_of_its_own_is_numbered_and_chained_by_the_database(
    database: Database, org: UUID, entity: UUID
) -> None:
    async with database.transaction(org) as connection:
        await connection.execute(
            text(COPY.format(entity="entity_id", seq=2, previous="'x'")), {"org": org, "entity": entity}
        )
    broken, count = await problems(database, org)
    assert {(each.entity_seq, each.problem) for each in broken} == {(4, "the row's content was changed")}
    assert count == 6


async def test_rows_written_at_once_about_one_thing_stay_one_chain(database: Database, org: UUID) -> None:
    one, other = uuid4(), uuid4()
    await asyncio.gather(
        *(add(database, org, entry(org, one, n), entry(org, one, n + 100)) for n in range(15)),
        *(add(database, org, entry(org, other, n)) for n in range(15)),
    )
    assert await problems(database, org) == ([], 45)


async def test_a_transaction_that_fails_leaves_neither_row_nor_gap(
    database: Database, org: UUID, entity: UUID
) -> None:
    async def added_and_undone() -> None:
        async with database.transaction(org) as connection:
            await append(connection, entry(org, entity, 4))
            raise RuntimeError("changed my mind")

    with pytest.raises(RuntimeError, match="changed my mind"):
        await added_and_undone()
    await add(database, org, entry(org, entity, 5))
    assert await problems(database, org) == ([], 6)


async def test_rows_that_are_added_while_a_chain_is_checked_are_not_missing(
    database: Database, org: UUID, entity: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_heads = audit_log._check_heads

    async def late(*given: Any) -> AsyncIterator[Broken]:
        await add(database, org, entry(org, entity, 4), entry(org, uuid4(), 1))
        async for broken in check_heads(*given):
            yield broken

    monkeypatch.setattr(audit_log, "_check_heads", late)
    assert [found async for found in verified(database, org)] == [5]
    assert [found async for found in verified(database, org)] == [7]
