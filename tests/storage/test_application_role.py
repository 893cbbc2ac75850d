"""What the application's role could try with a connection of its own, and cannot."""

from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from local.postgres import DatabaseUrls
from storage.audit_log import verify
from storage.database import Database
from storage.migrate import APP_ROLE, migrate
from tests.storage.conftest import execute
from tests.storage.test_audit_log import add, entry


@pytest_asyncio.fixture
async def intruder(postgres: DatabaseUrls) -> AsyncIterator[AsyncConnection]:
    """The role, without our code in between; what it does is rolled back."""
    engine = create_async_engine(postgres.app)
    async with engine.connect() as connection:
        yield connection
        await connection.rollback()
    await engine.dispose()


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE mine (x integer)",
        "CREATE TABLE audit_log (x integer)",
        "CREATE TEMPORARY TABLE audit_head (x integer)",
        "CREATE SCHEMA mine",
        "CREATE FUNCTION mine() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
        "CREATE OR REPLACE FUNCTION list_orgs() RETURNS TABLE (org_id uuid, slug text)"
        " LANGUAGE sql AS 'SELECT id, name FROM org'",
        "ALTER FUNCTION audit_chain() SET search_path = pg_temp",
        "ALTER FUNCTION audit_chain() OWNER TO countersign_app",
        "CREATE TRIGGER mine BEFORE INSERT ON audit_log FOR EACH ROW EXECUTE FUNCTION audit_chain()",
        "ALTER TABLE draft_order NO FORCE ROW LEVEL SECURITY",
        "ALTER TABLE draft_order DISABLE ROW LEVEL SECURITY",
        "DROP POLICY own_org ON draft_order",
        "CREATE POLICY mine ON draft_order USING (true)",
        "SET ROLE postgres",
        "SET SESSION AUTHORIZATION postgres",
        "SET session_replication_role = 'replica'",
        "ALTER ROLE countersign_app BYPASSRLS",
        "ALTER ROLE countersign_app SUPERUSER",
        "CREATE ROLE mine",
        "GRANT pg_read_all_data TO countersign_app",
        "SELECT * FROM pg_authid",
        "SELECT * FROM pg_shadow",
        "SELECT pg_read_file('/etc/passwd')",
        "SELECT lo_import('/etc/passwd')",
        "COPY org TO PROGRAM 'id'",
        "COPY org TO '/tmp/countersign-stolen'",
        "UPDATE draft_record SET digest = 'x'",
        "UPDATE draft_note SET sequence = 1",
        "DELETE FROM draft_note",
        "SELECT setval('draft_record_position_seq', 1)",
        "DELETE FROM command_receipt",
        "DELETE FROM org",
        "INSERT INTO alembic_version VALUES ('x')",
    ],
)
async def test_the_role_gets_no_further(intruder: AsyncConnection, statement: str) -> None:
    refused = r"permission denied|must be|only|row-level security|required|violates"
    with pytest.raises(DBAPIError, match=refused):
        await intruder.exec_driver_sql(statement)


async def test_switching_row_security_off_is_an_error_and_shows_nothing(intruder: AsyncConnection) -> None:
    await intruder.exec_driver_sql("SET LOCAL row_security = off")
    with pytest.raises(DBAPIError, match="row-level security"):
        await intruder.exec_driver_sql("SELECT * FROM draft_order")


async def test_every_function_that_runs_as_the_owner_looks_into_temporary_schemas_last(
    owner: AsyncEngine,
) -> None:
    query = text(
        "SELECT proname, proconfig FROM pg_proc WHERE prosecdef AND pronamespace = 'public'::regnamespace"
    )
    async with owner.connect() as connection:
        found = {name: config for name, config in (await connection.execute(query)).all()}
    assert {"audit_chain", "find_login", "list_orgs"} <= set(found)
    for name, config in found.items():
        assert "search_path=pg_catalog, public, pg_temp" in config, name


async def test_a_temporary_table_that_shadows_the_heads_does_not_start_a_chain_anew(
    database: Database, owner: AsyncEngine, intruder: AsyncConnection, org: UUID
) -> None:
    """Even where somebody granted the role temporary tables."""
    entity = uuid4()
    await add(database, org, *(entry(org, entity, number) for number in (1, 2)))
    name = owner.url.database
    await execute(owner, f'GRANT TEMPORARY ON DATABASE "{name}" TO {APP_ROLE}')
    try:
        for statement in (
            "CREATE TEMPORARY TABLE audit_head (LIKE public.audit_head)",
            "CREATE TEMPORARY TABLE org (LIKE public.org)",
            "GRANT ALL ON pg_temp.audit_head, pg_temp.org TO PUBLIC",
            "SET search_path = pg_temp, public",
        ):
            await intruder.exec_driver_sql(statement)
        await intruder.execute(text("SELECT set_config('app.org_id', :org, true)"), {"org": str(org)})
        shadowed = (
            "INSERT INTO public.audit_log"
            " (org_id, entity_type, entity_id, entity_seq, action, via, created_at, content_hash,"
            " previous_hash, hash)"
            " SELECT org_id, entity_type, entity_id, 1, action, via, created_at, content_hash, 'x', 'x'"
            " FROM public.audit_log WHERE entity_id = :entity LIMIT 1 RETURNING entity_seq, previous_hash"
        )
        (row,) = (await intruder.execute(text(shadowed), {"entity": entity})).all()
        assert row[0] == 3
        assert row[1] != "0" * 64
        assert (await intruder.exec_driver_sql("SELECT count(*) FROM pg_temp.audit_head")).scalar_one() == 0
        assert (await intruder.exec_driver_sql("SELECT count(*) FROM public.list_orgs()")).scalar_one() > 0
    finally:
        await intruder.rollback()
        await execute(owner, f'REVOKE TEMPORARY ON DATABASE "{name}" FROM {APP_ROLE}')
    async with database.transaction(org) as connection:
        assert [found async for found in verify(connection, org)] == [2]


async def test_a_migration_mends_functions_that_were_made_without_care(
    postgres: DatabaseUrls, owner: AsyncEngine
) -> None:
    await execute(owner, "ALTER FUNCTION list_orgs() SET search_path = public")
    await migrate(postgres.owner)
    query = text("SELECT proconfig FROM pg_proc WHERE proname = 'list_orgs'")
    async with owner.connect() as connection:
        assert (await connection.execute(query)).scalar_one() == ["search_path=pg_catalog, public, pg_temp"]
