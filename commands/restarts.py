"""Replace a draft's workflow by one that begins with what the rows know."""

from datetime import timedelta
from uuid import UUID

from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from commands.draft_orders import search_attributes, summary
from domain.messages import DRAFT_ORDER_WORKFLOW, draft_workflow_id
from domain.records import DraftOrderInput

_LIMIT = timedelta(seconds=10)


class Restarts:
    def __init__(self, client: Client, task_queue: str) -> None:
        self._client = client
        self._task_queue = task_queue

    async def end(self, org_id: UUID, draft_id: UUID, why: str) -> str | None:
        """Terminate the draft's open run, and no later one; its run id, None when there was none."""
        handle = self._client.get_workflow_handle(draft_workflow_id(org_id, draft_id))
        try:
            described = await handle.describe(rpc_timeout=_LIMIT)
            if described.close_time is not None:
                return None
            this_run = self._client.get_workflow_handle(handle.id, run_id=described.run_id)
            await this_run.terminate(reason=why, rpc_timeout=_LIMIT)
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return None
            raise
        return described.run_id

    async def begin(self, given: DraftOrderInput) -> bool:
        """Start the draft's workflow anew; False when somebody else has."""
        try:
            await self._client.start_workflow(
                DRAFT_ORDER_WORKFLOW,
                given,
                id=draft_workflow_id(given.create.org_id, given.create.draft_id),
                task_queue=self._task_queue,
                id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
                id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
                static_summary=summary(given.create),
                search_attributes=search_attributes(given.create),
                rpc_timeout=_LIMIT,
            )
        except WorkflowAlreadyStartedError:
            return False
        return True
