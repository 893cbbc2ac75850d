"""Decorated lines are taken up by themselves, and look for what they wait for."""

import pytest

from domain import messages as msg
from domain.color_ups import Decision
from domain.statuses import LineStatus
from domain.transitions import Command
from tests.workflows.decorated import (
    ANNA,
    COLOR_UP,
    LOGO,
    WANTED,
    WITH_LOGO,
    decided,
    decorated,
    knows,
    moves,
    sent,
    stands,
)
from tests.workflows.harness import Bench
from tests.workflows.resting import rests


async def test_a_new_line_is_taken_up_and_waits_for_its_logo(drafts: Bench) -> None:
    run = await drafts.draft(lines=decorated())
    await stands(run, LineStatus.AWAITING_LOGO)
    assert moves(run) == ["New", "Awaiting Logo"]
    await run.replay()


async def test_a_plain_draft_costs_no_look(drafts: Bench) -> None:
    await (await drafts.draft()).approved()
    assert drafts.world.looks == []


async def test_what_a_line_waits_for_is_on_record_before_it_is_looked_up(drafts: Bench) -> None:
    run = await drafts.draft(lines=decorated())
    await stands(run, LineStatus.AWAITING_LOGO)
    for look in drafts.world.looks:
        asked = look.lines[0].status
        assert any(move.to_status is asked for record in run.records for move in record.moves)


async def test_a_logo_that_appears_later_is_found_when_the_draft_is_told_to_look_again(drafts: Bench) -> None:
    run = await drafts.draft(lines=decorated())
    await stands(run, LineStatus.AWAITING_LOGO)
    await rests(run.handle)
    drafts.world.found = knows(**WITH_LOGO)
    await run.handle.signal(msg.LOOK_AGAIN)
    await stands(run, LineStatus.COLOR_UP_IN_PROGRESS)
    line = run.records[-1].draft.line(1)
    assert line is not None
    assert line.decoration is not None
    assert line.decoration.logo_id == LOGO
    await run.replay()


async def test_a_repeat_skips_the_customer_and_not_production(drafts: Bench) -> None:
    drafts.world.found = knows(**WITH_LOGO, approved_color_up_id=COLOR_UP)
    run = await drafts.draft(lines=decorated())
    await stands(run, LineStatus.PENDING_PRODUCTION_APPROVAL)
    assert moves(run) == ["New", "Awaiting Logo", "Pending Production Approval"]


@pytest.mark.parametrize(
    ("decision", "way"),
    [
        (Decision.APPROVE, ["Approved", "Pending Production Approval"]),
        (Decision.REQUEST_CHANGES, ["Revision In Progress"]),
        (Decision.SUPERSEDED, ["Revision In Progress"]),
    ],
)
async def test_a_decision_moves_the_lines_that_wait_for_it(
    drafts: Bench, decision: Decision, way: list[str]
) -> None:
    run = await drafts.draft(lines=decorated())
    await sent(drafts, run)
    await rests(run.handle)
    drafts.world.found = knows(decision=decided(decision, note="as on the phone"))
    await run.handle.signal(msg.COLOR_UP_DECIDED, decided(decision))
    await stands(run, LineStatus(way[-1]))
    assert moves(run)[-len(way) :] == way
    actor = run.records[-1].moved_by
    assert actor is not None
    assert actor.actor_user_id == (None if decision is Decision.SUPERSEDED else ANNA)
    await run.replay()


async def test_a_decision_made_before_the_line_waited_is_found_by_its_first_look(drafts: Bench) -> None:
    drafts.world.has_active_approver = True
    drafts.world.found = knows(**WITH_LOGO, wanted=WANTED)
    run = await drafts.draft(lines=decorated())
    await stands(run, LineStatus.COLOR_UP_IN_PROGRESS)
    await run.send(Command.SET_COLOR_UP, line_no=1, color_up_id=COLOR_UP)
    drafts.world.found = knows(decision=decided(Decision.APPROVE))
    await run.send(Command.SUBMIT_LINE, line_no=1)
    await stands(run, LineStatus.PENDING_PRODUCTION_APPROVAL)


async def test_a_phone_call_moves_the_lines_of_that_color_up_only(drafts: Bench) -> None:
    run = await drafts.draft(lines=decorated())
    await sent(drafts, run)
    await run.handle.signal(msg.PHONE_CALL, msg.PhoneCall(color_up_id=LOGO))
    await run.handle.signal(msg.PHONE_CALL, msg.PhoneCall(color_up_id=COLOR_UP))
    await stands(run, LineStatus.PHONE_CALL)
    assert moves(run).count("Phone Call") == 1
    await run.replay()


async def test_a_line_that_needs_an_approver_is_sent_when_there_is_one(drafts: Bench) -> None:
    drafts.world.found = knows(**WITH_LOGO, wanted=WANTED)
    run = await drafts.draft(lines=decorated())
    await stands(run, LineStatus.COLOR_UP_IN_PROGRESS)
    await run.send(Command.SET_COLOR_UP, line_no=1, color_up_id=COLOR_UP)
    await run.send(Command.SUBMIT_LINE, line_no=1)
    await stands(run, LineStatus.NEEDS_APPROVER)
    await rests(run.handle)
    drafts.world.has_active_approver = True
    await run.handle.signal(msg.LOOK_AGAIN)
    await stands(run, LineStatus.SENT_FOR_APPROVAL)


async def test_a_database_that_is_away_delays_the_look_and_nothing_else(drafts: Bench) -> None:
    drafts.world.looks_fail = 3
    run = await drafts.draft(lines=decorated())
    await run.send(Command.VALIDATE)
    await stands(run, LineStatus.AWAITING_LOGO)
