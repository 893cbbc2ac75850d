"""One read of recorded changes for all event streams that ask for the same at the same moment.

A change wakes every stream of its org at once; those that stand at the same place would read the same rows.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable

from storage.database import Row

GATHER_S = 0.005  # who was woken by the same change asks within this time

Read = Callable[[], Awaitable[list[Row]]]


class SharedReads:
    """Belongs to one event loop; `key` names org, feed and place."""

    def __init__(self) -> None:
        self._to_start: dict[Hashable, asyncio.Task[list[Row]]] = {}

    async def rows(self, key: Hashable, read: Read) -> list[Row]:
        """
        Raises:
            DatabaseUnavailable: as `read` does, to all who share it.
        """
        task = self._to_start.get(key)
        if task is None:
            task = self._to_start[key] = asyncio.create_task(self._read(key, read))
            task.add_done_callback(_noticed)
        # a client that leaves must not take the others' read along
        return await asyncio.shield(task)

    async def _read(self, key: Hashable, read: Read) -> list[Row]:
        await asyncio.sleep(GATHER_S)
        # Nobody joins a read that has begun: it may not see the change that they heard of.
        del self._to_start[key]
        return await read()


def _noticed(task: asyncio.Task[list[Row]]) -> None:
    """All who wanted the rows may have left; then nobody asks for the error."""
    if not task.cancelled():
        task.exception()
