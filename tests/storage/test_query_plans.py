"""Long lists come by index: what a page costs depends on the page, not on how many drafts there are."""

import json
from datetime import date
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.statuses import DraftStatus, WaitingFor
from storage import audit_log, draft_orders
from storage.audit_log import EntryFilter
from storage.changes import OF_ORG
from storage.database import Database
from storage.draft_orders import DraftFilter
from storage.reconciliation import PAGE_OF_OPEN_ROWS
from tests.storage.conftest import new_org

DRAFTS = 6000
OLD_DAY, CUSTOMER, NOBODY = date(2026, 6, 1), UUID(int=7), UUID(int=8)

# One in five is open, one in a thousand waits for a push; the trail has three rows a draft.
_FILL = (
    """
    INSERT INTO draft_order (id, org_id, number, status, version, customer_id, external_order_number,
        waiting_for, decorated, customer_signed, production_signed, search, snapshot, created_at, updated_at)
    SELECT gen_random_uuid(), :org, 'D-' || n,
        CASE WHEN n % 1000 = 0 THEN 'APPROVED' WHEN n % 5 = 0 THEN 'READY' ELSE 'PUSHED' END, 3,
        md5((n % 100)::text)::uuid, 'PO-' || n,
        CASE WHEN n % 1000 = 0 THEN 'push' WHEN n % 5 = 0 THEN 'operator_approval' END,
        false, true, false, 'd-' || n, jsonb_build_object('lines', repeat(md5(n::text), 20)),
        at, at
    FROM generate_series(1, :drafts) n,
        LATERAL (SELECT timestamptz '2026-11-01 00:00Z' - make_interval(hours => :drafts - n) AS at) t
    """,
    "ALTER TABLE audit_log DISABLE TRIGGER audit_chain",
    """
    INSERT INTO audit_log (org_id, entity_type, entity_id, entity_seq, action, actor_user_id, via, created_at,
        content_hash, previous_hash, hash)
    SELECT org_id, 'draft_order', id, s, CASE s WHEN 1 THEN 'DRAFT_CREATED' ELSE 'DRAFT_UPDATED' END,
        md5(s::text)::uuid, 'api', created_at, 'c', 'p', 'h'
    FROM draft_order, generate_series(1, 3) s WHERE org_id = :org ORDER BY created_at, s
    """,
    "ALTER TABLE audit_log ENABLE TRIGGER audit_chain",
    """
    INSERT INTO draft_record (org_id, draft_order_id, sequence, digest, change)
    SELECT org_id, id, 1, 'd', '{}' FROM draft_order WHERE org_id = :org
    """,
    "ANALYZE draft_record",
    "ANALYZE draft_order",
    "ANALYZE audit_log",
)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def long_org(database: Database, owner: AsyncEngine) -> UUID:
    org_id = await new_org(database)
    values = {"org": org_id, "drafts": DRAFTS}
    async with owner.begin() as connection:
        for statement in _FILL:
            used = {name: value for name, value in values.items() if f":{name}" in statement}
            await connection.execute(text(statement), used)
    return org_id


async def rows_looked_at(database: Database, org_id: UUID, query: str, values: dict[str, Any]) -> int:
    """By all scans of the plan, as the application's role runs it."""
    async with database.transaction(org_id) as connection:
        plan = await connection.scalar(text(f"EXPLAIN (ANALYZE, FORMAT JSON) {query}"), values)
    found = json.loads(plan) if isinstance(plan, str) else plan
    return _looked_at(found[0]["Plan"])


def _looked_at(node: dict[str, Any]) -> int:
    total = sum(_looked_at(child) for child in node.get("Plans", []))
    if "Scan" in node["Node Type"]:
        rows = node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
        total += round(rows * node["Actual Loops"])
    return total


@pytest.mark.parametrize(
    "wanted",
    [
        DraftFilter(),
        *(DraftFilter(status=status) for status in DraftStatus),
        *(DraftFilter(waiting_for=waiting) for waiting in WaitingFor),
        DraftFilter(date_to=OLD_DAY),
        DraftFilter(date_from=OLD_DAY, date_to=OLD_DAY),
        DraftFilter(customer_id=CUSTOMER),
        DraftFilter(status=DraftStatus.READY, date_to=OLD_DAY),
    ],
    ids=str,
)
async def test_a_page_of_drafts_reads_little_more_than_it_shows(
    database: Database, long_org: UUID, wanted: DraftFilter
) -> None:
    query = draft_orders.list_query(long_org, "decorated", wanted, limit=50, before=None)
    assert await rows_looked_at(database, long_org, *query) <= 150


@pytest.mark.parametrize(
    "wanted",
    [
        EntryFilter(),
        EntryFilter(action="DRAFT_UPDATED"),
        EntryFilter(action="CONNECTION_DISABLED"),
        EntryFilter(actor_user_id=NOBODY),
        EntryFilter(entity_id=NOBODY),
        EntryFilter(date_to=OLD_DAY),
        EntryFilter(date_from=OLD_DAY, date_to=OLD_DAY),
        EntryFilter(action="DRAFT_CREATED", date_to=OLD_DAY),
    ],
    ids=str,
)
async def test_a_page_of_the_trail_reads_little_more_than_it_shows(
    database: Database, long_org: UUID, wanted: EntryFilter
) -> None:
    query = audit_log.list_query(long_org, wanted, limit=50, after=None)
    assert await rows_looked_at(database, long_org, *query) <= 150


async def test_reconcile_reads_open_rows_only(database: Database, long_org: UUID) -> None:
    values = {"org": long_org, "after": UUID(int=0), "limit": 50}
    assert await rows_looked_at(database, long_org, PAGE_OF_OPEN_ROWS, values) <= 150


async def test_a_feed_reads_no_more_than_it_tells(database: Database, long_org: UUID) -> None:
    values = {"org": long_org, "xid": "0", "position": 0, "limit": 50}
    assert await rows_looked_at(database, long_org, OF_ORG, values) <= 150


async def test_a_filter_by_what_is_waited_for_finds_what_the_org_setting_makes_of_it(
    database: Database, long_org: UUID
) -> None:
    found = {}
    for gate in ("decorated", "always"):
        for waiting in WaitingFor:
            async with database.transaction(long_org) as connection:
                wanted = DraftFilter(waiting_for=waiting)
                rows = await draft_orders.list_drafts(
                    connection, long_org, gate, wanted, limit=2000, before=None
                )
            assert {row["waiting_for"] for row in rows} <= {waiting}
            found[gate, waiting.value] = len(rows)
    assert {name: count for name, count in found.items() if count} == {
        ("decorated", "operator_approval"): DRAFTS // 5 - DRAFTS // 1000,
        ("decorated", "push"): DRAFTS // 1000,
        ("always", "operator_approval"): DRAFTS // 5 - DRAFTS // 1000,
        ("always", "production_approval"): DRAFTS // 1000,
    }


async def test_pages_of_the_trail_follow_each_other_without_gap_or_repeat(
    database: Database, long_org: UUID
) -> None:
    for wanted in (EntryFilter(), EntryFilter(action="DRAFT_CREATED", date_to=OLD_DAY)):
        after, seen = None, []
        for _ in range(4):
            async with database.transaction(long_org) as connection:
                rows = await audit_log.list_entries(connection, long_org, wanted, limit=5, after=after)
            seen += [row["position"] for row in rows]
            after = (rows[-1]["created_at"], rows[-1]["position"])
        async with database.transaction(long_org) as connection:
            whole = await audit_log.list_entries(connection, long_org, wanted, limit=20, after=None)
        assert seen == [row["position"] for row in whole]
