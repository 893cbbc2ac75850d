"""PostgreSQL and Temporal as the processes use them, payloads encrypted."""

from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import pytest_asyncio
from temporalio.client import Client

from config.codec import encrypted_converter
from config.keys import KeyRing
from storage.database import Database
from tests.notices.world import World
from tests.storage.conftest import database, org, owner

__all__ = ["database", "org", "owner"]


@pytest_asyncio.fixture
async def world(temporal: str, database: Database, org: UUID) -> AsyncIterator[World]:
    """An org with a customer, and a task queue of its own; without a worker yet."""
    client = await Client.connect(temporal, data_converter=encrypted_converter(KeyRing("ab" * 32)))
    yield await World(client, database, org, f"notices-{uuid4().hex}").settle()
