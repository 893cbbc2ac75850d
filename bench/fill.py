"""Open drafts in thousands: made READY by the real workflow, through `commands`, some at a time."""

import contextlib
import time
from collections.abc import Callable
from uuid import UUID

from bench.ground import Ground, at_once
from commands.draft_orders import TemporalUnavailable

AT_ONCE = 24
TRIES = 5
REPORTS = 10

Say = Callable[[str], None]


async def fill(ground: Ground, count: int, say: Say) -> tuple[list[UUID], float]:
    """The drafts, oldest first, and how many were made per second.

    Raises:
        TemporalUnavailable: five times no answer for one draft.
    """
    made, began = 0, time.monotonic()
    step = max(1, count // REPORTS)

    async def one() -> UUID:
        nonlocal made
        draft_id = await _patiently(ground)
        made += 1
        if made % step == 0 and made < count:
            rate = made / (time.monotonic() - began)
            left = (count - made) / rate / 60
            say(f"  {made:,} of {count:,} drafts, {rate:.0f} per s, {left:.1f} min to go")
        return draft_id

    found = await at_once([one] * count, AT_ONCE)
    return found, count / (time.monotonic() - began)


async def _patiently(ground: Ground) -> UUID:
    for _ in range(TRIES - 1):
        # a half-made draft stays: one more open draft weighs nothing
        with contextlib.suppress(TemporalUnavailable):
            return await ground.one_ready(ground.drafts())
    return await ground.one_ready(ground.drafts())
