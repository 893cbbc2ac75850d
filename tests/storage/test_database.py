"""A database that is gone is told from a statement that is wrong, in seconds, and its return is noticed."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError, OperationalError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from local.postgres import DatabaseUrls
from local.stack import Stack
from storage.database import Database, DatabaseUnavailable, is_outage
from storage.documents import DocumentsUnavailable
from storage.projection import SequenceConflict
from tests.storage.conftest import new_org

LONGEST_WAIT_S = 3.0


class _DriverError(Exception):
    def __init__(self, state: str | None) -> None:
        self.sqlstate = state


def of_state(state: str | None, *, invalidated: bool = False) -> DBAPIError:
    return DBAPIError("SELECT 1", {}, _DriverError(state), connection_invalidated=invalidated)


OUTAGES = [
    OSError("connection refused"),
    ConnectionResetError(),
    TimeoutError(),
    PoolTimeoutError(),
    OperationalError("SELECT 1", {}, Exception()),
    InterfaceError("SELECT 1", {}, Exception()),
    asyncpg.ConnectionDoesNotExistError(),
    asyncpg.CannotConnectNowError(),
    asyncpg.InterfaceError("connection is closed"),
    asyncpg.InternalClientError("cannot switch to state 15; another operation (2) is in progress"),
    of_state(None, invalidated=True),
    of_state("42P01", invalidated=True),
    *(of_state(state) for state in ("57014", "57P01", "57P02", "57P03", "55P03", "53300", "25P03")),
    *(of_state(state) for state in ("40001", "40P01", "08000", "08006")),
]
MISTAKES = [
    ValueError(),
    KeyError(),
    DatabaseUnavailable(),
    DocumentsUnavailable(),
    SequenceConflict(),
    ProgrammingError("SELECT", {}, Exception()),
    IntegrityError("INSERT", {}, Exception()),
    of_state(None),
    *(of_state(state) for state in ("23505", "42501", "42P01", "22P02", "CS001", "P0001", "22003")),
]


@pytest.mark.parametrize("error", OUTAGES, ids=repr)
def test_an_error_that_passes_is_an_outage(error: BaseException) -> None:
    assert is_outage(error)


@pytest.mark.parametrize("error", MISTAKES, ids=repr)
def test_an_error_that_stays_is_no_outage(error: BaseException) -> None:
    assert not is_outage(error)


async def test_a_wrong_statement_is_not_taken_for_an_outage(database: Database) -> None:
    with pytest.raises(ProgrammingError):
        await database.call("SELECT nonsense", {})
    with pytest.raises(ProgrammingError):
        async with database.transaction(uuid4()) as connection:
            await connection.execute(text("SELECT nonsense"))
    await database.ping()


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT pg_sleep(30)",
        "SELECT pg_terminate_backend(pg_backend_pid())",
        "SELECT pg_sleep(0) FROM pg_cancel_backend(pg_backend_pid()), pg_sleep(1)",
    ],
)
async def test_a_statement_that_takes_too_long_or_is_ended_is_an_outage(
    database: Database, statement: str
) -> None:
    began = time.monotonic()
    with pytest.raises(DatabaseUnavailable):
        async with database.transaction(uuid4()) as connection:
            await connection.execute(text(statement))
    assert time.monotonic() - began < LONGEST_WAIT_S
    await database.ping()


async def test_a_transaction_that_fails_or_is_cancelled_leaves_nothing_in_the_pool(
    postgres: DatabaseUrls,
) -> None:
    alone = Database(postgres.app, pool_size=1)
    org, other = await new_org(alone), await new_org(alone)
    rename, name = text("UPDATE org SET name = 'changed'"), text("SELECT slug, name FROM org")

    async def broken(how: str) -> None:
        async with alone.transaction(org) as connection:
            await connection.execute(rename)
            if how == "raises":
                raise KeyError(how)
            await connection.execute(text("SELECT nonsense" if how == "wrong" else "SELECT pg_sleep(1)"))

    for how, raised in (("raises", KeyError), ("wrong", ProgrammingError), ("sleeps", TimeoutError)):
        with pytest.raises(raised):
            await asyncio.wait_for(broken(how), 0.3)
        assert await alone.call("SELECT * FROM org", {}) == []  # no org is set outside of a transaction
        for each in (org, other):
            async with alone.transaction(each) as connection:
                [found] = (await connection.execute(name)).all()
                assert found == (f"org-{each}", "Test"), how
    await alone.dispose()


async def test_only_a_transaction_that_says_so_is_not_flushed(database: Database) -> None:
    setting = text("SHOW synchronous_commit")
    async with database.transaction(uuid4(), flushed=False) as connection:
        assert await connection.scalar(setting) == "off"
    for _ in range(20):
        async with database.transaction(uuid4()) as connection:
            assert await connection.scalar(setting) == "on"


async def test_a_lock_that_is_not_let_go_is_an_outage(database: Database) -> None:
    lock = text("SELECT pg_advisory_xact_lock(4711)")
    async with database.transaction(uuid4()) as holder:
        await holder.execute(lock)
        began = time.monotonic()
        with pytest.raises(DatabaseUnavailable):
            async with database.transaction(uuid4()) as waiting:
                await waiting.execute(lock)
        assert time.monotonic() - began < LONGEST_WAIT_S


async def test_a_server_that_is_not_there_is_an_outage(tmp_path: Path) -> None:
    nobody = Database(f"postgresql+asyncpg://countersign_app@/countersign?host={tmp_path}")
    with pytest.raises(DatabaseUnavailable):
        await nobody.ping()
    with pytest.raises(DatabaseUnavailable):
        async with nobody.transaction(uuid4()):
            pass
    await nobody.dispose()


# --- a server of its own, to be stopped and started ----------------------------------------------


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def server(stack_folder: Path) -> AsyncIterator[Stack]:
    async with Stack(stack_folder / "stop", services=("postgres",), seeded=False) as running:
        yield running


@pytest_asyncio.fixture
async def stoppable(server: Stack) -> AsyncIterator[Database]:
    database = Database(server.database_urls.app)
    yield database
    await database.dispose()


async def by_call(database: Database) -> None:
    await database.call("SELECT count(*) FROM customer", {})


async def by_transaction(database: Database) -> None:
    async with database.transaction(uuid4()) as connection:
        await connection.execute(text("SELECT count(*) FROM customer"))


async def seconds_until_refused(database: Database) -> list[float]:
    """From warm connections and from one that has to be opened, all at once."""

    async def one(way: object) -> float:
        began = time.monotonic()
        with pytest.raises(DatabaseUnavailable):
            await way(database)  # type: ignore[operator]
        return time.monotonic() - began

    return list(await asyncio.gather(one(by_call), one(by_transaction), one(by_call), one(by_transaction)))


async def test_a_server_that_hangs_is_given_up_in_time_and_used_again_when_it_wakes(
    server: Stack, stoppable: Database
) -> None:
    await asyncio.gather(by_call(stoppable), by_transaction(stoppable))
    server.pause("postgres")
    try:
        waits = await seconds_until_refused(stoppable)
        again = await seconds_until_refused(stoppable)
    finally:
        server.resume("postgres")
    assert max(waits + again) < LONGEST_WAIT_S, (waits, again)
    for way in (by_call, by_transaction):
        await way(stoppable)


async def test_a_server_that_hangs_within_a_transaction_is_given_up_in_time(
    server: Stack, stoppable: Database
) -> None:
    async def interrupted() -> None:
        async with stoppable.transaction(uuid4()) as connection:
            server.pause("postgres")
            await connection.execute(text("SELECT 1"))

    began = time.monotonic()
    try:
        with pytest.raises(DatabaseUnavailable):
            await interrupted()
        waited = time.monotonic() - began
    finally:
        server.resume("postgres")
    assert waited < LONGEST_WAIT_S
    await by_transaction(stoppable)


async def test_after_a_restart_of_the_server_the_next_call_works(server: Stack, stoppable: Database) -> None:
    for way in (by_call, by_transaction):
        await asyncio.gather(*(by_transaction(stoppable) for _ in range(5)))
        await server.stop("postgres")
        with pytest.raises(DatabaseUnavailable):
            await way(stoppable)
        await server.start("postgres")
        await way(stoppable)
        await asyncio.gather(*(by_transaction(stoppable) for _ in range(5)))
        await server.stop("postgres")
        await server.start("postgres")
        await way(stoppable)  # the first to meet the dead connections
