"""A deadline for the beginning of something that may take longer as a whole."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager


@asynccontextmanager
async def begun_within(limit_s: float, begun: Callable[[], bool]) -> AsyncIterator[None]:
    """
    Raises:
        TimeoutError: in the block, when `begun` is not true after `limit_s`.
    """
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(None) as limit:

        def look() -> None:
            if not begun():
                limit.reschedule(loop.time())

        timer = loop.call_later(limit_s, look)
        try:
            yield
        finally:
            timer.cancel()
