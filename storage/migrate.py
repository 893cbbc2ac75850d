"""Bring a database to the current schema. Run as its owner, who is not the application's role."""

import asyncio
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from storage.database import sqlstate

APP_ROLE = "countersign_app"
# Whoever waits for a lock on a table makes all that come after it wait as well: so not for long, but again.
LOCK_WITHIN_MS = 3000
LOCK_TRIES = 10
PAUSE_S = 3.0
_SCRIPTS = Path(__file__).with_name("migrations")
_LOCK_NOT_AVAILABLE = "55P03"


class SchemaBusy(Exception):
    """Somebody holds a table that the next migration changes; those before it are done."""


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS))
    config.attributes["connection"] = connection
    return config


def _upgrade(connection: Connection) -> str | None:
    config = _config(connection)
    newest = ScriptDirectory.from_config(config).get_current_head() or ""
    found = MigrationContext.configure(connection).get_current_revision() or ""
    connection.rollback()  # reading has begun a transaction, and all migrations would be within that one
    if found > newest:
        return found
    command.upgrade(config, "head")
    return None


async def migrate(owner_url: str, app_password: str | None = None) -> str | None:
    """Create the application's role when it is missing, then run all migrations that are new.

    A schema of a newer version is left as it is, and its number returned: migrations only add, and whoever
    goes back to an older version must be able to start it. `app_password` sets the role's password; without
    it the server's own rules decide who may log in. Two runs at once wait for each other. Each migration is
    committed by itself; a run after one that broke off goes on where that ended.

    Raises:
        SchemaBusy
    """
    engine = create_async_engine(owner_url, connect_args={"timeout": 10}, poolclass=NullPool)
    try:
        async with engine.connect() as alone:
            # held until this connection ends: each migration is a transaction of its own
            await alone.execute(text("SELECT pg_advisory_lock(731946120)"))
            await alone.commit()
            async with engine.begin() as connection:
                await _ensure_app_role(connection, app_password)
            newer = await _upgraded(engine)
            async with engine.begin() as connection:
                await _shut_side_doors(connection)
    finally:
        await engine.dispose()
    return newer


async def _upgraded(engine: AsyncEngine) -> str | None:
    for left in reversed(range(LOCK_TRIES)):
        try:
            async with engine.connect() as connection:
                await connection.exec_driver_sql(f"SET lock_timeout = {LOCK_WITHIN_MS}")
                await connection.commit()
                return await connection.run_sync(_upgrade)
        except DBAPIError as error:
            if sqlstate(error) != _LOCK_NOT_AVAILABLE:
                raise
            if not left:
                raise SchemaBusy(_BUSY) from None
            await asyncio.sleep(PAUSE_S)
    raise AssertionError("the last try returns or raises")


_BUSY = (
    "A table that the next migration changes is in use by a long transaction. The migrations before it are "
    "done and nothing waits; look for the transaction in pg_stat_activity, then run this again"
)


async def _shut_side_doors(connection: AsyncConnection) -> None:
    """For functions of all migrations, past and coming.

    A function that runs as the owner must not look into the caller's temporary schema first, which it does
    when its search_path leaves pg_temp out: a temporary `audit_head` would start every chain anew.
    """
    for statement in _SIDE_DOORS:
        await connection.exec_driver_sql(statement)


_SIDE_DOORS = (
    """
    DO $$
    DECLARE f regprocedure;
    BEGIN
        FOR f IN SELECT oid FROM pg_proc WHERE prosecdef AND pronamespace = 'public'::regnamespace LOOP
            EXECUTE format('ALTER FUNCTION %s SET search_path = pg_catalog, public, pg_temp', f);
        END LOOP;
        EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database());
    END $$
    """,
    "REVOKE CREATE ON SCHEMA public FROM PUBLIC",
)


async def _ensure_app_role(connection: AsyncConnection, password: str | None) -> None:
    known = await connection.scalar(text("SELECT 1 FROM pg_roles WHERE rolname = :role"), {"role": APP_ROLE})
    if known is None:
        await connection.execute(text(f"CREATE ROLE {APP_ROLE} LOGIN NOSUPERUSER NOBYPASSRLS"))
    if password is not None:
        # a utility statement takes no parameters; quote_literal keeps the password one literal
        quoted = await connection.scalar(text("SELECT quote_literal(:password)"), {"password": password})
        await connection.exec_driver_sql(f"ALTER ROLE {APP_ROLE} PASSWORD {quoted}")
