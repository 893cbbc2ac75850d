"""Ask Temporal which drafts are open, and a draft's workflow what it knows."""

from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID

from temporalio.client import Client, WorkflowQueryFailedError, WorkflowQueryRejectedError
from temporalio.common import QueryRejectCondition
from temporalio.service import RPCError, RPCStatusCode

from domain.messages import DRAFT_ORDER_WORKFLOW, STATE, draft_workflow_id
from domain.reconciliation import WorkflowState

_LIMIT = timedelta(seconds=5)


class Silent(Exception):
    """The workflow is open and does not answer."""


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
