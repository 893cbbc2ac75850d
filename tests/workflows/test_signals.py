"""Signals of the commands' names: what the Web UI, the Temporal CLI and callbacks send."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest

from domain import messages as msg
from domain.statuses import DraftStatus, Via
from domain.transitions import Command
from tests.workflows.harness import OPS2, Bench, DraftRun
from workflows.draft_order import DraftOrderWorkflow


async def settled(run: DraftRun, action: str) -> None:
    for _ in range(200):
        if action in run.world.actions:
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"no {action} in {run.world.actions}")


async def test_a_signal_does_what_the_update_does(drafts: Bench) -> None:
    run = await drafts.draft()
    await run.handle.signal("validate")
    await settled(run, "DRAFT_VALIDATED")
    await run.handle.signal("approve", {"actor_user_id": str(OPS2.user_id), "key": None})
    await settled(run, "DRAFT_APPROVED")
    entry = run.world.records[-1].audit[-1]
    assert (entry.via, entry.actor_user_id) == (Via.TEMPORAL, OPS2.user_id)
    await run.handle.signal("push", {"key": "k"})
    await settled(run, "EXPORT_SENT")
    assert run.world.row.status is DraftStatus.PUSHED
    await run.replay()


async def test_a_refused_signal_leaves_an_audit_row(drafts: Bench) -> None:
    run = await drafts.draft()
    await run.handle.signal("approve")
    await settled(run, "COMMAND_REFUSED")
    entry = run.world.records[-1].audit[-1]
    assert entry.details is not None
    assert entry.details["reason"] == "Draft must be READY to approve (current: EXTRACTED)"
    assert run.world.row.status is DraftStatus.EXTRACTED


BAD: list[Any] = ["text", 7, [1, 2], {"actor_user_id": "nobody"}, {"unknown": 1}, {"reason": 5}]


@pytest.mark.parametrize("name", [*msg.MESSAGES, msg.ACKNOWLEDGE])
async def test_nothing_that_a_signal_carries_can_fail_the_draft(drafts: Bench, name: str) -> None:
    run = await drafts.draft()
    for argument in BAD:
        await run.handle.signal(name, argument)
    await run.handle.signal(name, args=["one", "two"])
    if name == msg.ACKNOWLEDGE:
        await run.handle.signal(name)
    await settled(run, "COMMAND_REFUSED")
    await run.send(Command.VALIDATE)
    description = await run.handle.describe()
    assert description.status is not None
    assert description.status.name == "RUNNING"


async def test_an_unknown_signal_is_refused_and_recorded(drafts: Bench) -> None:
    run = await drafts.draft()
    await run.handle.signal("aprove", {})
    await settled(run, "COMMAND_REFUSED")


async def test_a_signal_about_an_unknown_export_is_recorded(drafts: Bench) -> None:
    run = await drafts.draft()
    await run.handle.signal(msg.ACKNOWLEDGE, {"export_id": str(uuid4()), "status": "ACKED"})
    await settled(run, "EXPORT_ACKED")
    assert run.world.row.status is DraftStatus.EXTRACTED


def test_every_message_has_an_update_with_a_validator() -> None:
    definition = getattr(DraftOrderWorkflow, "__temporal_workflow_definition")
    assert set(definition.updates) == {command.value for command in msg.MESSAGES}
    assert list(definition.signals) == [None]  # the dynamic one: every name, and never a wrong argument
    assert definition.name == msg.DRAFT_ORDER_WORKFLOW
    for command, kind in msg.MESSAGES.items():
        assert definition.updates[command.value].arg_types == [kind]
        assert definition.updates[command.value].validator is not None
        assert definition.updates[command.value].ret_type is msg.Receipt
