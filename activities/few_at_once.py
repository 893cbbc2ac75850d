"""Work on many things, a few at a time."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from domain.transport import TransportError
from storage.database import DatabaseUnavailable

AT_ONCE = 8

T = TypeVar("T")
R = TypeVar("R")


async def few_at_once(items: Sequence[T], work: Callable[[T], Awaitable[R]]) -> list[R]:
    """A few at a time; the first error stops the rest."""
    few = asyncio.Semaphore(AT_ONCE)

    async def one(item: T) -> R:
        async with few:
            return await work(item)

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(item)) for item in items]
    except* (TransportError, DatabaseUnavailable) as errors:
        raise errors.exceptions[0] from None
    return [task.result() for task in tasks]
