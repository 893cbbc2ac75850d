"""PostgreSQL and Temporal as the processes use them, payloads encrypted."""

from uuid import UUID, uuid4

import pytest_asyncio
from temporalio.client import Client

from storage.database import Database
from tests.notices.world import World
from tests.storage.conftest import database, org, owner

__all__ = ["database", "org", "owner"]


@pytest_asyncio.fixture
async def world(encrypted: Client, database: Database, org: UUID) -> World:
    """An org with a customer, and a task queue of its own; without a worker yet."""
    return await World(encrypted, database, org, f"notices-{uuid4().hex}").settle()
