"""Somebody resets or terminates a draft's workflow: it is seen, said, and there is a way out."""

import asyncio
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import ResetReapplyExcludeType
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest
from temporalio.client import Client, WorkflowHandle
from temporalio.exceptions import ApplicationError

from config.codec import encrypted_converter
from config.keys import KeyRing
from local.stack import Stack
from tests.e2e.commands import countersign
from tests.e2e.conftest import Body, People, Person, draft_in, files_of, settled

NEITHER_UPDATES_NOR_SIGNALS = (
    ResetReapplyExcludeType.RESET_REAPPLY_EXCLUDE_TYPE_SIGNAL,
    ResetReapplyExcludeType.RESET_REAPPLY_EXCLUDE_TYPE_UPDATE,
)


async def temporal_of(stack: Stack) -> Client:
    """As an engineer has it, with the codec."""
    keys = KeyRing(stack.environment["ENCRYPTION_MASTER_KEY"], [])
    return await Client.connect(stack.temporal_address, data_converter=encrypted_converter(keys))


async def reset(client: Client, workflow_id: str, *left_out: ResetReapplyExcludeType.ValueType) -> None:
    """Back to its second workflow task, when it was just created; its messages are given to it again."""
    handle = client.get_workflow_handle(workflow_id)
    tasks = (
        event.event_id
        async for event in handle.fetch_history_events()
        if event.HasField("workflow_task_completed_event_attributes")
    )
    _first, second = await anext(tasks), await anext(tasks)
    await client.workflow_service.reset_workflow_execution(
        ResetWorkflowExecutionRequest(
            namespace=client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=workflow_id),
            reason="by a test",
            workflow_task_finish_event_id=second,
            request_id=uuid4().hex,
            reset_reapply_exclude_types=left_out,
        )
    )


async def says(person: Person, draft_id: str, words: str) -> Body:
    """The draft, once its message has `words`."""
    for _ in range(600):
        draft = await person.json("GET", f"/draft-orders/{draft_id}")
        if words in (draft["waiting_message"] or ""):
            return draft
        await asyncio.sleep(0.1)
    raise AssertionError(f"it says {draft['waiting_message']}")


async def failing_step(handle: WorkflowHandle[Any, Any]) -> tuple[str, str]:
    """Type and text of the pending `record`'s last failure, decoded as the Web UI shows it."""
    for _ in range(600):
        described = await handle.describe()
        for step in described.raw_description.pending_activities:
            if step.activity_type.name == "record" and step.HasField("last_failure"):
                failure = await described.data_converter.decode_failure(step.last_failure)
                assert isinstance(failure, ApplicationError)
                return failure.type or "", failure.message
        await asyncio.sleep(0.1)
    raise AssertionError("no pending activity fails")


@pytest.mark.parametrize("messages", ["given again", pytest.param("left out", marks=pytest.mark.fault)])
async def test_a_reset_workflow_is_seen_said_and_taken_up_again_from_its_rows(
    stack: Stack, people: People, orders_folder: Path, messages: str
) -> None:
    ops = await people("ops")
    draft = await draft_in(ops, "APPROVED")
    path, number = f"/draft-orders/{draft['id']}", draft["number"]
    client = await temporal_of(stack)
    code, said = await countersign(stack, "restore", "demo", number)
    assert (code, "nothing to restore" in said) == (1, True), said

    await reset(
        client, draft["workflow"]["id"], *(NEITHER_UPDATES_NOR_SIGNALS if messages == "left out" else ())
    )
    if messages == "left out":
        await says(ops, draft["id"], "was reset at")
        assert f"{number} workflow_reset" in (await countersign(stack, "reconcile", "--org", "demo"))[1]
        # the first decision of the reset workflow goes under a sequence that is taken
        await ops.json("POST", f"{path}/validate", 503)
    kind, text = await failing_step(client.get_workflow_handle(draft["workflow"]["id"]))
    assert kind == "SequenceConflict"
    assert "the workflow was reset or forked; run `countersign reconcile`" in text
    stuck = await says(ops, draft["id"], "it contradicts what is recorded")
    assert (stuck["status"], stuck["version"]) == (draft["status"], draft["version"])
    code, said = await countersign(stack, "reconcile", "--org", "demo")
    assert code == 1
    assert f"{number} workflow_reset" in said
    assert "countersign restore" in said
    assert await ops.json("GET", path) | {"waiting_message": ""} == stuck | {"waiting_message": ""}

    code, said = await countersign(stack, "restore", "demo", number)
    assert code == 0, said
    restored = await settled(ops, draft["id"], "APPROVED")
    assert (restored["approved_at"], restored["lines"]) == (draft["approved_at"], draft["lines"])
    await ops.json("POST", f"{path}/push")
    done = await settled(ops, draft["id"], "PUSHED")
    assert files_of(orders_folder, draft["id"]) == [done["exports"][0]["file_name"]]
    trail = (await ops.json("GET", "/audit-log", params={"entity_id": draft["id"]}))["data"]
    assert [row["action"] for row in trail if row["action"] == "DRAFT_RESTORED"] == ["DRAFT_RESTORED"]
    assert number not in (await countersign(stack, "reconcile", "--org", "demo"))[1]


@pytest.mark.fault
async def test_keys_that_were_answered_before_are_known_after_a_terminated_workflow_was_replaced(
    stack: Stack, people: People
) -> None:
    ops = await people("ops")
    draft = await draft_in(ops, "READY")
    path, key = f"/draft-orders/{draft['id']}/approve", {"Idempotency-Key": uuid4().hex}
    approved = await ops.json("POST", path, headers=key)
    client = await temporal_of(stack)
    await client.get_workflow_handle(draft["workflow"]["id"]).terminate("by a test")
    await says(ops, draft["id"], "No workflow runs for this draft")
    assert (await countersign(stack, "restore", "demo", draft["number"]))[0] == 0
    assert await ops.json("POST", path, headers=key) == approved
    await ops.json("POST", path, 409)
    await ops.json("DELETE", f"/draft-orders/{draft['id']}/approval")


@pytest.mark.fault
async def test_an_export_under_way_counts_as_maybe_sent(stack: Stack, people: People) -> None:
    ops = await people("ops")
    draft = await draft_in(ops, "APPROVED")
    await stack.stop("sftp")
    try:
        await ops.json("POST", f"/draft-orders/{draft['id']}/push")
        client = await temporal_of(stack)
        await client.get_workflow_handle(draft["workflow"]["id"]).terminate("by a test")
        code, said = await countersign(stack, "restore", "demo", draft["number"])
        assert (code, "may have been sent" in said) == (0, True), said
    finally:
        await stack.start("sftp")
    failed = await settled(ops, draft["id"], "ERROR")
    assert failed["exports"][0]["error"]["code"] == "DELIVERY_INTERRUPTED"
    problem = await ops.json("POST", f"/draft-orders/{draft['id']}/retry-push", 409)
    assert problem["may_have_been_sent"] is True
    again = f"/draft-orders/{draft['id']}/retry-push?confirm_may_duplicate=true"
    await ops.json("POST", again)
    assert len((await settled(ops, draft["id"], "PUSHED"))["exports"]) == 2


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("nowhere", "D-000001"), 2, "no such organisation"),
        (("demo", "D-999999"), 1, "There is no draft D-999999"),
    ],
)
async def test_what_cannot_be_restored_is_said(
    stack: Stack, words: tuple[str, str], code: int, said: str
) -> None:
    told = await countersign(stack, "restore", *words)
    assert (told[0], said in told[1]) == (code, True), told


async def test_a_closed_draft_is_left_alone(stack: Stack, people: People) -> None:
    draft = await draft_in(await people("ops"), "REJECTED")
    code, said = await countersign(stack, "restore", "demo", draft["number"])
    assert (code, "needs no workflow" in said) == (1, True)
