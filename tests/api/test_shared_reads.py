"""A change wakes many event streams at once; one read serves those that ask for the same."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from api.shared_reads import SharedReads
from storage.database import DatabaseUnavailable


class Feed:
    """Counts reads; a read holds what there was when it began."""

    def __init__(self) -> None:
        self.reads = 0
        self.rows: list[Any] = []
        self.may_end = asyncio.Event()
        self.may_end.set()

    async def read(self) -> list[Any]:
        self.reads += 1
        seen = list(self.rows)
        await self.may_end.wait()
        return seen


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not true():
            await asyncio.sleep(0.001)


async def test_who_asks_at_the_same_moment_for_the_same_shares_one_read() -> None:
    shared, feed = SharedReads(), Feed()
    feed.rows = ["a"]
    answers = await asyncio.gather(*(shared.rows("org 7", feed.read) for _ in range(200)))
    assert feed.reads == 1
    assert answers == [["a"]] * 200


async def test_another_org_or_place_is_another_read() -> None:
    shared, feed = SharedReads(), Feed()
    await asyncio.gather(*(shared.rows(key, feed.read) for key in (("one", 7), ("two", 7), ("one", 8))))
    assert feed.reads == 3


async def test_nobody_joins_a_read_that_has_begun() -> None:
    """It may have looked before the change that woke the second one."""
    shared, feed = SharedReads(), Feed()
    feed.may_end.clear()
    first = asyncio.create_task(shared.rows("org 7", feed.read))
    await until(lambda: feed.reads == 1)
    feed.rows = ["late"]
    second = asyncio.create_task(shared.rows("org 7", feed.read))
    await until(lambda: feed.reads == 2)
    feed.may_end.set()
    assert await first == []
    assert await second == ["late"]


async def test_a_client_that_leaves_takes_no_read_along() -> None:
    shared, feed = SharedReads(), Feed()
    feed.rows = ["a"]
    leaving = asyncio.create_task(shared.rows("org 7", feed.read))
    staying = asyncio.create_task(shared.rows("org 7", feed.read))
    await asyncio.sleep(0)
    leaving.cancel()
    assert await staying == ["a"]
    assert feed.reads == 1


async def test_all_who_share_hear_that_the_database_is_away_and_the_next_one_asks_again() -> None:
    shared, feed = SharedReads(), Feed()

    async def fails() -> list[Any]:
        raise DatabaseUnavailable

    for asked in [asyncio.create_task(shared.rows("org 7", fails)) for _ in range(3)]:
        with pytest.raises(DatabaseUnavailable):
            await asked
    assert await shared.rows("org 7", feed.read) == []
