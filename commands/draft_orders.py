"""Send commands to drafts' workflows, by name: for the API, the CLI and activities alike."""

import asyncio
import time
from datetime import timedelta
from typing import Any, NoReturn
from uuid import UUID, uuid4

from pydantic import BaseModel
from temporalio.client import (
    Client,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.common import (
    SearchAttributeKey,
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)
from temporalio.exceptions import ApplicationError, WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from commands.turns import Turns
from config.temporal import first_connection
from domain.messages import (
    ACKNOWLEDGE,
    DRAFT_ORDER_WORKFLOW,
    RELEASE,
    Acknowledgement,
    CreateDraft,
    Message,
    Receipt,
    Release,
    draft_workflow_id,
)
from domain.records import CONTINUES, DraftOrderInput
from domain.refusals import REFUSALS, InputRefused
from domain.statuses import DraftStatus, WaitingFor
from domain.transitions import Command

ORG_ID = SearchAttributeKey.for_keyword("OrgId")
DRAFT_ID = SearchAttributeKey.for_keyword("DraftId")
DRAFT_NUMBER = SearchAttributeKey.for_keyword("DraftNumber")
DRAFT_STATUS = SearchAttributeKey.for_keyword("DraftStatus")
WAITING_FOR = SearchAttributeKey.for_keyword("WaitingFor")

_PAUSE_S = 0.05
# Half of what Temporal takes for one workflow, so that two API processes do not refuse each other.
_AT_ONCE = 5


class WorkflowGone(Exception):
    """No open workflow has this id: the draft is finished, or never was. The read model knows which."""


class TemporalUnavailable(Exception):
    """Temporal or its workers did not answer in time; the command may still be carried out."""


class DraftOrders:
    """`answer_within_s` bounds every call, retries included."""

    def __init__(self, client: Client, task_queue: str, answer_within_s: float) -> None:
        self._client = client
        self._task_queue = task_queue
        self._answer_within_s = answer_within_s
        self._turns = Turns(_AT_ONCE)

    async def create(self, message: CreateDraft) -> bool:
        """Start the draft's workflow; False when it was already there (a repeat).

        Raises:
            TemporalUnavailable: nobody knows whether it started; a repeat with the same id is safe.
        """
        try:
            await self._client.start_workflow(
                DRAFT_ORDER_WORKFLOW,
                DraftOrderInput.opening(message),
                id=draft_workflow_id(message.org_id, message.draft_id),
                task_queue=self._task_queue,
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
                static_summary=summary(message),
                search_attributes=search_attributes(message),
                rpc_timeout=timedelta(seconds=self._answer_within_s),
            )
        except WorkflowAlreadyStartedError:
            return False
        except RPCError as error:
            _raise(error)
        return True

    async def send(self, command: Command, org_id: UUID, draft_id: UUID, message: Message) -> Receipt:
        """Have the workflow decide `command`; its record follows at once, and whoever needs the row waits.

        Raises:
            Refusal: the draft does not take the command.
            WorkflowGone: no open workflow.
            TemporalUnavailable: no answer in time.
        """
        until = time.monotonic() + self._answer_within_s
        if not message.token:
            message = message.model_copy(update={"token": uuid4().hex})
        try:
            async with self._turns.turn(draft_id, self._answer_within_s):
                return await self._send(command, draft_workflow_id(org_id, draft_id), message, until)
        except TimeoutError:
            raise TemporalUnavailable("Too many requests for this draft came at once") from None

    async def _send(self, command: Command, workflow_id: str, message: Message, until: float) -> Receipt:
        handle, pause_s = self._client.get_workflow_handle(workflow_id), _PAUSE_S
        while True:
            try:
                receipt: Receipt = await handle.execute_update(
                    command.value,
                    message,
                    id=_update_id(command, message),
                    result_type=Receipt,
                    rpc_timeout=timedelta(seconds=max(0.05, until - time.monotonic())),
                )
            except WorkflowUpdateFailedError as error:
                # refused without a trace while the draft continues as new: the same again
                if not continues(error.cause) or time.monotonic() + pause_s > until:
                    refuse(error.cause)
            except WorkflowUpdateRPCTimeoutOrCancelledError as error:
                raise TemporalUnavailable("The draft's workflow did not answer in time") from error
            except RPCError as error:
                if error.status not in REPEATED or time.monotonic() + pause_s > until:
                    _raise(error)
            else:
                return receipt
            await asyncio.sleep(pause_s)
            pause_s *= 2

    async def acknowledge(self, org_id: UUID, draft_id: UUID, ack: Acknowledgement) -> None:
        """Tell the draft what the ERP said; returns once Temporal has it."""
        handle = self._client.get_workflow_handle(draft_workflow_id(org_id, draft_id))
        try:
            await handle.signal(ACKNOWLEDGE, ack, rpc_timeout=timedelta(seconds=self._answer_within_s))
        except RPCError as error:
            _raise(error)

    async def release(self, org_id: UUID, draft_id: UUID, export_id: UUID) -> None:
        """Tell the draft that its export need not wait any more; returns once Temporal has it.

        Raises:
            WorkflowGone, TemporalUnavailable
        """
        handle = self._client.get_workflow_handle(draft_workflow_id(org_id, draft_id))
        message = Release(export_id=export_id)
        try:
            await handle.signal(RELEASE, message, rpc_timeout=timedelta(seconds=self._answer_within_s))
        except RPCError as error:
            _raise(error)

    async def tell(self, signal: str, org_id: UUID, draft_id: UUID, message: BaseModel | None = None) -> None:
        """Send one of the fixed signals of domain/messages.py; returns once Temporal has it.

        Raises:
            WorkflowGone, TemporalUnavailable
        """
        handle = self._client.get_workflow_handle(draft_workflow_id(org_id, draft_id))
        said = [] if message is None else [message]
        try:
            await handle.signal(signal, args=said, rpc_timeout=timedelta(seconds=self._answer_within_s))
        except RPCError as error:
            _raise(error)

    async def ping(self) -> None:
        limit_s = self._answer_within_s / 2
        try:
            # the call's own limit does not cover the first connection
            async with asyncio.timeout(limit_s):
                with first_connection():
                    healthy = await self._client.service_client.check_health(
                        timeout=timedelta(seconds=limit_s)
                    )
        except RPCError as error:
            _raise(error)
        except TimeoutError as error:
            raise TemporalUnavailable("Temporal did not answer in time") from error
        if not healthy:
            raise TemporalUnavailable("Temporal says that it is not serving")


def _update_id(command: Command, message: Message) -> str:
    """One id per request, not per key: Temporal would remember a refusal for as long as the run lives.

    Keys are the workflow's own: it remembers what was done, and only that. Temporal knows the id in one
    run only; over a continuation it is the token that the draft remembers.
    """
    return f"{command}:{message.token}"


def summary(message: CreateDraft) -> str:
    parts = (message.number, message.header.external_order_number, message.customer_name)
    return ", ".join(part for part in parts if part)[:200]


def search_attributes(message: CreateDraft) -> TypedSearchAttributes:
    return TypedSearchAttributes(
        [
            SearchAttributePair(ORG_ID, str(message.org_id)),
            SearchAttributePair(DRAFT_ID, str(message.draft_id)),
            SearchAttributePair(DRAFT_NUMBER, message.number),
            SearchAttributePair(DRAFT_STATUS, DraftStatus.EXTRACTED.value),
            SearchAttributePair(WAITING_FOR, WaitingFor.VALIDATION.value),
        ]
    )


# The same message again is safe: the workflow knows its key or its token, also in its next run.
REPEATED = frozenset(
    {
        RPCStatusCode.RESOURCE_EXHAUSTED,  # ten updates are in flight
        RPCStatusCode.FAILED_PRECONDITION,  # its run was just closing
        RPCStatusCode.UNAVAILABLE,  # nobody knows
        RPCStatusCode.ABORTED,  # nobody knows
    }
)


def continues(cause: BaseException | None) -> bool:
    return isinstance(cause, ApplicationError) and cause.type == CONTINUES


def refuse(cause: BaseException | None) -> NoReturn:
    """Raise what a workflow's refusal of an update means."""
    if isinstance(cause, ApplicationError):
        refusal = REFUSALS.get(cause.type or "")
        if refusal is not None:
            details: dict[str, Any] = cause.details[0] if cause.details else {}
            raise refusal(cause.message, **details) from cause
        if cause.type == "RuntimeError":
            raise InputRefused("The command's fields cannot be read") from cause
    raise TemporalUnavailable("The workflow could not carry out the command") from cause


def _raise(error: RPCError) -> NoReturn:
    if error.status is RPCStatusCode.NOT_FOUND:
        raise WorkflowGone from error
    raise TemporalUnavailable("Temporal did not answer in time") from error
