"""PostgreSQL as the processes use it, and customers whose proofs wait."""

import pytest
import pytest_asyncio

from storage.database import Database
from tests.reminders.rounds import Post
from tests.reminders.world import World
from tests.storage.conftest import database, owner

__all__ = ["database", "owner"]


@pytest.fixture
def post() -> Post:
    return Post()


@pytest_asyncio.fixture
async def world(database: Database, post: Post) -> World:
    return await World(database, post).settle()
