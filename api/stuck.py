"""Why a draft does not get on, for its page: from its row where that is enough, else from Temporal."""

from datetime import UTC, datetime, timedelta

from api.rooms import Rooms
from domain.pulse import Trouble, trouble
from domain.reconciliation import needs_workflow
from storage.draft_orders import StoredDraft

# A draft that was decided on a moment ago gets on; most pages are read right after a command.
_FRESH = timedelta(seconds=5)
TEMPORAL_AWAY = "Temporal does not answer: nothing is decided or delivered until it is back; nothing is lost"
# What a worker alone would not mend comes before the word that none works.
_FOR_A_PERSON = frozenset({Trouble.ENDED, Trouble.CONFLICT, Trouble.PAUSED, Trouble.RESET})


async def why_stuck(rooms: Rooms, stored: StoredDraft) -> str | None:
    """A sentence, or None when nothing is known to hold the draft up. Never takes long, never raises."""
    draft, now = stored.draft, datetime.now(UTC)
    if not needs_workflow(draft, stored.waiting_for):
        return None
    if rooms.lookout.temporal_is_away:
        return TEMPORAL_AWAY
    if now - draft.updated_at < _FRESH:
        return None
    pulse = await rooms.pulses.of(draft)
    if pulse is None and rooms.pulses.unreachable:
        return TEMPORAL_AWAY
    found = None if pulse is None else trouble(pulse, draft.updated_at, now)
    return _foremost(found, rooms.lookout.idle, stored)


def _foremost(found: tuple[Trouble, str] | None, idle: str | None, stored: StoredDraft) -> str | None:
    if idle is not None and (found is None or found[0] not in _FOR_A_PERSON):
        return idle
    if found is None or (found[0] is Trouble.STEP_FAILS and stored.delivery_error):
        return None  # the push log says it better
    return found[1]
