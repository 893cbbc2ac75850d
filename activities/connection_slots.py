"""How many of a worker's activities the deliveries may be, and those of one connection among them.

All activities of a worker share its slots, and a try against a server that hangs keeps one for up to 100 s:
without a bound the orders of one connection would leave none for the records of every other draft.
"""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

from temporalio.exceptions import ApplicationError

from activities.delivery_errors import application_error
from domain.transport import TransportCode, TransportError

ACTIVITIES_AT_ONCE = 100  # of a worker, of all kinds
AT_ONCE = 16  # of one connection
WAITING = 8  # that hope for one of these
WAIT_S = 1.0
MOST = 72  # of all connections, those that wait included
_LONGEST_S = 30


@dataclass
class _Connection:
    free: asyncio.Semaphore
    here: int = 0  # at work or waiting for it


class ConnectionSlots:
    """Those of one worker; a try holds one from before its first look at the database to its end."""

    def __init__(self, at_once: int = AT_ONCE, waiting: int = WAITING, most: int = MOST) -> None:
        self._at_once = at_once
        self._waiting = waiting
        self._most = most
        self._all = 0
        self._connections: dict[UUID, _Connection] = {}

    @asynccontextmanager
    async def one(self, connection_id: UUID, attempt: int) -> AsyncIterator[None]:
        """A place for one try, waited for a moment; `attempt` says how long it stays away otherwise.

        Raises:
            ApplicationError: CONNECTION_BUSY; nothing was begun.
        """
        new = _Connection(asyncio.Semaphore(self._at_once))
        connection = self._connections.setdefault(connection_id, new)
        if connection.here >= self._at_once + self._waiting or self._all >= self._most:
            raise _busy(attempt)
        connection.here += 1
        self._all += 1
        try:
            try:
                async with asyncio.timeout(WAIT_S):
                    await connection.free.acquire()
            except TimeoutError:
                raise _busy(attempt) from None
            try:
                yield
            finally:
                connection.free.release()
        finally:
            self._all -= 1
            connection.here -= 1
            if not connection.here:
                self._connections.pop(connection_id, None)


def _busy(attempt: int) -> ApplicationError:
    """Spread out: the orders of a bulk command would all come again in the same moment."""
    longest = min(_LONGEST_S, 2 ** min(attempt, 5))
    wait_s = longest * random.uniform(0.5, 1)  # noqa: S311 - no secret
    return application_error(TransportError(TransportCode.CONNECTION_BUSY, retry_after_s=wait_s))
