"""The look for what an API process kept and did not set going: it died, or Temporal was away."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from activities.outages import outages_told
from storage.database import Row

# What is younger is still in the hands of the API process that kept it.
LEFT_AFTER = timedelta(seconds=10)
_AT_ONCE = 500

Left = Callable[[datetime, int], Awaitable[list[Row]]]


async def relay(left: Left, start: Callable[[Row], Awaitable[None]], left_after: timedelta) -> int:
    """Start what is left, oldest first, and say how much that was; one under way is left alone.

    `left(before, most)` reads what no workflow has finished, of all orgs.
    """
    with outages_told():
        rows = await left(datetime.now(UTC) - left_after, _AT_ONCE)
        for row in rows:
            await start(row)
    return len(rows)
