"""Notices that were told long ago are swept away; what is untold stays and is counted, org by org or all."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.testing import ActivityEnvironment

from activities import sweeping
from activities.sweeping import Sweeper
from config.keys import KeyRing
from domain.notices import NoticeKind
from domain.sweeping import NOTICES_KEPT
from storage.database import Database
from storage.notices import add_notice, mark_told
from storage.untold import Untold, count_untold
from tests.storage.conftest import execute, new_org

MINUTE = timedelta(minutes=1)


@pytest.fixture
def sweeper(database: Database) -> Sweeper:
    return Sweeper(database, KeyRing("11" * 32), {}, 86400)


async def notice(database: Database, org: UUID, age: timedelta, *, told: bool) -> UUID:
    notice_id, at = uuid4(), datetime.now(UTC) - age
    async with database.transaction(org) as connection:
        await add_notice(connection, org, notice_id, NoticeKind.LOGO, uuid4(), at)
        if told:
            await mark_told(connection, org, notice_id, at)
    return notice_id


async def kept(database: Database, org: UUID) -> set[UUID]:
    async with database.transaction(org) as connection:
        return set((await connection.execute(text("SELECT id FROM line_notice"))).scalars())


async def test_the_sweep_removes_told_notices_that_are_old_and_no_others(
    database: Database, org: UUID, sweeper: Sweeper
) -> None:
    other = await new_org(database)
    await notice(database, org, NOTICES_KEPT + MINUTE, told=True)
    young = await notice(database, org, NOTICES_KEPT - MINUTE, told=True)
    untold = await notice(database, org, NOTICES_KEPT * 3, told=False)
    theirs = await notice(database, other, MINUTE, told=True)
    await ActivityEnvironment().run(sweeper.run)
    assert await kept(database, org) == {young, untold}
    assert await kept(database, other) == {theirs}


async def test_many_notices_go_in_bounded_batches_oldest_first(
    database: Database, org: UUID, sweeper: Sweeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeping, "_ROWS_AT_ONCE", 2)
    monkeypatch.setattr(sweeping, "_BATCHES_AT_ONCE", 2)
    ages = [NOTICES_KEPT + MINUTE * (10 - number) for number in range(6)]
    made = [await notice(database, org, age, told=True) for age in ages]
    await ActivityEnvironment().run(sweeper.forget_notices, org, "acme")
    assert await kept(database, org) == set(made[4:])
    await ActivityEnvironment().run(sweeper.forget_notices, org, "acme")
    assert await kept(database, org) == set()


async def test_told_notices_are_found_by_index(database: Database, owner: AsyncEngine, org: UUID) -> None:
    query = text(
        "EXPLAIN SELECT id FROM line_notice WHERE org_id = :org AND told_at < :at ORDER BY told_at LIMIT 500"
    )
    fill = (
        "INSERT INTO line_notice (id, org_id, kind, entity_id, created_at, told_at) "
        "SELECT gen_random_uuid(), :org, 'logo', gen_random_uuid(), now(), now() "
        "FROM generate_series(1, 4000)"
    )
    await execute(owner, fill, org=org)
    await execute(owner, "ANALYZE line_notice")
    async with database.transaction(org) as connection:
        plan = await connection.execute(query, {"org": org, "at": datetime.now(UTC) - NOTICES_KEPT})
        assert "line_notice_told" in "\n".join(plan.scalars())


async def test_what_is_untold_is_counted_over_all_orgs_with_its_age(
    database: Database, org: UUID, owner: AsyncEngine
) -> None:
    async def counted() -> dict[str, Untold]:
        return {each.what: each for each in await count_untold(database)}

    before = await counted()
    await notice(database, org, timedelta(hours=2), told=False)
    await notice(database, await new_org(database), MINUTE, told=False)
    await notice(database, org, timedelta(hours=9), told=True)
    for outcome in (None, "applied"):
        await execute(
            owner,
            "INSERT INTO callback_inbox (id, org_id, webhook_id, secret_id, body_sha256, color_up_id, "
            "decision, approver_email, received_at, outcome) VALUES (gen_random_uuid(), :org, "
            "gen_random_uuid()::text, gen_random_uuid(), 'x', gen_random_uuid(), 'approve', 'jo@x.example', "
            "now() - interval '3 hours', :outcome)",
            org=org,
            outcome=outcome,
        )
    after = await counted()
    assert set(after) == {"notice", "callback"}
    assert after["notice"].untold - before["notice"].untold == 2
    assert after["callback"].untold - before["callback"].untold == 1
    assert after["notice"].oldest_s >= 7200
    assert after["callback"].oldest_s >= 3 * 3600
