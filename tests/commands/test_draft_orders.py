"""Sending a command: which answers of Temporal are tried again, and what the caller is told in the end.

Temporal's faults come from an interceptor in place of the network; everything behind it is not called.
"""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from temporalio.api.common.v1 import Payloads
from temporalio.api.update.v1 import Outcome
from temporalio.client import (
    Client,
    Interceptor,
    OutboundInterceptor,
    StartWorkflowUpdateInput,
    WorkflowUpdateFailedError,
    WorkflowUpdateHandle,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from commands.draft_orders import DraftOrders, TemporalUnavailable, WorkflowGone
from domain.messages import ApproveMessage, Receipt
from domain.records import CONTINUES
from domain.refusals import InputRefused, TransitionRejected
from domain.transitions import Command

ORG, DRAFT = uuid4(), uuid4()
ANSWER_WITHIN_S = 0.4


def status(code: RPCStatusCode) -> RPCError:
    return RPCError("planted", code, b"")


def refused(kind: str) -> WorkflowUpdateFailedError:
    return WorkflowUpdateFailedError(ApplicationError("planted", {"current_status": "READY"}, type=kind))


class Faulty(Interceptor):
    """Temporal, that answers with `faults` first, one a call, and then with a receipt."""

    def __init__(self, *faults: Exception, for_ever: bool = False) -> None:
        self.faults = list(faults)
        self.for_ever = for_ever
        self.sent: list[StartWorkflowUpdateInput] = []

    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:
        return _Outbound(next, self)


class _Outbound(OutboundInterceptor):
    def __init__(self, next: OutboundInterceptor, temporal: Faulty) -> None:
        super().__init__(next)
        self.temporal = temporal

    async def start_workflow_update(self, input: StartWorkflowUpdateInput) -> WorkflowUpdateHandle[Any]:
        self.temporal.sent.append(input)
        if self.temporal.faults:
            raise self.temporal.faults[0] if self.temporal.for_ever else self.temporal.faults.pop(0)
        message = input.args[0]
        receipt = Receipt(command=input.update, sequence=7, token=message.token, result={})
        client: Client = self.temporal.client  # type: ignore[attr-defined]
        payloads = await client.data_converter.encode([receipt])
        return WorkflowUpdateHandle(
            client,
            input.update_id or "",
            input.id,
            result_type=input.ret_type,
            known_outcome=Outcome(success=Payloads(payloads=payloads)),
        )


async def send(temporal: Faulty, **fields: Any) -> Receipt:
    client = await Client.connect(
        "127.0.0.1:1", lazy=True, interceptors=[temporal], data_converter=pydantic_data_converter
    )
    temporal.client = client  # type: ignore[attr-defined]
    orders = DraftOrders(client, "no-queue", ANSWER_WITHIN_S)
    return await orders.send(Command.APPROVE, ORG, DRAFT, ApproveMessage(**fields))


PASSING: dict[str, Callable[[], Exception]] = {
    "the draft continues as new": lambda: refused(CONTINUES),
    "ten updates are in flight": lambda: status(RPCStatusCode.RESOURCE_EXHAUSTED),
    "its run was just closing": lambda: status(RPCStatusCode.FAILED_PRECONDITION),
    "nobody knows: unavailable": lambda: status(RPCStatusCode.UNAVAILABLE),
    "nobody knows: aborted": lambda: status(RPCStatusCode.ABORTED),
}
FINAL: dict[str, tuple[Callable[[], Exception], type[Exception]]] = {
    "no open workflow": (lambda: status(RPCStatusCode.NOT_FOUND), WorkflowGone),
    "no permission": (lambda: status(RPCStatusCode.PERMISSION_DENIED), TemporalUnavailable),
    "no answer in time": (WorkflowUpdateRPCTimeoutOrCancelledError, TemporalUnavailable),
    "refused by the table": (lambda: refused("TransitionRejected"), TransitionRejected),
    "not readable by the worker": (lambda: refused("RuntimeError"), InputRefused),
    "a type nobody knows": (lambda: refused("Surprise"), TemporalUnavailable),
}


@pytest.mark.parametrize("key", [None, "k-1"])
@pytest.mark.parametrize("fault", PASSING)
async def test_what_passes_is_sent_again_under_the_same_id_and_token(fault: str, key: str | None) -> None:
    temporal = Faulty(PASSING[fault](), PASSING[fault]())
    receipt = await send(temporal, key=key, token="t-1")
    assert (receipt.sequence, receipt.token) == (7, "t-1")
    assert [each.update_id for each in temporal.sent] == ["approve:t-1"] * 3
    assert {each.args[0].token for each in temporal.sent} == {"t-1"}


@pytest.mark.parametrize("fault", PASSING)
async def test_what_does_not_pass_in_time_is_unavailable(fault: str) -> None:
    temporal = Faulty(PASSING[fault](), for_ever=True)
    with pytest.raises(TemporalUnavailable):
        await send(temporal, token="t-1")
    assert len(temporal.sent) > 1


@pytest.mark.parametrize("fault", FINAL)
async def test_what_does_not_pass_is_said_at_once(fault: str) -> None:
    make, raised = FINAL[fault]
    temporal = Faulty(make())
    with pytest.raises(raised):
        await send(temporal, token="t-1")
    assert len(temporal.sent) == 1


async def test_a_message_without_a_token_gets_one_for_all_its_tries() -> None:
    temporal = Faulty(PASSING["nobody knows: unavailable"]())
    await send(temporal)
    first, second = temporal.sent
    assert first.update_id == second.update_id != "approve:"
    assert first.args[0].token == second.args[0].token != ""
