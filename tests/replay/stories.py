"""The kinds of drafts whose histories every later version must be able to replay: one story each."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from domain import messages as msg
from domain.delivery import FenceOutcome
from domain.statuses import DraftStatus as S
from domain.transitions import Command
from tests.workflows.harness import OPS2, PRODUCTION, Bench, DraftRun, told

Story = Callable[[Bench], Awaitable[DraftRun]]
STORIES: dict[str, Story] = {}
SKIPS_TIME: set[str] = set()  # told on the time-skipping server
CONTINUES_AT = 40  # events; told on a server that suggests it so early


def story(*, skips_time: bool = False) -> Callable[[Story], Story]:
    def add(tell: Story) -> Story:
        STORIES[tell.__name__] = tell
        if skips_time:
            SKIPS_TIME.add(tell.__name__)
        return tell

    return add


async def until(run: DraftRun, status: S) -> DraftRun:
    for _ in range(400):
        if run.records and run.records[-1].draft.status is status:
            return run
        await asyncio.sleep(0.05)
    raise AssertionError(f"the draft never came to be {status}")


async def pushed(bench: Bench, end: S = S.PUSHED) -> DraftRun:
    run = await (await bench.draft()).approved()
    await run.send(Command.PUSH, key="push", digest="d")
    return await until(run, end)


async def acked(run: DraftRun, status: str = "ACKED", **fields: Any) -> DraftRun:
    export = run.records[-1].draft.exports[-1]
    await run.handle.signal(msg.ACKNOWLEDGE, {"export_id": str(export.id), "status": status, **fields})
    return run


async def ended(run: DraftRun) -> DraftRun:
    await run.handle.result()
    return run


@story()
async def whole_life_acknowledged(bench: Bench) -> DraftRun:
    return await ended(await acked(await pushed(bench), erp_order_id="SO-77"))


@story()
async def no_ack_path(bench: Bench) -> DraftRun:
    assert bench.world.connection is not None
    bench.world.connection = bench.world.connection.model_copy(update={"ack_expected": False})
    return await ended(await pushed(bench))


@story()
async def rejected(bench: Bench) -> DraftRun:
    run = await (await bench.draft()).ready()
    await run.send(Command.REJECT, reason="ordered twice")
    return await ended(run)


@story()
async def revoked_and_edited(bench: Bench) -> DraftRun:
    run = await (await bench.draft()).approved()
    await run.send(Command.PRODUCTION_APPROVE, actor=PRODUCTION)
    await run.send(Command.REVOKE_APPROVAL)
    await run.approved()
    await run.send(Command.EDIT, line_no=1, change_line={"qty": "11"})
    await run.send(Command.EDIT, header={"notes": "urgent"})
    return await run.approved()


@story()
async def failed_stage_and_retry(bench: Bench) -> DraftRun:
    bench.world.stage_errors = ["CONNECTION_REFUSED", "AUTHENTICATION_FAILED"]
    run = await pushed(bench, S.ERROR)
    await run.send(Command.RETRY_PUSH)
    return await ended(await acked(await until(run, S.PUSHED)))


@story()
async def failed_publish_not_sent(bench: Bench) -> DraftRun:
    bench.world.publish_errors = ["PERMISSION_DENIED"]
    run = await pushed(bench, S.ERROR)
    await run.send(Command.RETRY_PUSH)
    return await ended(await acked(await until(run, S.PUSHED)))


@story()
async def may_have_been_sent_and_late_ack(bench: Bench) -> DraftRun:
    bench.world.publish_errors = ["PERMISSION_DENIED"]
    bench.world.fence_outcome = FenceOutcome.MAY_HAVE_BEEN_SENT
    return await ended(await acked(await pushed(bench, S.ERROR)))


@story()
async def a_failed_export_beside_an_acknowledged_one(bench: Bench) -> DraftRun:
    bench.world.publish_errors = ["PERMISSION_DENIED"]
    bench.world.fence_outcome = FenceOutcome.MAY_HAVE_BEEN_SENT
    run = await pushed(bench, S.ERROR)
    first = run.records[-1].draft.exports[0].id
    bench.world.stage_errors = ["PERMISSION_DENIED"]

    async def acknowledged(step: str) -> None:
        if step == "stage":
            await run.handle.signal(msg.ACKNOWLEDGE, {"export_id": str(first), "status": "ACKED"})
            await run.seen("EXPORT_ACKED")

    bench.world.gate = acknowledged
    await run.send(Command.RETRY_PUSH, confirm_may_duplicate=True)
    return await ended(run)


@story()
async def fence_cannot_look(bench: Bench) -> DraftRun:
    bench.world.publish_errors = ["PERMISSION_DENIED"]
    bench.world.fence_errors = ["CONNECTION_REFUSED"] * 4
    return await pushed(bench, S.ERROR)


@story()
async def lost_staged_file(bench: Bench) -> DraftRun:
    bench.world.publish_errors = ["StagedFileLost"]
    return await pushed(bench)


@story()
async def conflict(bench: Bench) -> DraftRun:
    bench.world.publish_errors = ["FINAL_FILE_CONFLICT"]
    return await pushed(bench, S.ERROR)


@story()
async def negative_ack_and_retry(bench: Bench) -> DraftRun:
    run = await until(await acked(await pushed(bench), "FAILED", error_code="E7"), S.ERROR)
    await run.send(Command.RETRY_PUSH)
    return await ended(await acked(await until(run, S.PUSHED)))


@story()
async def ack_before_our_own_outcome(bench: Bench) -> DraftRun:
    run = await (await bench.draft()).approved()

    async def gate(step: str) -> None:
        if step == "publish":
            await acked(run)

    bench.world.gate = gate
    await run.send(Command.PUSH)
    return await ended(run)


@story(skips_time=True)
async def ack_window_over(bench: Bench) -> DraftRun:
    run = await pushed(bench)
    await bench.env.sleep(timedelta(days=15))
    return await ended(run)


@story(skips_time=True)
async def delivery_window_over(bench: Bench) -> DraftRun:
    bench.world.stage_errors = ["CONNECTION_REFUSED"] * 1000
    run = await (await bench.draft()).approved()
    await run.send(Command.PUSH)
    await bench.env.sleep(1900)
    return await until(run, S.ERROR)


@story()
async def database_away(bench: Bench) -> DraftRun:
    run = await (await bench.draft()).ready()
    bench.world.record_fails = 3
    await run.send(Command.APPROVE)
    return run


@story()
async def facts_unavailable(bench: Bench) -> DraftRun:
    run = await until(await bench.draft(), S.EXTRACTED)
    bench.world.facts_fail = 1
    assert (await run.refused(Command.VALIDATE)).type == "FactsUnavailable"
    return await run.ready()


@story()
async def signals(bench: Bench) -> DraftRun:
    run = await bench.draft()
    await run.handle.signal("approve")  # refused
    await run.handle.signal("validate")
    await until(run, S.READY)
    await run.handle.signal("aprove", {})  # unknown
    await run.handle.signal("approve", args=["one", "two"])  # cannot be read
    await run.handle.signal("approve", {"actor_user_id": str(OPS2.user_id), "key": "k"})
    await until(run, S.APPROVED)
    await run.handle.signal("push")
    return await until(run, S.PUSHED)


@story()
async def idempotent_repeats(bench: Bench) -> DraftRun:
    run = await (await bench.draft()).ready()
    first = await run.send(Command.APPROVE, key="k", digest="d")
    assert told(await run.send(Command.APPROVE, key="k", digest="d")) == told(first)
    assert (await run.refused(Command.APPROVE, key="k", digest="other")).type == "KeyReused"
    sends = [run.send(Command.PUSH, key="k", digest="d") for _ in range(5)]
    assert len({receipt.token for receipt in await asyncio.gather(*sends)}) == 1
    return await until(run, S.PUSHED)


@story()
async def continued_as_new(bench: Bench) -> DraftRun:
    """Ends in its second run or later; the history is that run's."""
    run = await (await bench.draft()).ready()
    first = (await run.handle.describe()).run_id
    for number in range(40):
        await run.handle.signal("edit", {"key": f"k{number}", "header": {"notes": f"note {number}"}})
        await asyncio.sleep(0.05)
        if (await run.handle.describe()).run_id != first:
            break
    assert (await run.handle.describe()).run_id != first
    return await ended(await acked(await _push_again(run)))


async def _push_again(run: DraftRun) -> DraftRun:
    await run.handle.signal("approve")
    await until(run, S.APPROVED)
    await run.handle.signal("push")
    return await until(run, S.PUSHED)


@story()
async def continues_as_new(bench: Bench) -> DraftRun:
    """The first run of such a draft, which ends by continuing."""
    run = await continued_as_new(bench)
    first = (await run.client.get_workflow_handle(run.handle.id).describe()).raw_description
    started = first.workflow_execution_info.first_run_id
    run.handle = run.client.get_workflow_handle(run.handle.id, run_id=started)
    return run


@story()
async def push_in_flight(bench: Bench) -> DraftRun:
    async def gate(step: str) -> None:
        if step == "publish":
            await asyncio.sleep(600)

    bench.world.gate = gate
    run = await pushed(bench, S.PUSHING)
    for _ in range(100):
        if ("publish", "export-1-publish") in bench.world.done:
            break
        await asyncio.sleep(0.05)
    return run


@story()
async def open_extracted(bench: Bench) -> DraftRun:
    return await until(await bench.draft(), S.EXTRACTED)


@story()
async def open_needs_review(bench: Bench) -> DraftRun:
    return await (await bench.draft(lines=[])).ready()


@story()
async def open_ready(bench: Bench) -> DraftRun:
    return await (await bench.draft()).ready()


@story()
async def open_approved(bench: Bench) -> DraftRun:
    return await (await bench.draft()).approved()


@story()
async def open_production_approved(bench: Bench) -> DraftRun:
    run = await (await bench.draft()).approved()
    await run.send(Command.PRODUCTION_APPROVE, actor=PRODUCTION)
    return run


@story()
async def open_pushed(bench: Bench) -> DraftRun:
    return await pushed(bench)


@story()
async def open_error(bench: Bench) -> DraftRun:
    bench.world.stage_errors = ["AUTHENTICATION_FAILED"]
    return await pushed(bench, S.ERROR)


async def held(run: DraftRun, holds: int) -> DraftRun:
    """Once the draft waits for the end of its connection's pause for the n-th time."""
    for _ in range(400):
        events = (await run.handle.fetch_history()).events
        if sum(each.HasField("activity_task_failed_event_attributes") for each in events) == holds:
            return run
        await asyncio.sleep(0.05)
    raise AssertionError("the draft never came to wait")


async def held_run(bench: Bench) -> DraftRun:
    run = await (await bench.draft()).approved()
    await run.send(Command.PUSH, key="push", digest="d")
    return run


async def released(run: DraftRun) -> None:
    await run.handle.signal(msg.RELEASE, {"export_id": str(run.records[-1].draft.exports[-1].id)})


@story()
async def wait_while_the_connection_is_paused(bench: Bench) -> DraftRun:
    bench.world.stage_errors = ["CONNECTION_PAUSED"]
    bench.world.publish_errors = ["CONNECTION_PAUSED"]
    run = await held_run(bench)
    for holds in (1, 2):
        await released(await held(run, holds))
    return await ended(await acked(await until(run, S.PUSHED)))


@story()
async def open_waiting_while_the_connection_is_paused(bench: Bench) -> DraftRun:
    bench.world.stage_errors = ["CONNECTION_PAUSED"]
    return await held(await held_run(bench), 1)


@story()
async def disabled_while_the_connection_is_paused(bench: Bench) -> DraftRun:
    bench.world.stage_errors = ["CONNECTION_PAUSED", "CONNECTION_DISABLED"]
    run = await held(await held_run(bench), 1)
    await released(run)
    return await until(run, S.ERROR)
