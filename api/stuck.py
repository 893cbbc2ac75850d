"""Why a draft does not get on, for its page: from its row where that is enough, else from Temporal."""

from datetime import UTC, datetime, timedelta

from api.rooms import Rooms
from domain.pulse import Trouble, trouble
from domain.reconciliation import needs_workflow
from storage.draft_orders import StoredDraft

# A draft that was decided on a moment ago gets on; most pages are read right after a command.
_FRESH = timedelta(seconds=5)
_SURELY_AWAY_S = 10.0
TEMPORAL_AWAY = "Temporal does not answer: nothing is decided or delivered until it is back; nothing is lost"


async def why_stuck(rooms: Rooms, stored: StoredDraft) -> str | None:
    """A sentence, or None when nothing is known to hold the draft up. Never takes long, never raises."""
    draft, now = stored.draft, datetime.now(UTC)
    if not needs_workflow(draft, stored.waiting_for) or now - draft.updated_at < _FRESH:
        return None
    pulse = await rooms.pulses.of(draft.org_id, draft.id)
    if pulse is None:
        return TEMPORAL_AWAY if rooms.pulses.silent_for_s > _SURELY_AWAY_S else None
    found = trouble(pulse, draft.updated_at, now)
    if found is None:
        return None
    kind, sentence = found
    # the push log says it better
    return None if kind is Trouble.STEP_FAILS and stored.delivery_error else sentence
