"""PostgreSQL and Temporal as the processes use them, payloads encrypted."""

from uuid import UUID, uuid4

import pytest_asyncio
from temporalio.client import Client

from storage.database import Database
from tests.proofs.world import World
from tests.storage.conftest import database, org, owner

__all__ = ["database", "org", "owner"]


@pytest_asyncio.fixture
async def world(encrypted: Client, database: Database, org: UUID) -> World:
    """An org and a task queue of its own; without a worker yet."""
    return World(encrypted, database, org, f"proofs-{uuid4().hex}")
