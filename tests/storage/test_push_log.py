"""Tries of one export that overlap: each has its own row, one is the first to publish, none stays open."""

import asyncio
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from sqlalchemy import text

from domain.delivery import StageNote
from storage import connections, projection, push_log
from storage.database import Database, Row
from tests.storage.conftest import new_org
from tests.storage.test_projection import pushed

STAGED_AS = "sales_order_1.json.0123456789abcdef.tmp"


@pytest_asyncio.fixture
async def export_id(database: Database, org: UUID) -> UUID:
    """An export of which nobody knows yet that it was sent, with one staged try: row 1 of its push log."""
    story = pushed(org, uuid4())
    await projection.record(database, story.records[:-1])
    last = story.draft.last_export
    assert last is not None
    assert await opened(database, org, last.id) == 1
    return last.id


async def begin(
    call: push_log.Call, org: UUID, export_id: UUID, publishing: push_log.Publishing | None = None
) -> push_log.Begun:
    """Through a connection that is not there any more."""
    return await push_log.begin_try(call, org, export_id, uuid4(), {}, datetime.now(UTC), publishing)


# As a publish begins whose own row, 9, is lost: every one that finds a mark gets a new row.
AGAIN = push_log.Publishing(STAGED_AS, 9)


async def opened(database: Database, org: UUID, export_id: UUID) -> int:
    return (await begin(database.call, org, export_id)).row


async def closed(database: Database, org: UUID, export_id: UUID, row: int, status: str) -> None:
    await push_log.end_try(database.call, org, export_id, row, status, duration_ms=1)


async def statuses(database: Database, org: UUID, export_id: UUID) -> list[str]:
    async with database.transaction(org) as connection:
        return [row["status"] for row in await push_log.rows(connection, org, export_id)]


async def begun(call: push_log.Call, org: UUID, export_id: UUID) -> bool:
    """Whether a publish that begins with row 1 is the first one."""
    return (await begin(call, org, export_id, push_log.Publishing(STAGED_AS, 1))).first_try


async def test_only_the_first_try_to_publish_a_staged_file_is_told_so(
    database: Database, org: UUID, export_id: UUID
) -> None:
    assert [await begun(database.call, org, export_id) for _ in range(3)] == [True, False, False]


async def test_a_try_that_waited_for_anothers_mark_is_not_the_first_one_too(
    database: Database, org: UUID, export_id: UUID
) -> None:
    # the first stands still between its mark and its commit; the second waits for the row meanwhile
    async with database.transaction(org) as connection:
        assert await begun(push_log.within(connection), org, export_id)
        second = asyncio.create_task(begun(database.call, org, export_id))
        await asyncio.sleep(0.5)
        assert not second.done()
    assert await second is False


async def test_a_try_that_waited_for_another_gets_a_row_of_its_own(
    database: Database, org: UUID, export_id: UUID
) -> None:
    async with database.transaction(org) as connection:
        assert (await begin(push_log.within(connection), org, export_id)).row == 2
        second = asyncio.create_task(opened(database, org, export_id))
        await asyncio.sleep(0.5)
        assert not second.done()
    assert await second == 3


async def test_no_try_begins_for_a_push_that_is_not_on_record(
    database: Database, org: UUID, export_id: UUID
) -> None:
    for org_id, unknown in ((org, uuid4()), (await new_org(database), export_id)):
        with pytest.raises(push_log.PushNotRecorded):
            await opened(database, org_id, unknown)


@pytest.mark.parametrize("late", ["PENDING", "RETRYING", "FAILED"])
async def test_a_lost_try_that_comes_back_leaves_its_row_closed(
    database: Database, org: UUID, export_id: UUID, late: str
) -> None:
    await opened(database, org, export_id)
    await closed(database, org, export_id, 1, late)
    assert await statuses(database, org, export_id) == ["RETRYING", "PENDING"]


async def test_a_lost_try_that_published_after_all_says_so(
    database: Database, org: UUID, export_id: UUID
) -> None:
    await published_again(database, org, export_id)
    await closed(database, org, export_id, 1, "SUCCESS")
    assert (await statuses(database, org, export_id))[0] == "SUCCESS"


async def test_once_a_try_has_published_no_other_looks_as_if_it_ran(
    database: Database, org: UUID, export_id: UUID
) -> None:
    await opened(database, org, export_id)  # a stage that hung before its row, while row 1 went on
    await closed(database, org, export_id, 1, "SUCCESS")
    assert await statuses(database, org, export_id) == ["SUCCESS", "RETRYING"]


async def test_a_stage_that_comes_after_the_success_does_not_begin(
    database: Database, org: UUID, export_id: UUID
) -> None:
    await closed(database, org, export_id, 1, "SUCCESS")
    with pytest.raises(push_log.ExportOver):
        await opened(database, org, export_id)
    assert await statuses(database, org, export_id) == ["SUCCESS"]


async def test_a_publish_that_is_repeated_after_its_success_was_not_heard_of_runs(
    database: Database, org: UUID, export_id: UUID
) -> None:
    await closed(database, org, export_id, 1, "SUCCESS")
    await published_again(database, org, export_id)
    assert await statuses(database, org, export_id) == ["SUCCESS", "PENDING"]
    await closed(database, org, export_id, 2, "SUCCESS")
    assert await statuses(database, org, export_id) == ["SUCCESS", "SUCCESS"]


ERROR = {"code": "CONNECTION_LOST", "message": "…", "retryable": True}


async def failed_with(
    database: Database, org: UUID, export_id: UUID, row: int, error: dict[str, Any]
) -> None:
    await push_log.end_try(
        database.call, org, export_id, row, "RETRYING", duration_ms=1, response={}, error=error
    )


async def published_again(database: Database, org: UUID, export_id: UUID) -> int:
    """A later try to publish: its number."""
    again = await begin(database.call, org, export_id, AGAIN)
    assert not again.first_try
    return again.row


async def given_up(database: Database, org: UUID, export_id: UUID) -> bool:
    async with database.transaction(org) as connection:
        await push_log.give_up(connection, org, export_id, ERROR)
    async with database.transaction(org) as connection:
        return await push_log.surely_unsent(connection, org, export_id)


@pytest.mark.parametrize(
    ("errors", "unsent"),
    [
        ([], True),  # publishing never began
        ([{"unsent": True}], True),
        ([{"unsent": True}, {"unsent": True}], True),
        ([{}], False),
        ([{}, {"unsent": True}], False),
        ([{"unsent": True}, {}], False),
        ([None], False),  # the worker died in it
        ([None, {"unsent": True}], False),
    ],
)
async def test_an_export_is_surely_unsent_when_each_of_its_tries_said_so(
    database: Database, org: UUID, export_id: UUID, errors: list[dict[str, bool] | None], unsent: bool
) -> None:
    for number, said in enumerate(errors, start=1):
        if number == 1:
            assert await begun(database.call, org, export_id)
        else:
            assert await published_again(database, org, export_id) == number
        if said is not None:
            await failed_with(database, org, export_id, number, ERROR | said)
    assert await given_up(database, org, export_id) is unsent


@pytest.mark.parametrize("error", [None, ERROR, ERROR | {"code": "CONNECTION_PAUSED"}])
async def test_no_try_begins_after_the_export_was_given_up(
    database: Database, org: UUID, export_id: UUID, error: dict[str, Any] | None
) -> None:
    if error is not None:
        await failed_with(database, org, export_id, 1, error)
    assert await given_up(database, org, export_id)
    for row in (1, 9):
        with pytest.raises(push_log.ExportOver):
            await begin(database.call, org, export_id, push_log.Publishing(STAGED_AS, row))


async def test_a_try_that_is_about_to_begin_while_the_export_is_given_up_is_seen_or_refused(
    database: Database, org: UUID, export_id: UUID
) -> None:
    # it has the lock and stands still; giving up waits for it
    async with database.transaction(org) as connection:
        await begin(push_log.within(connection), org, export_id, AGAIN)
        ending = asyncio.create_task(given_up(database, org, export_id))
        await asyncio.sleep(0.5)
        assert not ending.done()
    assert await ending is False


@pytest.mark.parametrize("noted", [None, 40])
async def test_a_lost_try_keeps_the_duration_that_was_noted_and_gets_none_that_was_not(
    database: Database, org: UUID, export_id: UUID, noted: int | None
) -> None:
    if noted is not None:
        await push_log.end_try(database.call, org, export_id, 1, "PENDING", duration_ms=noted)
    await opened(database, org, export_id)
    async with database.transaction(org) as connection:
        lost, running = await push_log.rows(connection, org, export_id)
    assert (lost["duration_ms"], lost["error"]["code"]) == (noted, "WORKER_LOST")
    assert (running["duration_ms"], running["error"]) == (None, None)


async def connected(database: Database, org: UUID, status: str) -> UUID:
    async with database.transaction(org) as connection:
        values = {
            "id": uuid4(),
            "org": org,
            "connector_type": "MOCK_V1",
            "config_encrypted": b"sealed",
            "public_config": {},
        }
        row = await connections.insert(connection, values, datetime.now(UTC))
        await connection.execute(
            text("UPDATE erp_connection SET status = :status, paused_by = 'ivan@x.example' WHERE id = :id"),
            {"status": status, "id": row["id"]},
        )
    return UUID(str(row["id"]))


async def newest(database: Database, org: UUID, export_id: UUID) -> Row:
    async with database.transaction(org) as connection:
        return (await push_log.rows(connection, org, export_id))[-1]


async def test_what_staging_took_and_said_is_written_with_the_mark(
    database: Database, org: UUID, export_id: UUID
) -> None:
    note = StageNote(duration_ms=30, response={"staged_as": STAGED_AS})
    await begin(database.call, org, export_id, push_log.Publishing(STAGED_AS, 1, note))
    row = await newest(database, org, export_id)
    assert row["response"] == {"staged_as": STAGED_AS, "publishing": STAGED_AS}
    assert (row["status"], row["duration_ms"]) == ("PENDING", 30)
    await push_log.end_try(database.call, org, export_id, 1, "SUCCESS", duration_ms=12)
    assert (await newest(database, org, export_id))["duration_ms"] == 42


async def test_a_try_is_told_of_its_connection_as_it_is_now(
    database: Database, org: UUID, export_id: UUID
) -> None:
    used, now = await connected(database, org, "ACTIVE"), datetime.now(UTC)
    begun = await push_log.begin_try(database.call, org, export_id, used, {}, now)
    assert begun.connection is not None
    assert (begun.connection["status"], begun.connection["config_encrypted"]) == ("ACTIVE", b"sealed")
    stranger = await new_org(database)
    foreign = await connected(database, stranger, "ACTIVE")
    assert (await push_log.begin_try(database.call, org, export_id, foreign, {}, now)).connection is None


@pytest.mark.parametrize("publishing", [None, push_log.Publishing(STAGED_AS, 1)])
async def test_no_try_begins_while_the_connection_is_paused(
    database: Database, org: UUID, export_id: UUID, publishing: push_log.Publishing | None
) -> None:
    paused, now = await connected(database, org, "PAUSED"), datetime.now(UTC)
    before = await newest(database, org, export_id)
    begun = await push_log.begin_try(database.call, org, export_id, paused, {}, now, publishing)
    assert begun.held
    assert await newest(database, org, export_id) == before


@pytest.mark.parametrize(("publishing", "row"), [(None, 2), (push_log.Publishing(STAGED_AS, 1), 1)])
async def test_a_try_that_met_a_pause_says_so_in_its_row(
    database: Database, org: UUID, export_id: UUID, publishing: push_log.Publishing | None, row: int
) -> None:
    paused = ERROR | {"code": "CONNECTION_PAUSED"}
    async with database.transaction(org) as connection:
        await push_log.hold_try(connection, org, export_id, {}, datetime.now(UTC), paused, publishing)
    found = await newest(database, org, export_id)
    assert (found["attempt_number"], found["status"], found["error"]) == (row, "RETRYING", paused)


async def test_a_publish_that_has_begun_goes_on_although_the_connection_is_paused(
    database: Database, org: UUID, export_id: UUID
) -> None:
    assert await begun(database.call, org, export_id)
    paused, now = await connected(database, org, "PAUSED"), datetime.now(UTC)
    first = push_log.Publishing(STAGED_AS, 1)
    again = await push_log.begin_try(database.call, org, export_id, paused, {}, now, first)
    assert (again.held, again.row, again.first_try) == (False, 2, False)


async def test_a_publish_that_was_held_takes_its_row_up_again(
    database: Database, org: UUID, export_id: UUID
) -> None:
    await failed_with(database, org, export_id, 1, ERROR | {"code": "CONNECTION_PAUSED"})
    assert await begun(database.call, org, export_id)
    row = await newest(database, org, export_id)
    assert (row["attempt_number"], row["status"], row["error"]) == (1, "PENDING", None)
