"""Which word comes first, when several things hold a draft up."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from api.stuck import TEMPORAL_AWAY, why_stuck
from domain.pulse import Pulse, Step
from domain.statuses import DraftStatus
from domain.workforce import NO_WORKER
from storage.draft_orders import StoredDraft
from tests.domain.orders import draft

CALM = Pulse(is_open=True)
LONG_AGO = datetime.now(UTC) - timedelta(hours=1)


def step(**fields: Any) -> Pulse:
    good = {"name": "stage", "attempt": 3, "scheduled_at": LONG_AGO, "started": True, "paused": False}
    return Pulse(is_open=True, steps=[Step(**{**good, "failure": None, **fields})])


class Temporal:
    """Stands where the lookout and the pulses are."""

    def __init__(
        self, pulse: Pulse | None = CALM, *, idle: str | None = None, away: bool = False, gone: bool = False
    ) -> None:
        self.pulse, self.idle, self.temporal_is_away, self.unreachable = pulse, idle, away, gone
        self.lookout = self.pulses = self
        self.asked = 0

    async def of(self, _draft: object) -> Pulse | None:
        self.asked += 1
        return self.pulse


OPEN = StoredDraft(
    draft=draft(updated_at=LONG_AGO),
    waiting_for="operator_approval",
    creation_digest=None,
    run_id=None,
    connection_status="ACTIVE",
    delivery_error=None,
    delivery_began_at=None,
)
CLOSED = replace(OPEN, draft=draft(DraftStatus.REJECTED), waiting_for=None)
RETRYING = replace(OPEN, delivery_error="Connection refused")
ENDED = Pulse(is_open=False)

# what there is, and how the sentence begins; None: the row says it
CASES: dict[str, tuple[Temporal, StoredDraft, str | None]] = {
    "nothing is wrong": (Temporal(), OPEN, None),
    "nobody knows": (Temporal(None), OPEN, None),
    "a closed draft needs nothing": (Temporal(ENDED, idle=NO_WORKER, away=True), CLOSED, None),
    "Temporal is away for some time": (Temporal(away=True), OPEN, TEMPORAL_AWAY),
    "Temporal is away since now": (Temporal(None, gone=True), OPEN, TEMPORAL_AWAY),
    "no worker, and the draft rests": (Temporal(idle=NO_WORKER), OPEN, NO_WORKER),
    "no worker, and nobody knows of the draft": (Temporal(None, idle=NO_WORKER), OPEN, NO_WORKER),
    "no worker, and tries failed before": (Temporal(step(failure="X"), idle=NO_WORKER), RETRYING, NO_WORKER),
    "no worker, and its workflow has ended": (Temporal(ENDED, idle=NO_WORKER), OPEN, "No workflow runs"),
    "no worker, and a step is paused": (Temporal(step(paused=True), idle=NO_WORKER), OPEN, "The step stage"),
    "tries fail, which the push log says better": (Temporal(step(failure="X")), RETRYING, None),
    "another step fails": (Temporal(step(failure="X")), OPEN, "The step stage fails"),
}


@pytest.mark.parametrize("case", CASES)
async def test_the_word_on_a_draft_that_stands_still_when(case: str) -> None:
    temporal, stored, says = CASES[case]
    rooms: Any = temporal
    said = await why_stuck(rooms, stored)
    assert (said or "").startswith(says or "")
    assert (said is None) == (says is None)


async def test_temporal_is_asked_about_no_draft_that_was_decided_on_a_moment_ago_or_while_it_is_away() -> (
    None
):
    fresh = replace(OPEN, draft=draft(updated_at=datetime.now(UTC)))
    for temporal, stored in ((Temporal(), fresh), (Temporal(away=True), OPEN), (Temporal(), CLOSED)):
        rooms: Any = temporal
        await why_stuck(rooms, stored)
        assert temporal.asked == 0
