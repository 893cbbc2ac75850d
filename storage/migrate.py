"""Bring a database to the current schema. Run as its owner, who is not the application's role."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

APP_ROLE = "countersign_app"


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    config.attributes["connection"] = connection
    return config


def _upgrade(connection: Connection) -> str | None:
    config = _config(connection)
    newest = ScriptDirectory.from_config(config).get_current_head() or ""
    found = MigrationContext.configure(connection).get_current_revision() or ""
    if found > newest:
        return found
    command.upgrade(config, "head")
    return None


async def migrate(owner_url: str, app_password: str | None = None) -> str | None:
    """Create the application's role when it is missing, then run all migrations that are new.

    A schema of a newer version is left as it is, and its number returned: migrations only add, and whoever
    goes back to an older version must be able to start it. `app_password` sets the role's password; without
    it the server's own rules decide who may log in. Two runs at once wait for each other.
    """
    engine = create_async_engine(owner_url, connect_args={"timeout": 10})
    try:
        async with engine.begin() as connection:
            await connection.execute(text("SELECT pg_advisory_xact_lock(731946120)"))
            await _ensure_app_role(connection, app_password)
            newer = await connection.run_sync(_upgrade)
            await _shut_side_doors(connection)
    finally:
        await engine.dispose()
    return newer


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
