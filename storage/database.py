"""The way to PostgreSQL: one engine, every transaction inside one org, nothing without a timeout.

Row-level security reads `app.org_id`, set for the transaction only: a plain SET would leak through the pool.
"""

import json
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any
from uuid import UUID

import asyncpg
import structlog
from opentelemetry.trace import Tracer
from sqlalchemy import RowMapping, event, text
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from storage.statement_spans import trace_statements

log = structlog.get_logger(__name__)

Row = RowMapping

STATEMENT_TIMEOUT_S = 2.0
CONNECT_TIMEOUT_S = 2.0
_ROLLBACK_TIMEOUT_S = 0.5


class DatabaseUnavailable(Exception):
    """PostgreSQL did not answer in time; nothing is known about the last statement."""


class Database:
    """Give connections. `url` is a `postgresql+asyncpg://` URL of the application role."""

    def __init__(self, url: str, *, pool_size: int = 10, tracer: Tracer | None = None) -> None:
        self._engine: AsyncEngine = create_async_engine(
            url,
            pool_size=pool_size,
            max_overflow=10,
            pool_timeout=CONNECT_TIMEOUT_S,
            pool_pre_ping=False,
            hide_parameters=True,  # a failed statement's values would reach the log
            json_serializer=json.dumps,
            connect_args={
                "timeout": CONNECT_TIMEOUT_S,
                "command_timeout": STATEMENT_TIMEOUT_S,
                "server_settings": {
                    "application_name": "countersign",
                    "statement_timeout": str(int(STATEMENT_TIMEOUT_S * 1000)),
                    "lock_timeout": "1500",
                    "idle_in_transaction_session_timeout": "10000",
                },
            },
        )
        event.listen(self._engine.sync_engine, "invalidate", _hang_up)
        if tracer is not None:
            trace_statements(self._engine, tracer)
        self._single = self._engine.execution_options(isolation_level="AUTOCOMMIT")

    async def dispose(self) -> None:
        await self._engine.dispose()

    @asynccontextmanager
    async def transaction(
        self, org_id: UUID, *, flushed: bool = True, one_snapshot: bool = False
    ) -> AsyncIterator[AsyncConnection]:
        """One transaction that sees and writes rows of `org_id` only.

        Without `flushed` it saves a turn of the disk, and is lost when the server dies before the next flush.
        With `one_snapshot` all its statements see the rows as they were at its beginning; for reading.

        Raises:
            DatabaseUnavailable: the server is down, too slow, or went away.
        """
        with _translated():
            connection, driver = await self._fresh()
            unsure = True  # whether PostgreSQL has a transaction open: one that begins or ends may be cut off
            try:
                # Past SQLAlchemy, which takes three times as long: one round trip, so no parameters.
                await driver.execute(_begin(org_id, flushed=flushed, one_snapshot=one_snapshot))
                unsure = False
                yield connection
                unsure = True
                if await driver.execute("COMMIT") == "ROLLBACK":
                    # a statement had failed and somebody kept its error to himself: nothing was written
                    raise DatabaseUnavailable("PostgreSQL rolled the transaction back")
            except GeneratorExit:
                _abandon(connection)
                raise
            except BaseException:
                try:
                    await _roll_back(connection, driver, unsure=unsure)
                finally:
                    await connection.close()
                raise
            else:
                await connection.close()

    async def call(self, statement: str, values: Mapping[str, Any]) -> list[Row]:
        """One statement of its own: a SQL function that sets the org itself, in one round trip.

        The function must bear to be called twice: after a lost connection it is.

        Raises:
            DatabaseUnavailable: the server is down, too slow, or went away.
        """
        with _translated():
            try:
                return await self._call(statement, values)
            except DBAPIError as error:
                if not error.connection_invalidated:
                    raise
            return await self._call(statement, values)

    async def _call(self, statement: str, values: Mapping[str, Any]) -> list[Row]:
        async with self._single.connect() as connection:
            result = await connection.execute(text(statement), dict(values))
            return list(result.mappings()) if result.returns_rows else []

    async def _fresh(self) -> tuple[AsyncConnection, asyncpg.Connection]:
        """A connection that is alive: one that died in the pool takes its whole generation with it."""
        connection = await self._single.connect()
        driver = await _driver(connection)
        if driver.is_closed():
            await connection.invalidate()
            await connection.close()
            await self._engine.dispose()
            connection = await self._single.connect()
            driver = await _driver(connection)
        return connection, driver

    async def ping(self) -> None:
        await self.call("SELECT 1", {})


def _begin(org_id: UUID, *, flushed: bool, one_snapshot: bool = False) -> str:
    org = f"SELECT set_config('app.org_id', '{UUID(str(org_id))}', true)"
    level = " ISOLATION LEVEL REPEATABLE READ" if one_snapshot else ""
    return f"BEGIN{level}; {'' if flushed else 'SET LOCAL synchronous_commit = off; '}{org}"


async def _driver(connection: AsyncConnection) -> asyncpg.Connection:
    driver: asyncpg.Connection = (await connection.get_raw_connection()).driver_connection
    return driver


async def _roll_back(connection: AsyncConnection, driver: asyncpg.Connection, *, unsure: bool) -> None:
    """The connection goes back to the pool outside of any transaction, or not at all."""
    try:
        if unsure and not driver.is_closed():
            # the driver learns of the end of what was cut off before this is answered
            with suppress(asyncpg.InFailedSQLTransactionError):
                await driver.execute("SELECT 1", timeout=_ROLLBACK_TIMEOUT_S)
        if not driver.is_closed() and driver.is_in_transaction():
            await driver.execute("ROLLBACK", timeout=_ROLLBACK_TIMEOUT_S)
    except Exception as error:  # noqa: BLE001 - what went wrong before is what the caller hears
        log.info("rollback_failed", error=type(error).__name__)
        await connection.invalidate()
    except BaseException:
        await connection.invalidate()
        raise


def _abandon(connection: AsyncConnection) -> None:
    """Nobody runs this coroutine any more, so nothing can be awaited; PostgreSQL hears of it by itself.

    When the interpreter ends even calling the driver is not safe: what it is made of may be gone.
    """
    if sys.is_finalizing() or connection.sync_connection is None:
        return
    with suppress(Exception):
        connection.sync_connection.invalidate()
        connection.sync_connection.close()


def _hang_up(dbapi_connection: Any, _record: object, _error: BaseException | None) -> None:
    """SQLAlchemy would first say goodbye to a connection that it gives up, and wait for an answer."""
    dbapi_connection.driver_connection.terminate()


class _translated:  # noqa: N801 - reads as a statement: with _translated()
    """Turn the many ways in which a server can be gone into `DatabaseUnavailable`."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if error is not None and is_outage(error):
            raise DatabaseUnavailable("PostgreSQL did not answer in time") from error


_OUTAGE_STATES = frozenset({"57014", "57P01", "57P02", "57P03", "55P03", "53300", "25P03", "40001", "40P01"})


def is_outage(error: BaseException) -> bool:
    """True when the statement may be tried again later, False when it is wrong."""
    if isinstance(error, PoolTimeoutError | TimeoutError | OSError | InterfaceError | OperationalError):
        return True
    # the second: the server died within a statement, and the driver cannot begin another
    if isinstance(error, asyncpg.InterfaceError | asyncpg.InternalClientError):
        return True
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    # while it connects the driver raises its own errors: "the database system is starting up"
    if isinstance(error, DBAPIError | asyncpg.PostgresError):
        state = sqlstate(error) if isinstance(error, DBAPIError) else error.sqlstate
        return state is not None and (state in _OUTAGE_STATES or state.startswith("08"))
    return False


def sqlstate(error: DBAPIError) -> str | None:
    return getattr(error.orig, "sqlstate", None)


def constraint(error: DBAPIError) -> str | None:
    """Name of the constraint that an insert or update broke, if that is what happened."""
    cause = getattr(error.orig, "__cause__", None)
    return getattr(cause, "constraint_name", None)
