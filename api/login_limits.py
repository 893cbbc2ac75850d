"""Few tries for those who guess passwords.

Only failures count: 10 per account and 50 per address in 5 minutes, for known and unknown accounts alike.
"""

import asyncio
import math
import time
from weakref import WeakValueDictionary

from limits import RateLimitItem, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from api.problems import Problem

_PER_ACCOUNT = RateLimitItemPerMinute(10, 5)
_PER_ADDRESS = RateLimitItemPerMinute(50, 5)
_VERIFICATIONS_AT_ONCE = 4  # each takes 19 MiB and a core


class LoginLimits:
    """Counts failures in this process's memory. One account's tries queue, so that the limit is exact."""

    def __init__(self) -> None:
        self._window = MovingWindowRateLimiter(MemoryStorage())
        self._queues: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self.verifying = asyncio.Semaphore(_VERIFICATIONS_AT_ONCE)

    def queue(self, account: str) -> asyncio.Lock:
        lock = self._queues.get(account)
        if lock is None:
            lock = self._queues[account] = asyncio.Lock()
        return lock

    def require_room(self, account: str, address: str) -> None:
        """Raises Problem 429, with the seconds to wait, when one of the two windows is full."""
        waits = [self._wait(_PER_ACCOUNT, "account", account), self._wait(_PER_ADDRESS, "address", address)]
        wait_s = max(waits)
        if wait_s:
            raise Problem(
                429,
                f"Too many failed logins; try again in {wait_s} seconds",
                headers={"Retry-After": str(wait_s)},
            )

    def failed(self, account: str, address: str) -> None:
        self._window.hit(_PER_ACCOUNT, "account", account)
        self._window.hit(_PER_ADDRESS, "address", address)

    def _wait(self, limit: RateLimitItem, kind: str, who: str) -> int:
        if self._window.test(limit, kind, who):
            return 0
        reset_at = self._window.get_window_stats(limit, kind, who).reset_time
        return max(1, math.ceil(reset_at - time.time()))
