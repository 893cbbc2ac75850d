"""Databases of the test server, orgs, and records as a draft's workflow makes them."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from local.postgres import DatabaseUrls
from storage.database import Database
from storage.organizations import create_org

AT = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def database(postgres: DatabaseUrls) -> AsyncIterator[Database]:
    """As the processes use it: the application's role."""
    database = Database(postgres.app)
    yield database
    await database.dispose()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def owner(postgres: DatabaseUrls) -> AsyncIterator[AsyncEngine]:
    """The schema's owner, who passes row-level security here; for looking and for tampering."""
    engine = create_async_engine(postgres.owner)
    yield engine
    await engine.dispose()


async def new_org(database: Database) -> UUID:
    org_id = uuid4()
    async with database.transaction(org_id) as connection:
        await create_org(connection, org_id, f"org-{org_id}", "Test", AT)
    return org_id


@pytest_asyncio.fixture
async def org(database: Database) -> UUID:
    return await new_org(database)


async def execute(engine: AsyncEngine, *statements: str, **values: object) -> None:
    async with engine.begin() as connection:
        for statement in statements:
            await connection.execute(text(statement), values)
