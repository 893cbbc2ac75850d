"""A draft's pulse for pages that people wait for: quick, or not at all."""

import asyncio
import time
from datetime import timedelta
from uuid import UUID

from commands.open_drafts import OpenDrafts, Silent
from domain.pulse import Pulse

_WITHIN_S = 0.25
_REST_S = 3.0


class Pulses:
    """Asks Temporal; after no answer it leaves Temporal, and the pages, in peace for some seconds."""

    def __init__(self, open_drafts: OpenDrafts) -> None:
        self._open_drafts = open_drafts
        self._silent_since: float | None = None
        self._rests_until = float("-inf")

    @property
    def silent_for_s(self) -> float:
        """Since the first call that was not answered, with no answer in between; 0 after an answer."""
        return 0.0 if self._silent_since is None else time.monotonic() - self._silent_since

    async def of(self, org_id: UUID, draft_id: UUID) -> Pulse | None:
        """None when nobody knows right now."""
        if time.monotonic() < self._rests_until:
            return None
        try:
            # the client's own limit does not cover its first connection
            async with asyncio.timeout(_WITHIN_S):
                pulse = await self._open_drafts.pulse(org_id, draft_id, timedelta(seconds=_WITHIN_S))
        except (Silent, TimeoutError):
            now = time.monotonic()
            self._rests_until = now + _REST_S
            if self._silent_since is None:
                self._silent_since = now
            return None
        self._silent_since = None
        return pulse
