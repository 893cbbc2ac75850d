"""A draft's workflow alone, on the time-skipping server."""

from collections.abc import AsyncIterator

import pytest

from tests.workflows.harness import Bench, bench


@pytest.fixture
async def drafts() -> AsyncIterator[Bench]:
    async with bench() as running:
        yield running
