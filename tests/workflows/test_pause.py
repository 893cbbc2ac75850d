"""A paused connection, as a draft sees it: it waits without a timer and goes on when it is told."""

import asyncio
from datetime import timedelta

from temporalio.api.sdk.v1 import WorkflowMetadata

from domain import messages as msg
from domain.delivery import FenceOutcome
from domain.statuses import DraftStatus, WaitingFor
from domain.transitions import Command
from tests.workflows.harness import Bench, DraftRun
from tests.workflows.test_draft_order import outcome

PAUSED = "CONNECTION_PAUSED"


async def shown(run: DraftRun, holds: int = 1) -> None:
    """Wait until the draft waits for the end of its pause, and the Web UI says so."""
    for _ in range(400):
        history = await run.handle.fetch_history()
        marks = [each for each in history.events if each.HasField("activity_task_failed_event_attributes")]
        if len(marks) == holds:
            break
        await asyncio.sleep(0.02)
    metadata = await run.handle.query("__temporal_workflow_metadata", result_type=WorkflowMetadata)
    assert "broken: CONNECTION_PAUSED" in metadata.current_details


async def release(run: DraftRun) -> None:
    await run.handle.signal(msg.RELEASE, {"export_id": str(run.world.row.exports[-1].id)})


async def pushed(drafts: Bench) -> DraftRun:
    run = await (await drafts.draft()).approved()
    await run.send(Command.PUSH)
    return run


async def test_a_push_into_a_pause_waits_for_days_and_goes_on_when_it_is_told(drafts: Bench) -> None:
    drafts.world.stage_errors = [PAUSED]
    run = await pushed(drafts)
    await shown(run)
    await drafts.env.sleep(timedelta(days=3))
    assert drafts.world.row.status is DraftStatus.PUSHING
    assert drafts.world.records[-1].waiting_for == WaitingFor.EXPORT
    events = (await run.handle.fetch_history()).events
    assert not [each for each in events if each.HasField("timer_started_event_attributes")]
    await release(run)
    await outcome(run, DraftStatus.PUSHED)
    assert [name for name, _id in drafts.world.done] == ["stage", "stage", "publish"]
    await run.replay()


async def test_a_staged_file_waits_for_its_publish_and_is_not_staged_again(drafts: Bench) -> None:
    drafts.world.publish_errors = [PAUSED]
    run = await pushed(drafts)
    await shown(run)
    await release(run)
    await outcome(run, DraftStatus.PUSHED)
    assert [name for name, _id in drafts.world.done] == ["stage", "publish", "publish"]
    assert len({step for _name, step in drafts.world.done}) == 3
    await run.replay()


async def test_the_window_begins_anew_after_the_pause(drafts: Bench) -> None:
    drafts.world.stage_errors = [*["CONNECTION_REFUSED"] * 20, PAUSED, *["CONNECTION_REFUSED"] * 20]
    run = await pushed(drafts)
    await drafts.env.sleep(timedelta(minutes=20))
    await shown(run)
    await drafts.env.sleep(timedelta(hours=5))
    await release(run)
    await drafts.env.sleep(timedelta(minutes=20))
    await outcome(run, DraftStatus.PUSHED)
    await run.replay()


async def test_two_pauses_in_a_row_are_two_waits(drafts: Bench) -> None:
    drafts.world.stage_errors = [PAUSED, PAUSED]
    run = await pushed(drafts)
    for tries in (1, 2):
        await shown(run, tries)
        await release(run)
    await outcome(run, DraftStatus.PUSHED)
    await run.replay()


async def test_a_word_that_comes_before_the_tries_answer_is_not_lost(drafts: Bench) -> None:
    world = drafts.world
    world.stage_errors = [PAUSED]
    run = await (await drafts.draft()).approved()

    async def told(step: str) -> None:
        world.gate = None
        await release(run)

    world.gate = told
    await run.send(Command.PUSH)
    await outcome(run, DraftStatus.PUSHED)
    await run.replay()


async def test_a_connection_disabled_in_its_pause_fails_what_waits_and_nothing_was_sent(
    drafts: Bench,
) -> None:
    drafts.world.publish_errors = [PAUSED, "CONNECTION_DISABLED"]
    drafts.world.fence_outcome = FenceOutcome.NOT_SENT
    run = await pushed(drafts)
    await shown(run)
    await release(run)
    await outcome(run, DraftStatus.ERROR)
    last = drafts.world.row.exports[-1]
    assert last.error is not None
    assert (last.error.code, last.may_have_been_sent) == ("CONNECTION_DISABLED", False)
    await run.replay()


async def test_a_release_of_nothing_or_of_nonsense_does_no_harm(drafts: Bench) -> None:
    run = await (await drafts.draft()).approved()
    await run.handle.signal(msg.RELEASE, {"export_id": str(run.draft_id)})
    await run.handle.signal(msg.RELEASE, {"export_id": 7})
    await run.send(Command.PUSH)
    await outcome(run, DraftStatus.PUSHED)
    await run.replay()
