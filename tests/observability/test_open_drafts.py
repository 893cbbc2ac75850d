"""Counts over all orgs by the application's role, which by itself sees no row of any."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import asyncpg
import pytest_asyncio

from local.postgres import DatabaseUrls
from storage.database import Database
from storage.open_drafts import OpenDrafts, count_open_drafts
from storage.organizations import create_org

NOW = datetime.now(UTC)


@pytest_asyncio.fixture(loop_scope="session")
async def owner(postgres: DatabaseUrls) -> asyncpg.Connection:
    connection = await asyncpg.connect(postgres.owner.replace("+asyncpg", ""))
    yield connection
    await connection.close()


async def org_with(database: Database, owner: asyncpg.Connection, settings: str) -> UUID:
    org_id = uuid4()
    async with database.transaction(org_id) as connection:
        await create_org(connection, org_id, f"org-{org_id}", "Test", NOW)
    await owner.execute("UPDATE org SET settings = $2::jsonb WHERE id = $1", org_id, settings)
    return org_id


async def draft(
    owner: asyncpg.Connection, org: UUID, status: str, waiting_for: str | None, *, rested_s: int = 0
) -> UUID:
    draft_id = uuid4()
    await owner.execute(
        "INSERT INTO draft_order (id, org_id, number, status, version, waiting_for, decorated,"
        " customer_signed, production_signed, search, snapshot, created_at, updated_at)"
        " VALUES ($1, $2, 'D-1', $3, 1, $4, false, true, false, '', '{}', $5, $5)",
        *(draft_id, org, status, waiting_for, NOW - timedelta(seconds=rested_s)),
    )
    return draft_id


async def sent_export(owner: asyncpg.Connection, org: UUID, draft_id: UUID, hours_ago: int) -> None:
    await owner.execute(
        "INSERT INTO erp_export (id, org_id, draft_order_id, attempt, version, status, connection_id,"
        " connector_type, file_name, storage_key, sha256, size_bytes, ack_expected, unconfirmed,"
        " may_have_been_sent, refused_by_erp, created_at, sent_at)"
        " VALUES ($1, $2, $3, 1, 1, 'SENT', $1, 'MOCK', 'f', 'k', 's', 1, true, false, false, false, $4, $4)",
        *(uuid4(), org, draft_id, NOW - timedelta(hours=hours_ago)),
    )


async def test_open_drafts_are_counted_over_orgs_as_their_settings_say(
    postgres: DatabaseUrls, owner: asyncpg.Connection
) -> None:
    database = Database(postgres.app)
    before = {each.waiting_for: each for each in await count_open_drafts(database)}
    strict = await org_with(database, owner, '{"production_gate": "always", "ack_overdue_hours": 1}')
    usual = await org_with(database, owner, "{}")
    for org in (strict, usual):
        await draft(owner, org, "APPROVED", "push")
        await draft(owner, org, "PUSHING", "export", rested_s=90_000)
        await sent_export(owner, org, await draft(owner, org, "PUSHED", "ack"), hours_ago=2)
        # closed long ago without an ack: nobody waits for it any more
        await sent_export(owner, org, await draft(owner, org, "PUSHED", None), hours_ago=900)

    counts = {each.waiting_for: each for each in await count_open_drafts(database)}
    none = OpenDrafts("", 0, 0.0, 0)

    def more(waiting_for: str) -> int:
        return counts.get(waiting_for, none).drafts - before.get(waiting_for, none).drafts

    assert [more(each) for each in ("production_approval", "push", "export", "ack")] == [1, 1, 2, 2]
    assert counts["export"].oldest_s >= 90_000
    assert counts["ack"].acks_overdue - before.get("ack", none).acks_overdue == 1
    rows = await database.call(
        "WITH counted AS MATERIALIZED (SELECT count(*) FROM count_open_drafts()) "
        "SELECT current_setting('app.org_id', true) AS org FROM counted",
        {},
    )
    assert not rows[0]["org"]  # the function leaves no org behind
    assert (await database.call("SELECT count(*) AS n FROM draft_order", {}))[0]["n"] == 0
    await database.dispose()
