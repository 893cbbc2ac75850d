"""A sign of life for as long as an activity runs."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from temporalio import activity

HEARTBEAT_S = 2.0


@asynccontextmanager
async def heartbeats() -> AsyncIterator[None]:
    """Tell Temporal that this try is alive, also while a library waits.

    Not at once: a beat is a call to the server and a billable action, and most tries end before the first.
    """

    async def beat() -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_S)
            activity.heartbeat()

    task = asyncio.create_task(beat())
    try:
        yield
    finally:
        task.cancel()
