"""The kinds of drafts with decorated lines; see `stories`. Some are open when they are stored, some ended."""

import asyncio
from typing import Any
from uuid import UUID

from domain import messages as msg
from domain.color_ups import ColorUpStatus, Decision
from domain.statuses import DraftStatus as S
from domain.statuses import LineStatus as L
from domain.transitions import Command
from tests.replay.stories import acked, ended, story, until
from tests.workflows.decorated import (
    COLOR_UP,
    LOGO,
    WANTED,
    WITH_LOGO,
    decided,
    decorated,
    knows,
    sent,
    stands,
)
from tests.workflows.harness import OPS2, PRODUCTION, Bench, DraftRun
from tests.workflows.resting import rests

NEWER = UUID(int=89)
SECOND = WANTED.model_copy(update={"id": NEWER, "version": 2})
FITS = {**WITH_LOGO, "approved_color_up_id": COLOR_UP}


async def comes_to(run: DraftRun, status: L, line_no: int = 1) -> None:
    """And rests there, so that the next thing is not found by a look that was under way."""
    await stands(run, status, line_no)
    await rests(run.handle)


async def waiting_for_logo(bench: Bench, count: int = 1) -> DraftRun:
    run = await bench.draft(lines=decorated(count=count))
    await comes_to(run, L.AWAITING_LOGO, count)
    return run


async def before_the_customer(bench: Bench) -> DraftRun:
    run = await waiting_for_logo(bench)
    await sent(bench, run)
    await rests(run.handle)
    return run


async def told(bench: Bench, run: DraftRun, decision: Decision, **facts: Any) -> None:
    """The rows say so, then the draft is told."""
    bench.world.found = knows(decision=decided(decision, note="as on the phone"), **facts)
    await run.handle.signal(msg.COLOR_UP_DECIDED, decided(decision))


async def repeats(bench: Bench, count: int = 1) -> DraftRun:
    """Lines that the customer has approved before, in a draft with the operator's signature."""
    bench.world.found = knows(**FITS)
    run = await bench.draft(lines=decorated(count=count))
    await comes_to(run, L.PENDING_PRODUCTION_APPROVAL, count)
    return await run.approved()


async def floor(run: DraftRun, *line_nos: int) -> None:
    for line_no in line_nos:
        for to in (msg.FloorStatus.IN_PRODUCTION, msg.FloorStatus.COMPLETE):
            await run.send(Command.MOVE_ON_FLOOR, line_no=line_no, to=to, actor=PRODUCTION)


async def through_the_erp(run: DraftRun) -> DraftRun:
    await run.send(Command.PUSH, key="push", digest="d")
    return await acked(await until(run, S.PUSHED))


@story()
async def open_awaiting_logo(bench: Bench) -> DraftRun:
    return await waiting_for_logo(bench)


@story()
async def open_exact_match_before_production(bench: Bench) -> DraftRun:
    return await repeats(bench)


@story()
async def logo_found_when_told_to_look_again(bench: Bench) -> DraftRun:
    run = await waiting_for_logo(bench)
    await run.handle.signal(msg.LOOK_AGAIN)  # nothing yet
    await rests(run.handle)
    bench.world.found = knows(**WITH_LOGO)
    await run.handle.signal(msg.LOOK_AGAIN)
    await comes_to(run, L.COLOR_UP_IN_PROGRESS)
    return run


@story()
async def logo_linked_by_hand(bench: Bench) -> DraftRun:
    run = await waiting_for_logo(bench)
    bench.world.found = knows(**FITS)
    await run.send(Command.LINK_LOGO, line_no=1, logo_id=LOGO, send_for_approval=True, key="k", digest="d")
    await run.send(Command.LINK_LOGO, line_no=1, logo_id=LOGO, send_for_approval=True, key="k", digest="d")
    await run.refused(Command.LINK_LOGO, line_no=1, logo_id=LOGO)
    await comes_to(run, L.COLOR_UP_IN_PROGRESS)
    return run


@story()
async def open_before_the_customer(bench: Bench) -> DraftRun:
    return await before_the_customer(bench)


@story()
async def approved_by_the_customer(bench: Bench) -> DraftRun:
    run = await before_the_customer(bench)
    await told(bench, run, Decision.APPROVE)
    await comes_to(run, L.PENDING_PRODUCTION_APPROVAL)
    return run


@story()
async def decided_before_the_first_look(bench: Bench) -> DraftRun:
    run = await waiting_for_logo(bench)
    bench.world.has_active_approver = True
    bench.world.found = knows(**WITH_LOGO, wanted=WANTED)
    await run.handle.signal(msg.LOOK_AGAIN)
    await comes_to(run, L.COLOR_UP_IN_PROGRESS)
    await run.send(Command.SET_COLOR_UP, line_no=1, color_up_id=COLOR_UP)
    bench.world.found = knows(decision=decided(Decision.APPROVE))
    await run.send(Command.SUBMIT_LINE, line_no=1)
    await comes_to(run, L.PENDING_PRODUCTION_APPROVAL)
    return run


@story()
async def sent_back_and_a_new_version_taken(bench: Bench) -> DraftRun:
    run = await before_the_customer(bench)
    await told(bench, run, Decision.REQUEST_CHANGES)
    await comes_to(run, L.REVISION_IN_PROGRESS)
    bench.world.found = knows(newer_color_up_id=NEWER)
    await run.handle.signal(msg.LOOK_AGAIN)
    await comes_to(run, L.COLOR_UP_IN_PROGRESS)
    await run.send(Command.SUBMIT_LINE, line_no=1)
    await comes_to(run, L.SENT_FOR_APPROVAL)
    await told(bench, run, Decision.APPROVE)
    await comes_to(run, L.PENDING_PRODUCTION_APPROVAL)
    return run


@story()
async def sent_back_and_a_new_version_given(bench: Bench) -> DraftRun:
    run = await before_the_customer(bench)
    await told(bench, run, Decision.REQUEST_CHANGES)
    await comes_to(run, L.REVISION_IN_PROGRESS)
    bench.world.found = knows(wanted=SECOND, color_up_version=1, color_up_status=ColorUpStatus.RETIRED)
    await run.send(Command.SET_COLOR_UP, line_no=1, color_up_id=NEWER)
    await comes_to(run, L.COLOR_UP_IN_PROGRESS)
    return run


@story()
async def overtaken_by_a_newer_version(bench: Bench) -> DraftRun:
    run = await before_the_customer(bench)
    await told(bench, run, Decision.SUPERSEDED, newer_color_up_id=NEWER)
    await comes_to(run, L.COLOR_UP_IN_PROGRESS)
    return run


@story()
async def called_and_approved(bench: Bench) -> DraftRun:
    run = await before_the_customer(bench)
    await run.handle.signal(msg.PHONE_CALL, msg.PhoneCall(color_up_id=NEWER))  # nobody's
    await run.handle.signal(msg.PHONE_CALL, msg.PhoneCall(color_up_id=COLOR_UP))
    await comes_to(run, L.PHONE_CALL)
    await told(bench, run, Decision.APPROVE)
    await comes_to(run, L.PENDING_PRODUCTION_APPROVAL)
    return run


@story()
async def open_on_the_phone(bench: Bench) -> DraftRun:
    """Only its own line is looked up again; the other waits for its logo."""
    run = await waiting_for_logo(bench, 2)
    await sent(bench, run)
    bench.world.found = knows()
    change = {"decoration": {"netsuite_file_cabinet_id": "F-9"}}
    await run.send(Command.EDIT, line_no=2, change_line=change)
    await run.ready()
    await comes_to(run, L.AWAITING_LOGO, 2)
    await run.handle.signal(msg.PHONE_CALL, msg.PhoneCall(color_up_id=COLOR_UP))
    await comes_to(run, L.PHONE_CALL)
    return run


@story()
async def reviewed_then_without_an_approver(bench: Bench) -> DraftRun:
    bench.world.internal_review = True
    run = await waiting_for_logo(bench)
    bench.world.found = knows(**WITH_LOGO, wanted=WANTED)
    await run.handle.signal(msg.LOOK_AGAIN)
    await comes_to(run, L.COLOR_UP_IN_PROGRESS)
    await run.send(Command.SET_COLOR_UP, line_no=1, color_up_id=COLOR_UP)
    for decision in (msg.Review.SEND_BACK, msg.Review.APPROVE):
        await run.send(Command.SUBMIT_LINE, line_no=1)
        await run.send(Command.REVIEW_LINE, line_no=1, decision=decision, note="see the left sleeve")
    await comes_to(run, L.NEEDS_APPROVER)
    bench.world.has_active_approver = True
    await run.handle.signal(msg.LOOK_AGAIN)
    await comes_to(run, L.SENT_FOR_APPROVAL)
    return run


@story()
async def decorated_whole_life(bench: Bench) -> DraftRun:
    """Production says no once; the floor starts before the push and ends after it; then the draft ends."""
    run = await repeats(bench, 2)
    await run.send(Command.PRODUCTION_REJECT, line_nos=[2], reason="too dense", actor=PRODUCTION)
    bench.world.found = knows(**FITS, newer_color_up_id=NEWER)
    await run.handle.signal(msg.LOOK_AGAIN)
    await comes_to(run, L.COLOR_UP_IN_PROGRESS, 2)
    bench.world.has_active_approver = True
    await run.send(Command.SUBMIT_LINE, line_no=2)
    await comes_to(run, L.SENT_FOR_APPROVAL, 2)
    await told(bench, run, Decision.APPROVE)
    await comes_to(run, L.PENDING_PRODUCTION_APPROVAL, 2)
    await run.send(Command.PRODUCTION_APPROVE, actor=PRODUCTION)
    await floor(run, 1)
    await through_the_erp(run)
    await floor(run, 2)
    return await ended(run)


@story()
async def open_waiting_for_the_floor(bench: Bench) -> DraftRun:
    run = await repeats(bench)
    await run.send(Command.PRODUCTION_APPROVE, actor=PRODUCTION)
    await through_the_erp(run)
    await until_waits_for(run, "floor")
    return run


async def until_waits_for(run: DraftRun, what: str) -> None:
    for _ in range(400):
        if run.records[-1].waiting_for == what:
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"it waits for {run.records[-1].waiting_for}, not {what}")


@story(skips_time=True)
async def floor_window_over(bench: Bench) -> DraftRun:
    run = await open_waiting_for_the_floor(bench)
    await bench.env.sleep(91 * 86400)
    return await ended(run)


@story()
async def edited_after_production_signed(bench: Bench) -> DraftRun:
    """Another colour takes everything back; a note takes back the operator's signature alone."""
    run = await repeats(bench)
    await run.send(Command.PRODUCTION_APPROVE, actor=PRODUCTION)
    await run.send(Command.EDIT, line_no=1, change_line={"notes": "call first"})
    bench.world.found = knows(**WITH_LOGO)
    change = {"decoration": {"netsuite_file_cabinet_id": "F-1", "style_number": "14728", "color_code": "RED"}}
    await run.send(Command.EDIT, line_no=1, change_line=change)
    await run.ready()
    await comes_to(run, L.COLOR_UP_IN_PROGRESS)
    return run


@story()
async def looks_while_the_database_is_away(bench: Bench) -> DraftRun:
    bench.world.looks_fail = 2
    run = await waiting_for_logo(bench)
    bench.world.facts_fail = 1
    assert (await run.refused(Command.LINK_LOGO, line_no=1, logo_id=LOGO)).type == "FactsUnavailable"
    return run


@story()
async def edited_while_it_is_looked_up(bench: Bench) -> DraftRun:
    """The answer is about a line that is no longer so; the line is asked about again."""
    run = await waiting_for_logo(bench)

    async def gate(step: str) -> None:
        if step == "look":
            bench.world.gate = None
            change = {"decoration": {"netsuite_file_cabinet_id": "F-2"}}
            await run.send(Command.EDIT, line_no=1, change_line=change)

    bench.world.gate = gate
    bench.world.found = knows(**WITH_LOGO)
    await run.handle.signal(msg.LOOK_AGAIN)
    await until_moved(run, L.NEW)
    await run.ready()
    await comes_to(run, L.COLOR_UP_IN_PROGRESS)
    return run


async def until_moved(run: DraftRun, to: L) -> None:
    """A step that may be over at once; of line 1, after its first."""
    for _ in range(400):
        if any(move.to_status is to and move.from_status for record in run.records for move in record.moves):
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"line 1 never came to {to}")


@story()
async def open_look_in_flight(bench: Bench) -> DraftRun:
    run = await waiting_for_logo(bench)
    began = asyncio.Event()

    async def gate(step: str) -> None:
        began.set()
        await asyncio.sleep(600)

    bench.world.gate = gate
    await run.handle.signal(msg.LOOK_AGAIN)
    await asyncio.wait_for(began.wait(), 20)
    return run


@story()
async def line_signals(bench: Bench) -> DraftRun:
    """Line commands by signal, refused ones and unreadable ones among them."""
    run = await waiting_for_logo(bench)
    bench.world.found = knows(**WITH_LOGO, wanted=WANTED)
    await run.handle.signal("submit_line", {"line_no": 1})  # refused
    await run.handle.signal("link_logo", {"line_no": 1})  # cannot be read
    await run.handle.signal(msg.COLOR_UP_DECIDED, {"color_up_id": "nonsense"})
    linked = {"line_no": 1, "logo_id": str(LOGO), "actor_user_id": str(OPS2.user_id)}
    await run.handle.signal("link_logo", linked)
    await comes_to(run, L.COLOR_UP_IN_PROGRESS)
    return run


@story()
async def continued_with_open_lines(bench: Bench) -> DraftRun:
    """In its second run or later, one line before the customer; the run began by looking."""
    run = await before_the_customer(bench)
    first = (await run.handle.describe()).run_id
    for number in range(40):
        await run.handle.signal("edit", {"key": f"k{number}", "header": {"notes": f"note {number}"}})
        await asyncio.sleep(0.05)
        if (await run.handle.describe()).run_id != first:
            break
    assert (await run.handle.describe()).run_id != first
    await told(bench, run, Decision.APPROVE)
    await comes_to(run, L.PENDING_PRODUCTION_APPROVAL)
    return run


@story()
async def continues_with_open_lines(bench: Bench) -> DraftRun:
    """The first run of such a draft, which ends by continuing."""
    run = await continued_with_open_lines(bench)
    described = (await run.client.get_workflow_handle(run.handle.id).describe()).raw_description
    started = described.workflow_execution_info.first_run_id
    run.handle = run.client.get_workflow_handle(run.handle.id, run_id=started)
    return run
