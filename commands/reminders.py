"""Start and wake the workflows that remind customers, and tell drafts whose customer is to be called."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.service import RPCError, RPCStatusCode

from commands.draft_orders import TemporalUnavailable, WorkflowGone
from domain.digests import LOOK_AGAIN, REMINDER_WORKFLOW, ReminderOrder, reminder_workflow_id
from domain.messages import PHONE_CALL, PhoneCall, draft_workflow_id


class Reminders:
    def __init__(self, client: Client, task_queue: str, answer_within_s: float) -> None:
        self._client = client
        self._task_queue = task_queue
        self._limit = timedelta(seconds=answer_within_s)

    async def start(self, org_id: UUID, customer_id: UUID) -> None:
        """A proof was sent: have the customer reminded. Started twice it runs once.

        One that is about to end because nothing waited looks once more: the signal comes with the start.

        Raises:
            TemporalUnavailable: nobody knows; a start too many does no harm.
        """
        await self._start(org_id, customer_id, start_signal=LOOK_AGAIN)

    async def keep(self, org_id: UUID, customer_id: UUID) -> None:
        """Start it where it is missing; one that runs does not notice.

        Raises:
            TemporalUnavailable
        """
        existing = WorkflowIDConflictPolicy.USE_EXISTING
        await self._start(org_id, customer_id, id_conflict_policy=existing)

    async def phone_call(self, org_id: UUID, draft_id: UUID, color_up_id: UUID) -> None:
        """Tell the draft that somebody calls about the proof; returns once Temporal has it.

        Raises:
            WorkflowGone, TemporalUnavailable
        """
        handle = self._client.get_workflow_handle(draft_workflow_id(org_id, draft_id))
        try:
            await handle.signal(PHONE_CALL, PhoneCall(color_up_id=color_up_id), rpc_timeout=self._limit)
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                raise WorkflowGone from error
            raise TemporalUnavailable("Temporal did not answer in time") from error

    async def _start(self, org_id: UUID, customer_id: UUID, **how: Any) -> None:
        try:
            await self._client.start_workflow(
                REMINDER_WORKFLOW,
                ReminderOrder(org_id=org_id, customer_id=customer_id),
                id=reminder_workflow_id(customer_id),
                task_queue=self._task_queue,
                id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
                rpc_timeout=self._limit,
                **how,
            )
        except RPCError as error:
            raise TemporalUnavailable("Temporal did not answer in time") from error
