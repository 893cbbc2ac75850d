"""Tries of one export that overlap: each has its own row, and exactly one ever is the first to publish."""

import asyncio
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from storage import projection, push_log
from storage.database import Database
from tests.storage.conftest import new_org
from tests.storage.test_projection import pushed

STAGED_AS = "sales_order_1.json.0123456789abcdef.tmp"


@pytest_asyncio.fixture
async def export_id(database: Database, org: UUID) -> UUID:
    """An export with one staged try, row 1 of its push log."""
    story = pushed(org, uuid4())
    await projection.record(database, story.records)
    last = story.draft.last_export
    assert last is not None
    async with database.transaction(org) as connection:
        assert await push_log.open_try(connection, org, last.id, {}, datetime.now(UTC)) == 1
    return last.id


async def begun(database: Database, org: UUID, export_id: UUID) -> bool:
    async with database.transaction(org) as connection:
        return await push_log.begin_publish(connection, org, export_id, 1, STAGED_AS)


async def test_only_the_first_try_to_publish_a_staged_file_is_told_so(
    database: Database, org: UUID, export_id: UUID
) -> None:
    assert [await begun(database, org, export_id) for _ in range(3)] == [True, False, False]


async def test_a_try_that_waited_for_anothers_mark_is_not_the_first_one_too(
    database: Database, org: UUID, export_id: UUID
) -> None:
    # the first stands still between its mark and its commit; the second waits for the row meanwhile
    async with database.transaction(org) as connection:
        assert await push_log.begin_publish(connection, org, export_id, 1, STAGED_AS)
        second = asyncio.create_task(begun(database, org, export_id))
        await asyncio.sleep(0.5)
        assert not second.done()
    assert await second is False


async def test_a_try_that_waited_for_another_gets_a_row_of_its_own(
    database: Database, org: UUID, export_id: UUID
) -> None:
    async def opened() -> int:
        async with database.transaction(org) as connection:
            return await push_log.open_try(connection, org, export_id, {}, datetime.now(UTC))

    async with database.transaction(org) as connection:
        assert await push_log.open_try(connection, org, export_id, {}, datetime.now(UTC)) == 2
        second = asyncio.create_task(opened())
        await asyncio.sleep(0.5)
        assert not second.done()
    assert await second == 3


async def test_no_try_begins_for_a_push_that_is_not_on_record(
    database: Database, org: UUID, export_id: UUID
) -> None:
    for org_id, unknown in ((org, uuid4()), (await new_org(database), export_id)):
        with pytest.raises(push_log.PushNotRecorded):
            async with database.transaction(org_id) as connection:
                await push_log.open_try(connection, org_id, unknown, {}, datetime.now(UTC))
