"""The schema's own life: an older version must start on what a newer one has left."""

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from storage.migrate import migrate


@pytest_asyncio.fixture
async def newer(owner: AsyncEngine) -> AsyncIterator[AsyncEngine]:
    """A database that a version from the future has migrated."""
    name = f"newer_{uuid4().hex[:8]}"
    async with owner.connect() as connection:
        autocommit = await connection.execution_options(isolation_level="AUTOCOMMIT")
        await autocommit.execute(text(f"CREATE DATABASE {name}"))
        engine = create_async_engine(owner.url.set(database=name))
        async with engine.begin() as made:
            await made.execute(text("CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY)"))
            await made.execute(text("INSERT INTO alembic_version VALUES ('9999')"))
        yield engine
        await engine.dispose()
        await autocommit.execute(text(f"DROP DATABASE {name}"))


async def test_a_schema_of_a_newer_version_is_left_as_it_is(newer: AsyncEngine) -> None:
    assert await migrate(newer.url.render_as_string(hide_password=False)) == "9999"
    async with newer.connect() as connection:
        tables = await connection.execute(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'"))
        assert set(tables.scalars()) == {"alembic_version"}
