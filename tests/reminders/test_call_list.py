"""When the team is to call, and that drafts are told of it."""

from datetime import UTC, date, datetime

import pytest
from temporalio.exceptions import ApplicationError

from commands.draft_orders import TemporalUnavailable, WorkflowGone
from domain.digests import is_to_call
from tests.reminders.rounds import DAY, MONDAY, Post, remind, run
from tests.reminders.world import Told, World


@pytest.mark.parametrize(
    ("reminders", "last", "cap", "anyone", "expected"),
    [
        (4, MONDAY - DAY, 5, True, False),
        (5, MONDAY - DAY, 5, True, True),
        (5, MONDAY, 5, True, False),  # the fifth was this morning's
        (6, MONDAY - DAY, 5, True, True),
        (0, None, 5, True, False),
        (0, None, 5, False, True),
        (0, None, 0, True, True),
        (2, MONDAY - DAY, 2, True, True),
        (1, MONDAY, 5, False, False),
    ],
)
def test_when_the_team_is_to_call(
    reminders: int, last: date | None, cap: int, anyone: bool, expected: bool
) -> None:
    assert is_to_call(reminders, last, MONDAY, cap, anyone=anyone) is expected


async def test_a_customer_without_an_approver_is_called_on_the_next_morning(world: World, post: Post) -> None:
    customer = await world.customer(people=0)
    proof = await world.proof(customer, drafts=2)
    told = Told()
    await remind(world, customer, MONDAY, told=told)
    assert post.taken == []
    assert sorted(told.calls) == sorted((draft, proof) for draft in world.drafts[proof])
    assert await world.trail(proof) == [("PROOF_PHONE_CALL", {"count": 0})]


async def test_a_lower_cap_counts_on_the_next_morning(world: World) -> None:
    customer = await world.customer()
    proof = await world.proof(customer)
    told = Told()
    await remind(world, customer, MONDAY, MONDAY + DAY, told=told)
    await world.setting("reminder_cap", 2)
    await remind(world, customer, MONDAY + DAY, told=told)
    assert told.calls == []
    await remind(world, customer, MONDAY + DAY * 2, told=told)
    assert [proof for _, proof in told.calls] == [proof]


async def test_drafts_are_told_until_each_has_heard_and_the_list_says_since_when(world: World) -> None:
    await world.setting("reminder_cap", 0)
    customer = await world.customer()
    proof = await world.proof(customer, drafts=3)
    told = Told(raises=[WorkflowGone(), TemporalUnavailable("Temporal did not answer in time")])
    mornings = world.mornings(told)
    with pytest.raises(ApplicationError, match="did not answer"):
        await run(mornings.escalate, world.round(customer, MONDAY))
    await run(mornings.escalate, world.round(customer, MONDAY, hour=9))
    assert {draft for draft, _ in told.calls} == set(world.drafts[proof])
    await run(mornings.escalate, world.round(customer, MONDAY + DAY))
    assert len(told.calls) == 2 + 3 + 3  # their rows still wait, so they are told again
    assert await world.calls() == {proof: datetime(2026, 11, 23, 7, tzinfo=UTC)}
    assert [action for action, _ in await world.trail(proof)] == ["PROOF_PHONE_CALL"]


async def test_a_draft_that_has_not_subscribed_yet_is_left_until_it_has(world: World) -> None:
    """It would go on to Phone Call and never hear of the decision."""
    await world.setting("reminder_cap", 0)
    customer = await world.customer()
    proof = await world.proof(customer)
    late = await world.draft(customer, proof, subscribed=False)
    told = Told()
    await remind(world, customer, MONDAY, told=told)
    assert [draft for draft, _ in told.calls] == world.drafts[proof]
    assert late not in world.drafts[proof]
