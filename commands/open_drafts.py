"""Ask Temporal which drafts are open and how they get on, and a draft's workflow what it knows."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

from google.protobuf.timestamp_pb2 import Timestamp
from temporalio.api.enums.v1 import PendingActivityState, PendingWorkflowTaskState
from temporalio.api.workflow.v1 import PendingActivityInfo
from temporalio.client import (
    Client,
    WorkflowExecutionDescription,
    WorkflowQueryFailedError,
    WorkflowQueryRejectedError,
)
from temporalio.common import QueryRejectCondition, SearchAttributeKey
from temporalio.service import RPCError, RPCStatusCode

from domain.messages import DRAFT_ORDER_WORKFLOW, STATE, draft_workflow_id
from domain.pulse import Pulse, Step
from domain.reconciliation import WorkflowState

_LIMIT = timedelta(seconds=5)
# Set by the server when a workflow task fails again and again.
_PROBLEMS = SearchAttributeKey.for_keyword_list("TemporalReportedProblems")


class Silent(Exception):
    """The workflow is open and does not answer."""


class Unreachable(Silent):
    """Temporal is not there at all: nobody listens, or the connection broke."""


class OpenDrafts:
    def __init__(self, client: Client) -> None:
        self._client = client

    async def ids(self, org_id: UUID) -> AsyncIterator[UUID]:
        """Open drafts of the org, as visibility has them (a moment late)."""
        query = (
            f"WorkflowType = '{DRAFT_ORDER_WORKFLOW}' AND ExecutionStatus = 'Running' "
            f"AND WorkflowId STARTS_WITH 'draft-order/{org_id}/'"
        )
        async for found in self._client.list_workflows(query, rpc_timeout=_LIMIT):
            yield UUID(found.id.rsplit("/", 1)[1])

    async def pulse(self, org_id: UUID, draft_id: UUID, within: timedelta = _LIMIT) -> Pulse:
        """How the draft's newest run gets on; needs no worker. A run that Temporal does not know has ended.

        Raises:
            Silent: Temporal did not answer in time; `Unreachable` when it is not there.
        """
        handle = self._client.get_workflow_handle(draft_workflow_id(org_id, draft_id))
        try:
            return pulse_of(await handle.describe(rpc_timeout=within))
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return Pulse(is_open=False)
            kind = Unreachable if error.status is RPCStatusCode.UNAVAILABLE else Silent
            raise kind(str(error)) from error

    async def state(self, org_id: UUID, draft_id: UUID) -> WorkflowState | None:
        """What the workflow knows; None when there is none, or it has ended.

        Raises:
            Silent: no worker answered, or the workflow cannot go on.
        """
        handle = self._client.get_workflow_handle(draft_workflow_id(org_id, draft_id))
        try:
            state: WorkflowState = await handle.query(
                STATE,
                result_type=WorkflowState,
                reject_condition=QueryRejectCondition.NOT_OPEN,
                rpc_timeout=_LIMIT,
            )
        except WorkflowQueryRejectedError:
            return None
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return None
            raise Silent(str(error)) from error
        except WorkflowQueryFailedError as error:
            raise Silent(str(error)) from error
        return state


def pulse_of(described: WorkflowExecutionDescription) -> Pulse:
    raw = described.raw_description
    task = raw.pending_workflow_task
    return Pulse(
        is_open=described.close_time is None,
        steps=[_step(each) for each in raw.pending_activities],
        task_attempt=task.attempt,
        task_scheduled_at=_time(task.scheduled_time),
        task_started=task.state == PendingWorkflowTaskState.PENDING_WORKFLOW_TASK_STATE_STARTED,
        problems=list(described.typed_search_attributes.get(_PROBLEMS) or []),
        reset_at=_time(raw.workflow_extended_info.last_reset_time),
    )


def _step(pending: PendingActivityInfo) -> Step:
    failed = pending.HasField("last_failure")
    return Step(
        name=pending.activity_type.name,
        attempt=pending.attempt,
        scheduled_at=_time(pending.scheduled_time),
        started=pending.state == PendingActivityState.PENDING_ACTIVITY_STATE_STARTED,
        paused=pending.paused,
        failure=pending.last_failure.application_failure_info.type or "timeout" if failed else None,
    )


def _time(at: Timestamp) -> datetime | None:
    return at.ToDatetime(UTC) if at.seconds > 0 else None
