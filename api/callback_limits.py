"""Few tries for those who guess signatures. Only refused callbacks count, per address."""

import asyncio
import math
import time

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from api.problems import Problem

_PER_ADDRESS = RateLimitItemPerMinute(120)
_AT_ONCE = 8  # a burst waits here, not for the database's connections, which others need
_SEARCHES_AT_ONCE = 2  # through all orgs' secrets


class CallbackLimits:
    """Counts in this process's memory."""

    def __init__(self) -> None:
        self._window = MovingWindowRateLimiter(MemoryStorage())
        self.at_once = asyncio.Semaphore(_AT_ONCE)
        self.searching = asyncio.Semaphore(_SEARCHES_AT_ONCE)

    def require_room(self, address: str) -> None:
        """Raises Problem 429, with the seconds to wait, for an address with too many refusals."""
        if self._window.test(_PER_ADDRESS, address):
            return
        reset_at = self._window.get_window_stats(_PER_ADDRESS, address).reset_time
        wait_s = max(1, math.ceil(reset_at - time.time()))
        raise Problem(
            429,
            f"Too many callbacks from this address were refused; try again in {wait_s} seconds",
            headers={"Retry-After": str(wait_s)},
        )

    def refused(self, address: str) -> None:
        self._window.hit(_PER_ADDRESS, address)
