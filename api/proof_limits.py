"""How often one address may look at customers' pages, guess links and have links mailed; in this process."""

import math
import time
from enum import Enum

from limits import RateLimitItem, RateLimitItemPerHour, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from api.problems import Problem


class Asked(Enum):
    """Generous where a whole company may sit behind one address."""

    PAGE = RateLimitItemPerMinute(240)
    UNKNOWN_LINK = RateLimitItemPerMinute(30, 5)
    DECISION = RateLimitItemPerMinute(60)
    RENEWAL = RateLimitItemPerHour(10)


class ProofLimits:
    def __init__(self) -> None:
        self._window = MovingWindowRateLimiter(MemoryStorage())

    def count(self, asked: Asked, address: str) -> None:
        """
        Raises:
            Problem: 429, with the seconds to wait.
        """
        limit: RateLimitItem = asked.value
        if not self._window.hit(limit, asked.name, address):
            raise _too_many(self._window.get_window_stats(limit, asked.name, address).reset_time)

    def require_room(self, asked: Asked, address: str) -> None:
        """As `count`, without counting: for what counts only when it fails.

        Raises:
            Problem: 429
        """
        limit: RateLimitItem = asked.value
        if not self._window.test(limit, asked.name, address):
            raise _too_many(self._window.get_window_stats(limit, asked.name, address).reset_time)


def _too_many(reset_at: float) -> Problem:
    wait_s = max(1, math.ceil(reset_at - time.time()))
    return Problem(
        429,
        f"Too many requests from this address; try again in {wait_s} seconds",
        headers={"Retry-After": str(wait_s)},
    )
