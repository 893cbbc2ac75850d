"""A draft's pulse for pages that people wait for: quick, or not at all."""

import asyncio
import time
from collections import OrderedDict
from datetime import timedelta
from uuid import UUID

from commands.open_drafts import OpenDrafts, Silent, Unreachable
from domain.draft import Draft
from domain.pulse import Pulse

_WITHIN_S = 0.25
_REST_S = 3.0
# A draft that rests is seldom stuck, and a page that is read again and again need not ask each time.
_CALM_FOR_S = 15.0
_SAME_FOR_S = 1.0
_KEPT = 5000
_AT_ONCE = 8


class Pulses:
    """Asks Temporal; after no answer it leaves Temporal, and the pages, in peace for some seconds."""

    def __init__(self, open_drafts: OpenDrafts) -> None:
        self._open_drafts = open_drafts
        self._rests_until = float("-inf")
        self._known: OrderedDict[UUID, tuple[int, float, Pulse]] = OrderedDict()
        self._asking = 0
        self.unreachable = False  # at the last call; not when an answer only took too long

    async def of(self, draft: Draft) -> Pulse | None:
        """As it was a moment ago, or, of a draft that rested, a few seconds ago. None when nobody knows."""
        known = self._remembered(draft)
        if known is not None:
            return known
        if time.monotonic() < self._rests_until or self._asking >= _AT_ONCE:
            return None
        self._asking += 1
        try:
            # the client's own limit does not cover its first connection
            async with asyncio.timeout(_WITHIN_S):
                pulse = await self._open_drafts.pulse(draft.org_id, draft.id, timedelta(seconds=_WITHIN_S))
        except (Silent, TimeoutError) as error:
            self._rests_until = time.monotonic() + _REST_S
            self.unreachable = isinstance(error, Unreachable)
            return None
        finally:
            self._asking -= 1
        self.unreachable = False
        self._remember(draft, pulse)
        return pulse

    def _remembered(self, draft: Draft) -> Pulse | None:
        """A decision makes what was known about the draft worthless."""
        version, at, pulse = self._known.get(draft.id, (None, 0.0, None))
        if pulse is None or version != draft.version:
            return None
        good_for_s = _CALM_FOR_S if pulse.is_calm else _SAME_FOR_S
        return pulse if time.monotonic() - at < good_for_s else None

    def _remember(self, draft: Draft, pulse: Pulse) -> None:
        self._known[draft.id] = (draft.version, time.monotonic(), pulse)
        self._known.move_to_end(draft.id)
        if len(self._known) > _KEPT:
            self._known.popitem(last=False)
