"""How often Temporal is asked about one draft: seldom while it rests, not at all while nobody answers."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from commands import pulses
from commands.open_drafts import Silent, Unreachable
from commands.pulses import Pulses
from domain.draft import Draft
from domain.pulse import Pulse, Step
from tests.domain.orders import draft

CALM = Pulse(is_open=True)
STEP = Step(name="stage", attempt=1, scheduled_at=datetime.now(UTC), started=True, paused=False, failure=None)
NOT_CALM = {
    "a step is under way": Pulse(is_open=True, steps=[STEP]),
    "a workflow task is under way": Pulse(is_open=True, task_attempt=1),
    "its workflow has ended": Pulse(is_open=False),
}


class Temporal:
    """Stands where Temporal is: notes who was asked about."""

    def __init__(self, answer: Pulse | Exception = CALM) -> None:
        self.answer = answer
        self.asked = 0
        self.hangs = False

    async def pulse(self, org_id: UUID, draft_id: UUID, within: timedelta) -> Pulse:
        self.asked += 1
        if self.hangs:
            await asyncio.Event().wait()
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def asking(temporal: Temporal) -> Pulses:
    stands_in: Any = temporal
    return Pulses(stands_in)


async def times_asked(temporal: Temporal, *drafts: Draft) -> int:
    of = asking(temporal)
    for each in drafts:
        await of.of(each)
    return temporal.asked


async def test_a_draft_that_rests_is_asked_about_once_however_often_it_is_read() -> None:
    assert await times_asked(Temporal(), *[draft()] * 20) == 1


async def test_a_decision_makes_the_answer_old() -> None:
    assert await times_asked(Temporal(), draft(version=7), draft(version=8)) == 2


async def test_another_draft_has_an_answer_of_its_own() -> None:
    assert await times_asked(Temporal(), draft(id=UUID(int=1)), draft(id=UUID(int=2))) == 2


@pytest.mark.parametrize("what", NOT_CALM)
async def test_a_draft_is_asked_about_again_soon_while(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulses, "_SAME_FOR_S", 0)
    assert await times_asked(Temporal(NOT_CALM[what]), draft(), draft()) == 2


async def test_a_rested_draft_is_asked_about_again_within_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    assert pulses._CALM_FOR_S < 60
    monkeypatch.setattr(pulses, "_CALM_FOR_S", 0)
    assert await times_asked(Temporal(), draft(), draft()) == 2


@pytest.mark.parametrize(("error", "gone"), [(Unreachable(""), True), (Silent(""), False)])
async def test_after_no_answer_temporal_is_left_in_peace(error: Exception, gone: bool) -> None:
    temporal = Temporal(error)
    of = asking(temporal)
    assert [await of.of(draft()) for _ in range(5)] == [None] * 5
    assert (temporal.asked, of.unreachable) == (1, gone)


async def test_an_answer_ends_the_word_that_temporal_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulses, "_REST_S", 0)
    temporal = Temporal(Unreachable(""))
    of = asking(temporal)
    await of.of(draft())
    temporal.answer = CALM
    assert await of.of(draft()) == CALM
    assert not of.unreachable


async def test_a_page_waits_for_no_answer_for_long_and_few_ask_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pulses, "_WITHIN_S", 0.05)
    temporal = Temporal()
    temporal.hangs = True
    of = asking(temporal)
    async with asyncio.timeout(10):
        found = await asyncio.gather(*(of.of(draft(id=UUID(int=n))) for n in range(40)))
    assert found == [None] * 40
    assert temporal.asked == pulses._AT_ONCE


async def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulses, "_KEPT", 3)
    of = asking(Temporal())
    for number in range(10):
        await of.of(draft(id=UUID(int=number)))
    assert len(of._known) == 3
