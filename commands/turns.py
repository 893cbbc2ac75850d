"""Messages to one draft wait for each other here, before Temporal has to refuse them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID
from weakref import WeakValueDictionary


class Turns:
    """At most `places` messages of this process are on their way to one draft; the others wait in order.

    Temporal takes ten updates of one workflow at a time and refuses the rest at once. A crowd that asks again
    and again costs server and worker so much that the draft's own tasks time out, and nobody gets on.
    """

    def __init__(self, places: int) -> None:
        self._places = places
        self._drafts: WeakValueDictionary[UUID, asyncio.Semaphore] = WeakValueDictionary()

    @asynccontextmanager
    async def turn(self, draft_id: UUID, within_s: float) -> AsyncIterator[None]:
        """
        Raises:
            TimeoutError: no turn came within `within_s`; nothing was sent.
        """
        draft = self._drafts.get(draft_id)
        if draft is None:
            draft = self._drafts[draft_id] = asyncio.Semaphore(self._places)
        async with asyncio.timeout(within_s):
            await draft.acquire()
        try:
            yield
        finally:
            draft.release()
