"""Idempotency keys are kept for longer than a day, then swept away, few at a time and org by org."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.testing import ActivityEnvironment

from activities import sweeping
from activities.sweeping import Sweeper
from config.keys import KeyRing
from domain.sweeping import KEYS_KEPT
from storage.database import Database
from tests.storage.conftest import execute, new_org

SCOPE = "POST /customers"
_INSERT = text(
    "INSERT INTO idempotency_key (org_id, scope, key, digest, status_code, created_at) "
    "SELECT :org, :scope, 'key-' || n, 'd', CASE WHEN n % 2 = 0 THEN 201 END, :at "
    "FROM generate_series(cast(:first AS int), cast(:last AS int)) n"
)


@pytest.fixture
def sweeper(database: Database) -> Sweeper:
    return Sweeper(database, KeyRing("11" * 32), {}, 86400)


async def keep(database: Database, org: UUID, first: int, last: int, age: timedelta) -> None:
    values = {"org": org, "scope": SCOPE, "first": first, "last": last, "at": datetime.now(UTC) - age}
    async with database.transaction(org) as connection:
        await connection.execute(_INSERT, values)


async def kept(database: Database, org: UUID) -> set[int]:
    async with database.transaction(org) as connection:
        keys = await connection.execute(text("SELECT key FROM idempotency_key"))
        return {int(key.removeprefix("key-")) for key in keys.scalars()}


def test_a_key_is_kept_for_a_day_at_least() -> None:
    assert timedelta(days=1) <= KEYS_KEPT


async def test_the_sweep_removes_the_keys_that_are_old_and_no_others(
    database: Database, org: UUID, sweeper: Sweeper
) -> None:
    other = await new_org(database)
    await keep(database, org, 1, 4, KEYS_KEPT + timedelta(minutes=1))
    await keep(database, org, 5, 6, KEYS_KEPT - timedelta(minutes=1))
    await keep(database, other, 7, 8, timedelta(days=1))
    await ActivityEnvironment().run(sweeper.run)
    assert await kept(database, org) == {5, 6}
    assert await kept(database, other) == {7, 8}


async def test_many_keys_go_in_bounded_batches_and_the_rest_at_the_next_sweep(
    database: Database, org: UUID, sweeper: Sweeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeping, "_ROWS_AT_ONCE", 3)
    monkeypatch.setattr(sweeping, "_BATCHES_AT_ONCE", 2)
    await keep(database, org, 1, 5, KEYS_KEPT * 3)
    await keep(database, org, 6, 10, KEYS_KEPT * 2)
    beats: list[object] = []
    environment = ActivityEnvironment()
    environment.on_heartbeat = lambda *said: beats.extend(said)
    await environment.run(sweeper.forget_keys, org, "acme")
    left = await kept(database, org)
    assert len(left) == 4
    assert min(left) > 5  # the oldest go first
    assert beats == ["acme", "acme"]
    await environment.run(sweeper.forget_keys, org, "acme")
    assert await kept(database, org) == set()


async def test_a_key_that_a_request_holds_is_passed_over_not_waited_for(
    database: Database, org: UUID, sweeper: Sweeper
) -> None:
    await keep(database, org, 1, 2, KEYS_KEPT * 2)
    async with database.transaction(org) as request:
        await request.execute(text("SELECT 1 FROM idempotency_key WHERE key = 'key-1' FOR UPDATE"))
        await ActivityEnvironment().run(sweeper.forget_keys, org, "acme")
    assert await kept(database, org) == {1}


async def test_old_keys_are_found_by_index(database: Database, owner: AsyncEngine, org: UUID) -> None:
    await keep(database, org, 1, 4000, timedelta(0))
    await execute(owner, "ANALYZE idempotency_key")
    query = text(
        "EXPLAIN SELECT scope, key FROM idempotency_key WHERE org_id = :org AND created_at < :at "
        "ORDER BY created_at LIMIT 500 FOR UPDATE SKIP LOCKED"
    )
    async with database.transaction(org) as connection:
        plan = await connection.execute(query, {"org": org, "at": datetime.now(UTC) - KEYS_KEPT})
        assert "idempotency_key_age" in "\n".join(plan.scalars())
