"""What a draft's workflow does with ack files, on real servers; and the polls that bring them."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from temporalio import activity
from temporalio.client import WorkflowFailureError
from temporalio.exceptions import ActivityError, ApplicationError, TimeoutType
from temporalio.exceptions import TimeoutError as TemporalTimeoutError
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import Worker

from activities import names
from config.sandbox import runner
from domain import messages as msg
from domain.ack_polls import ACK_POLL_WORKFLOW, AckPollOrder, AckPollReport
from domain.statuses import DraftStatus, ExportStatus
from domain.transitions import Command
from tests.workflows.harness import TASK_QUEUE, Bench, DraftRun, dev_bench
from tests.workflows.test_draft_order import outcome
from tests.workflows.test_long_life import continues_at, runs_of
from workflows.acks import AckPollWorkflow


async def tell(run: DraftRun, ack_id: UUID, status: str = "ACKED", **fields: Any) -> None:
    export = run.world.row.exports[-1]
    told = {"ack_id": str(ack_id), "file_name": "ack_x.json", "export_id": str(export.id), "status": status}
    await run.handle.signal(msg.ACKNOWLEDGE, {**told, **fields})


def ends(run: DraftRun) -> list[tuple[UUID, str]]:
    """Of ack files, as the projection is told them."""
    return [(end.ack_id, end.outcome.value) for record in run.records for end in record.acks]


async def test_the_end_of_an_ack_file_travels_with_the_record_of_its_decision(drafts: Bench) -> None:
    run = await (await drafts.draft()).approved()
    await run.send(Command.PUSH)
    await outcome(run, DraftStatus.PUSHED)
    ack = uuid4()
    await tell(run, ack, erp_order_id="SO-1")
    assert await run.handle.result() == DraftStatus.PUSHED
    assert ends(run) == [(ack, "ACKED")]
    assert run.records[-1].audit[0].details == {
        "erp_export_id": str(run.world.row.exports[0].id),
        "erp_order_id": "SO-1",
        "late": False,
        "ack_file": "ack_x.json",
    }
    await run.replay()


async def test_an_ack_file_that_is_told_twice_is_heard_once(drafts: Bench) -> None:
    drafts.world.publish_errors = ["PERMISSION_DENIED"]
    run = await (await drafts.draft()).approved()
    await run.send(Command.PUSH)
    await outcome(run, DraftStatus.ERROR)
    first, second = uuid4(), uuid4()
    for ack in (first, first, second, first, second):
        await tell(run, ack)
    await run.send(Command.EDIT, header={"notes": "after"})
    assert ends(run) == [(first, "UNEXPECTED"), (second, "UNEXPECTED")]
    assert [action for action in run.world.actions if action == "EXPORT_ACKED"] == ["EXPORT_ACKED"] * 2


async def test_an_early_ack_file_that_is_told_twice_is_heard_once(drafts: Bench) -> None:
    run = await (await drafts.draft()).approved()
    ack = uuid4()

    async def gate(step: str) -> None:
        if step == "publish":
            for _ in range(3):
                await tell(run, ack, "FAILED", error_code="E1")

    drafts.world.gate = gate
    await run.send(Command.PUSH)
    await outcome(run, DraftStatus.ERROR)
    assert ends(run) == [(ack, "REJECTED")]
    assert run.world.row.exports[0].status is ExportStatus.FAILED


async def test_what_was_heard_is_known_in_the_next_run() -> None:
    async with dev_bench(continues_at(40)) as bench:
        bench.world.publish_errors = ["PERMISSION_DENIED"]
        run = await (await bench.draft()).approved()
        await run.send(Command.PUSH)
        await outcome(run, DraftStatus.ERROR)
        ack = uuid4()
        await tell(run, ack)
        before = await runs_of(run)
        while await runs_of(run) == before:
            await run.send(Command.EDIT, header={"notes": uuid4().hex})
        await tell(run, ack)
        await run.send(Command.EDIT, header={"notes": "after"})
        assert ends(run) == [(ack, "UNEXPECTED")]
        await run.replay()


async def test_an_ack_within_the_window_counts_and_after_it_meets_a_closed_workflow(drafts: Bench) -> None:
    early, late = [await (await drafts.draft()).approved() for _ in range(2)]
    for run in (early, late):
        await run.send(Command.PUSH)
        while run.records[-1].draft.status is not DraftStatus.PUSHED:
            await asyncio.sleep(0.05)
    await drafts.env.sleep(timedelta(days=13, hours=23))
    export = early.records[-1].draft.exports[-1]
    await early.handle.signal(msg.ACKNOWLEDGE, {"export_id": str(export.id), "status": "ACKED"})
    assert await early.handle.result() == DraftStatus.PUSHED
    assert early.records[-1].draft.exports[-1].status is ExportStatus.ACKED
    await drafts.env.sleep(timedelta(hours=2))
    assert await late.handle.result() == DraftStatus.PUSHED
    assert late.records[-1].draft.exports[-1].status is ExportStatus.SENT
    with pytest.raises(RPCError) as caught:
        await late.handle.signal(msg.ACKNOWLEDGE, {"export_id": str(export.id), "status": "ACKED"})
    assert caught.value.status is RPCStatusCode.NOT_FOUND


# --- polls -----------------------------------------------------------------------------------------

ORDER = AckPollOrder(org_id=uuid4(), connection_id=uuid4())


async def polled(drafts: Bench, poll: Any) -> AckPollReport:
    async with Worker(
        drafts.client,
        task_queue=f"{TASK_QUEUE}-polls",
        workflows=[AckPollWorkflow],
        activities=[poll],
        workflow_runner=runner(),
    ):
        report: AckPollReport = await drafts.client.execute_workflow(
            ACK_POLL_WORKFLOW,
            ORDER,
            id=f"ack-poll/{uuid4()}",
            task_queue=f"{TASK_QUEUE}-polls",
            result_type=AckPollReport,
        )
    return report


async def test_a_poll_says_what_it_did(drafts: Bench) -> None:
    @activity.defn(name=names.POLL_ACKS)
    async def poll(order: AckPollOrder) -> AckPollReport:
        assert order == ORDER
        return AckPollReport(listed=3, read=2, told=2, moved=2, left=1)

    assert (await polled(drafts, poll)).left == 1


async def test_a_poll_that_fails_fails_once_with_its_code(drafts: Bench) -> None:
    tries: list[None] = []

    @activity.defn(name=names.POLL_ACKS)
    async def poll(order: AckPollOrder) -> AckPollReport:
        tries.append(None)
        raise ApplicationError("Folder not found", type="FOLDER_NOT_FOUND")

    with pytest.raises(WorkflowFailureError) as caught:
        await polled(drafts, poll)
    assert isinstance(caught.value.cause, ActivityError)
    assert isinstance(caught.value.cause.cause, ApplicationError)
    assert caught.value.cause.cause.type == "FOLDER_NOT_FOUND"
    assert len(tries) == 1


async def test_a_poll_that_hangs_without_a_sign_of_life_ends(drafts: Bench) -> None:
    @activity.defn(name=names.POLL_ACKS)
    async def poll(order: AckPollOrder) -> AckPollReport:
        await asyncio.Event().wait()
        raise AssertionError("nobody wakes it")

    with pytest.raises(WorkflowFailureError) as caught:
        await polled(drafts, poll)
    assert isinstance(caught.value.cause, ActivityError)
    ended = caught.value.cause.cause
    assert isinstance(ended, TemporalTimeoutError)
    assert ended.type is TimeoutType.HEARTBEAT
