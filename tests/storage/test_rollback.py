"""However a transaction ends, its connection is outside of any; and PostgreSQL finds nothing odd about it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from uuid import uuid4

import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from local.postgres import DatabaseUrls
from storage import database as storage
from storage.database import Database, DatabaseUnavailable

_TABLE = "CREATE TEMPORARY TABLE checked (id int) ON COMMIT DROP"
_TRIGGER = (
    "CREATE CONSTRAINT TRIGGER late AFTER INSERT ON checked DEFERRABLE INITIALLY DEFERRED "
    "FOR EACH ROW EXECUTE FUNCTION pg_temp.late()"
)


@pytest_asyncio.fixture
async def alone(postgres: DatabaseUrls) -> AsyncIterator[Database]:
    """One connection, so that what a transaction leaves on it is found by the next. It may make tables."""
    database = Database(postgres.owner, pool_size=1)
    yield database
    await database.dispose()


@pytest_asyncio.fixture
async def noticed(alone: Database) -> list[str]:
    """What PostgreSQL says besides its answers."""
    said: list[str] = []
    async with alone.transaction(uuid4()) as connection:
        driver = (await connection.get_raw_connection()).driver_connection
        assert driver is not None
        driver.add_log_listener(lambda _, notice: said.append(notice.message))
    return said


async def at_commit(connection: AsyncConnection, happens: str) -> None:
    for statement in (
        _TABLE,
        f"CREATE FUNCTION pg_temp.late() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN {happens}; END'",
        _TRIGGER,
        "INSERT INTO checked VALUES (1)",
    ):
        await connection.execute(text(statement))


async def require_usable(alone: Database) -> None:
    query = "SELECT now() AS begun, current_setting('app.org_id', true) AS org_id"
    [first], [second] = [await alone.call(query, {}) for _ in range(2)]
    assert first["begun"] != second["begun"]  # each statement is a transaction of its own
    assert not second["org_id"]
    async with alone.transaction(uuid4()) as connection:
        assert await connection.scalar(text("SELECT 1")) == 1


async def test_a_transaction_that_the_caller_breaks_off_is_rolled_back(
    alone: Database, noticed: list[str]
) -> None:
    async def broken_off() -> None:
        async with alone.transaction(uuid4()) as connection:
            await connection.execute(text(_TABLE))
            raise KeyError

    with pytest.raises(KeyError):
        await broken_off()
    await require_usable(alone)
    assert noticed == []


async def test_a_commit_that_is_refused_needs_no_rollback(alone: Database, noticed: list[str]) -> None:
    with pytest.raises(Exception, match="too late"):
        async with alone.transaction(uuid4()) as connection:
            await at_commit(connection, "RAISE EXCEPTION ''too late''")
    await require_usable(alone)
    assert noticed == []


async def test_a_commit_that_is_cut_off_is_waited_for(alone: Database, noticed: list[str]) -> None:
    async def slow() -> None:
        async with alone.transaction(uuid4()) as connection:
            await at_commit(connection, "PERFORM pg_sleep(1); RETURN NULL")

    with pytest.raises((TimeoutError, DatabaseUnavailable)):
        await asyncio.wait_for(slow(), 0.4)
    await require_usable(alone)
    assert noticed == []


@pytest.mark.parametrize(
    "begin",
    [
        "BEGIN; SELECT pg_sleep(1)",
        "SELECT pg_sleep(1); BEGIN",
        "BEGIN; SELECT set_config('app.org_id', '', true); SELECT pg_sleep(1)",
    ],
)
async def test_a_transaction_that_is_cut_off_while_it_begins_leaves_none_open(
    alone: Database, noticed: list[str], monkeypatch: pytest.MonkeyPatch, begin: str
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(storage, "_begin", lambda *_, **__: begin)
        with pytest.raises((TimeoutError, DatabaseUnavailable)):
            async with asyncio.timeout(0.2), alone.transaction(uuid4()):
                pytest.fail("it never began")
    await require_usable(alone)
    assert noticed == []


async def test_a_failed_statement_is_rolled_back(alone: Database, noticed: list[str]) -> None:
    with pytest.raises(DBAPIError):
        async with alone.transaction(uuid4()) as connection:
            await connection.execute(text("SELECT nonsense"))
    await require_usable(alone)
    assert noticed == []


async def test_a_commit_that_is_answered_by_a_rollback_is_no_commit(
    alone: Database, noticed: list[str]
) -> None:
    async def kept_to_himself() -> None:
        async with alone.transaction(uuid4()) as connection:
            with suppress(DBAPIError):
                await connection.execute(text("SELECT nonsense"))

    with pytest.raises(DatabaseUnavailable, match="rolled"):
        await kept_to_himself()
    await require_usable(alone)
    assert noticed == []


async def test_a_transaction_that_nobody_runs_any_more_is_hung_up_without_waiting(alone: Database) -> None:
    begun = asyncio.Event()

    async def held() -> None:
        async with alone.transaction(uuid4()) as connection:
            await connection.execute(text(_TABLE))
            begun.set()
            await asyncio.sleep(60)

    coroutine = held()
    task = asyncio.create_task(coroutine)
    await begun.wait()
    coroutine.close()  # as when the interpreter ends; what awaits here is told "ignored GeneratorExit"
    task.cancel()
    await asyncio.wait({task})
    await require_usable(alone)


async def test_one_snapshot_does_not_see_what_is_committed_meanwhile(alone: Database) -> None:
    count = text("SELECT count(*) FROM pg_class WHERE relname = 'seen_later'")
    async with alone.transaction(uuid4(), one_snapshot=True) as connection:
        assert await connection.scalar(count) == 0
        try:
            await alone.call("CREATE TABLE seen_later (id int)", {})
            assert await connection.scalar(count) == 0
        finally:
            await alone.call("DROP TABLE seen_later", {})
