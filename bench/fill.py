"""Open drafts in thousands: made READY by the real workflow, through `commands`, some at a time."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from bench import cpu
from bench.ground import Ground, at_once

AT_ONCE = 24
REPORTS = 10

Say = Callable[[str], None]


@dataclass(frozen=True)
class Filled:
    """The drafts, oldest first; how many were made per second; CPU seconds of all processes for one."""

    drafts: list[UUID]
    per_s: float
    cpu_s: float


async def fill(ground: Ground, count: int, say: Say) -> Filled:
    """
    Raises:
        TemporalUnavailable, FactsUnavailable, DatabaseUnavailable: five times no answer for one draft.
    """
    drafts, made, began = ground.drafts(), 0, time.monotonic()
    step = max(1, count // REPORTS)

    async def one() -> UUID:
        nonlocal made
        draft_id = await ground.one_ready(drafts)
        made += 1
        if made % step == 0 and made < count:
            rate = made / (time.monotonic() - began)
            left = (count - made) / rate / 60
            say(f"  {made:,} of {count:,} drafts, {rate:.0f} per s, {left:.1f} min to go")
        return draft_id

    before = cpu.used_s(ground.processes)
    found = await at_once([one] * count, AT_ONCE)
    spent = sum(cpu.spent_s(before, cpu.used_s(ground.processes)).values())
    return Filled(found, count / (time.monotonic() - began), spent / count)
