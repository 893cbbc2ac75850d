"""A draft's whole life, as its workflow sees it."""

import asyncio
from datetime import timedelta
from typing import Any

from domain import messages as msg
from domain.delivery import FenceOutcome
from domain.statuses import DraftStatus, ExportStatus
from domain.transitions import Command
from tests.replay.stories import a_failed_export_beside_an_acknowledged_one
from tests.workflows.harness import Bench, DraftRun, told


async def outcome(run: DraftRun, status: DraftStatus) -> None:
    """Wait until the read model shows `status`."""
    for _ in range(200):
        if run.world.records and run.world.row.status is status:
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"still {run.world.row.status}, not {status}")


async def acknowledge(run: DraftRun, **fields: Any) -> None:
    export = run.world.row.exports[-1]
    await run.handle.signal(msg.ACKNOWLEDGE, {"export_id": str(export.id), **fields})


async def test_a_draft_goes_from_creation_to_an_acknowledged_export(drafts: Bench) -> None:
    run = await (await drafts.draft()).approved()
    receipt = await run.send(Command.PUSH, key="k-1", digest="d")
    assert receipt.result["status"] == "PUSHING"
    await outcome(run, DraftStatus.PUSHED)
    await acknowledge(run, status="ACKED", erp_order_id="SO-77")
    assert await run.handle.result() == DraftStatus.PUSHED
    assert run.world.row.erp_order_id == "SO-77"
    assert run.world.row.exports[0].status is ExportStatus.ACKED
    assert run.world.actions == [
        "DRAFT_CREATED",
        "DRAFT_VALIDATED",
        "DRAFT_APPROVED",
        "DRAFT_PUSHED",
        "EXPORT_SENT",
        "EXPORT_ACKED",
    ]
    await run.replay()


async def test_creation_is_recorded_before_anything_is_asked(drafts: Bench) -> None:
    run = await drafts.draft()
    await outcome(run, DraftStatus.EXTRACTED)
    assert run.world.records[0].creation_digest == "d"
    assert run.world.records[0].sequence == 1


async def test_without_ack_path_the_draft_ends_when_sent(drafts: Bench) -> None:
    connection = drafts.world.connection
    assert connection is not None
    drafts.world.connection = connection.model_copy(update={"ack_expected": False})
    run = await (await drafts.draft()).approved()
    await run.send(Command.PUSH)
    assert await run.handle.result() == DraftStatus.PUSHED


async def test_rejection_ends_the_draft(drafts: Bench) -> None:
    run = await (await drafts.draft()).ready()
    await run.send(Command.REJECT, reason="ordered twice")
    assert await run.handle.result() == DraftStatus.REJECTED
    assert run.world.row.reject_reason == "ordered twice"


async def test_the_ack_window_ends_the_wait_after_14_days(drafts: Bench) -> None:
    run = await (await drafts.draft()).approved()
    await run.send(Command.PUSH)
    await outcome(run, DraftStatus.PUSHED)
    await drafts.env.sleep(timedelta(days=13, hours=23))
    assert (await run.handle.describe()).close_time is None
    await drafts.env.sleep(timedelta(hours=2))
    assert await run.handle.result() == DraftStatus.PUSHED
    assert run.world.row.exports[0].status is ExportStatus.SENT
    await run.replay()


async def test_a_push_is_recorded_before_anything_is_staged(drafts: Bench) -> None:
    run = await (await drafts.draft()).approved()
    seen: list[str] = []

    async def gate(step: str) -> None:
        seen.append(f"{step}:{run.world.row.status}")

    drafts.world.gate = gate
    await run.send(Command.PUSH)
    await outcome(run, DraftStatus.PUSHED)
    assert seen == ["stage:PUSHING", "publish:PUSHING"]


async def test_activity_ids_follow_from_the_attempt(drafts: Bench) -> None:
    drafts.world.stage_errors = ["AUTHENTICATION_FAILED"]
    run = await (await drafts.draft()).approved()
    await run.send(Command.PUSH)
    await outcome(run, DraftStatus.ERROR)
    await run.send(Command.RETRY_PUSH)
    await outcome(run, DraftStatus.PUSHED)
    assert [step for _name, step in drafts.world.done] == [
        "export-1-stage",
        "export-1-fence",
        "export-2-stage",
        "export-2-publish",
    ]


async def test_a_final_error_fails_at_once_and_a_retry_makes_a_new_export(drafts: Bench) -> None:
    drafts.world.stage_errors = ["AUTHENTICATION_FAILED"]
    run = await (await drafts.draft()).approved()
    await run.send(Command.PUSH)
    await outcome(run, DraftStatus.ERROR)
    failed = run.world.row.exports[0]
    assert failed.status is ExportStatus.FAILED
    assert failed.error is not None
    assert failed.error.code == "AUTHENTICATION_FAILED"
    assert not failed.may_have_been_sent
    assert run.world.actions[-1] == "DRAFT_PUSH_FAILED"
    await run.send(Command.RETRY_PUSH)
    await outcome(run, DraftStatus.PUSHED)
    first, second = run.world.row.exports
    assert first == failed
    assert second.attempt == 2
    assert second.id != first.id
    assert second.file_name != first.file_name


async def test_passing_errors_are_tried_again_until_the_window_ends(drafts: Bench) -> None:
    drafts.world.stage_errors = ["CONNECTION_REFUSED"] * 3
    run = await (await drafts.draft()).approved()
    with drafts.env.auto_time_skipping_disabled():
        await run.send(Command.PUSH)
    await drafts.env.sleep(60)
    await outcome(run, DraftStatus.PUSHED)
    drafts.world.publish_errors = ["CONNECTION_REFUSED"] * 1000
    other = await (await drafts.draft()).approved()
    await other.send(Command.PUSH)
    await drafts.env.sleep(1900)
    await outcome(other, DraftStatus.ERROR)
    error = other.world.row.exports[0].error
    assert error is not None
    assert error.code == "CONNECTION_REFUSED"


async def test_a_lost_staged_file_is_staged_again(drafts: Bench) -> None:
    drafts.world.publish_errors = ["StagedFileLost"]
    run = await (await drafts.draft()).approved()
    await run.send(Command.PUSH)
    await outcome(run, DraftStatus.PUSHED)
    assert [step for _name, step in drafts.world.done] == [
        "export-1-stage",
        "export-1-publish",
        "export-1-stage-2",
        "export-1-publish-2",
    ]


async def test_a_publish_of_unknown_outcome_holds_the_next_push_back(drafts: Bench) -> None:
    drafts.world.publish_errors = ["PERMISSION_DENIED"]
    drafts.world.fence_outcome = FenceOutcome.MAY_HAVE_BEEN_SENT
    run = await (await drafts.draft()).approved()
    await run.send(Command.PUSH)
    await outcome(run, DraftStatus.ERROR)
    assert run.world.row.exports[0].may_have_been_sent
    refused = await run.refused(Command.RETRY_PUSH)
    assert refused.type == "MayHaveBeenSent"
    assert refused.details[0]["may_have_been_sent"] is True
    await run.send(Command.RETRY_PUSH, confirm_may_duplicate=True)
    await outcome(run, DraftStatus.PUSHED)
    assert len(run.world.row.exports) == 2


async def test_an_edit_does_not_open_a_way_around_the_duplicate_guard(drafts: Bench) -> None:
    drafts.world.publish_errors = ["PERMISSION_DENIED"]
    drafts.world.fence_outcome = FenceOutcome.MAY_HAVE_BEEN_SENT
    run = await (await drafts.draft()).approved()
    await run.send(Command.PUSH)
    await outcome(run, DraftStatus.ERROR)
    await run.send(Command.EDIT, header={"notes": "changed"})
    await run.approved()
    assert (await run.refused(Command.PUSH)).type == "MayHaveBeenSent"


async def test_a_fence_that_cannot_look_counts_as_may_have_been_sent(drafts: Bench) -> None:
    drafts.world.publish_errors = ["PERMISSION_DENIED"]
    drafts.world.fence_errors = ["CONNECTION_REFUSED"] * 10
    run = await (await drafts.draft()).approved()
    await run.send(Command.PUSH)
    await drafts.env.sleep(120)
    await outcome(run, DraftStatus.ERROR)
    assert run.world.row.exports[0].may_have_been_sent


async def test_a_late_ack_settles_an_export_that_may_have_been_sent(drafts: Bench) -> None:
    drafts.world.publish_errors = ["PERMISSION_DENIED"]
    drafts.world.fence_outcome = FenceOutcome.MAY_HAVE_BEEN_SENT
    run = await (await drafts.draft()).approved()
    await run.send(Command.PUSH)
    await outcome(run, DraftStatus.ERROR)
    await acknowledge(run, status="ACKED", erp_order_id="SO-1")
    assert await run.handle.result() == DraftStatus.PUSHED
    assert run.world.row.exports[0].status is ExportStatus.ACKED


async def test_an_ack_for_an_earlier_export_counts_when_the_retry_beside_it_fails(drafts: Bench) -> None:
    run = await a_failed_export_beside_an_acknowledged_one(drafts)
    assert await run.handle.result() == DraftStatus.PUSHED
    first, second = run.world.row.exports
    assert (first.status, second.status) == (ExportStatus.ACKED, ExportStatus.FAILED)
    told = run.records[-1].trail()[-1]
    assert (told.action, told.before, told.after) == (
        "DRAFT_PUSH_FAILED",
        {"status": "PUSHING"},
        {"status": "PUSHED"},
    )
    assert told.details is not None
    assert told.details["delivered_by"] == str(first.id)
    await run.replay()


async def test_a_conflict_touches_nothing_and_a_person_decides(drafts: Bench) -> None:
    drafts.world.publish_errors = ["FINAL_FILE_CONFLICT"]
    drafts.world.fence_outcome = FenceOutcome.MAY_HAVE_BEEN_SENT
    run = await (await drafts.draft()).approved()
    await run.send(Command.PUSH)
    await outcome(run, DraftStatus.ERROR)
    assert not run.world.row.exports[0].may_have_been_sent  # ours is still there under its temporary name


async def test_a_negative_ack_makes_an_error_that_can_be_pushed_again(drafts: Bench) -> None:
    run = await (await drafts.draft()).approved()
    await run.send(Command.PUSH)
    await outcome(run, DraftStatus.PUSHED)
    await acknowledge(run, status="FAILED", error_code="E7", message="unknown article")
    await outcome(run, DraftStatus.ERROR)
    assert run.world.actions[-1] == "EXPORT_REJECTED"
    await acknowledge(run, status="ACKED")
    await run.send(Command.RETRY_PUSH)
    await outcome(run, DraftStatus.PUSHED)
    first, second = run.world.row.exports
    assert first.status is ExportStatus.FAILED
    assert second.status is ExportStatus.SENT


async def test_an_ack_that_comes_before_our_own_outcome_is_kept(drafts: Bench) -> None:
    run = await (await drafts.draft()).approved()

    async def gate(step: str) -> None:
        if step == "publish":
            await acknowledge(run, status="ACKED", erp_order_id="quick")

    drafts.world.gate = gate
    await run.send(Command.PUSH)
    assert await run.handle.result() == DraftStatus.PUSHED
    assert run.world.row.erp_order_id == "quick"


async def test_a_second_ack_is_recorded_and_changes_nothing(drafts: Bench) -> None:
    drafts.world.publish_errors = ["PERMISSION_DENIED"]
    run = await (await drafts.draft()).approved()
    await run.send(Command.PUSH)
    await outcome(run, DraftStatus.ERROR)
    await acknowledge(run, status="ACKED")  # it was not sent: the ERP is wrong, and we say so
    await asyncio.sleep(0.2)
    assert run.world.row.status is DraftStatus.ERROR
    assert run.world.records[-1].audit[0].details["changed"] is False  # type: ignore[index]


async def test_a_refused_update_leaves_history_unchanged(drafts: Bench) -> None:
    run = await drafts.draft()
    await outcome(run, DraftStatus.EXTRACTED)
    for command in (Command.APPROVE, Command.PUSH, Command.RETRY_PUSH, Command.REVOKE_APPROVAL):
        assert (await run.refused(command)).type == "TransitionRejected"
    kinds = {event.WhichOneof("attributes") async for event in run.handle.fetch_history_events()}
    assert not {kind for kind in kinds if kind and "update" in kind}


async def test_twenty_pushes_at_once_make_one_export(drafts: Bench) -> None:
    run = await (await drafts.draft()).approved()
    sends = [run.send(Command.PUSH, key="k", digest="d") for _ in range(8)]
    receipts = await asyncio.gather(*sends)
    assert len({receipt.result["erp_export_id"] for receipt in receipts}) == 1
    assert len({receipt.token for receipt in receipts}) == 1
    await outcome(run, DraftStatus.PUSHED)
    assert [name for name, _step in drafts.world.done] == ["stage", "publish"]


async def test_a_key_with_another_body_is_refused(drafts: Bench) -> None:
    run = await (await drafts.draft()).approved()
    await run.send(Command.PUSH, key="k", digest="one")
    assert (await run.refused(Command.PUSH, key="k", digest="two")).type == "KeyReused"


async def test_a_key_belongs_to_its_command(drafts: Bench) -> None:
    drafts.world.stage_errors = ["AUTHENTICATION_FAILED"]
    run = await (await drafts.draft()).approved()
    first = await run.send(Command.PUSH, key="k", digest="d")
    await outcome(run, DraftStatus.ERROR)
    second = await run.send(Command.RETRY_PUSH, key="k", digest="d")
    assert first.result["erp_export_id"] != second.result["erp_export_id"]


async def test_a_repeat_answers_the_same_after_the_status_moved_on(drafts: Bench) -> None:
    run = await (await drafts.draft()).ready()
    first = await run.send(Command.APPROVE, key="k", digest="d", token="one")
    await run.send(Command.EDIT, header={"notes": "n"})
    again = await run.send(Command.APPROVE, key="k", digest="d", token="two")
    assert told(again) == told(first)
    assert run.world.row.status is DraftStatus.NEEDS_REVIEW


async def test_an_edit_takes_both_approvals_back(drafts: Bench) -> None:
    run = await (await drafts.draft()).approved()
    await run.send(Command.PRODUCTION_APPROVE)
    assert run.world.row.production_approved_at is not None
    await run.send(Command.EDIT, line_no=1, change_line={"qty": "11"})
    row = run.world.row
    assert row.status is DraftStatus.NEEDS_REVIEW
    assert (row.approved_at, row.approved_by_user_id, row.production_approved_at) == (None, None, None)
    assert run.world.actions[-2:] == ["DRAFT_UPDATED", "DRAFT_APPROVAL_REVOKED"]


async def test_the_database_being_away_delays_the_answer_but_loses_nothing(drafts: Bench) -> None:
    run = await (await drafts.draft()).ready()
    drafts.world.record_fails = 3
    receipt = await run.send(Command.APPROVE)
    assert receipt.result["status"] == "APPROVED"
    assert run.world.row.status is DraftStatus.APPROVED
    await run.replay()


async def test_facts_that_cannot_be_read_refuse_the_command_and_change_nothing(drafts: Bench) -> None:
    run = await drafts.draft()
    drafts.world.facts_fail = 1
    assert (await run.refused(Command.VALIDATE)).type == "FactsUnavailable"
    assert run.world.row.status is DraftStatus.EXTRACTED
    await run.ready()
