"""PostgreSQL as the processes use it, and ack folders."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from storage.database import Database
from tests.activities.ack_world import AckWorld, ack_world
from tests.storage.conftest import database, org, owner

__all__ = ["database", "org", "owner"]


@pytest.fixture
async def world(database: Database, tmp_path: Path) -> AsyncIterator[AckWorld]:
    async with ack_world(database, tmp_path) as made:
        yield made


@pytest.fixture(params=["filesystem", "sftp"])
async def anywhere(
    request: pytest.FixtureRequest, database: Database, tmp_path: Path
) -> AsyncIterator[AckWorld]:
    async with ack_world(database, tmp_path, request.param) as made:
        yield made
