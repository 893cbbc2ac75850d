"""Start the workflows beside the drafts': what the API sets going and does not wait for."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from commands.draft_orders import TemporalUnavailable
from domain.bulk import BULK_WORKFLOW, BulkOrder, bulk_workflow_id
from domain.callbacks import CALLBACK_WORKFLOW, CallbackOrder, callback_workflow_id
from domain.notices import NOTICE_WORKFLOW, NoticeOrder, notice_workflow_id
from domain.proof_mails import LINK_RENEWAL_WORKFLOW, LinkRenewal, link_renewal_workflow_id
from domain.releases import RELEASE_WORKFLOW, ReleaseOrder, release_workflow_id


class Errands:
    def __init__(self, client: Client, task_queue: str, answer_within_s: float) -> None:
        self._client = client
        self._task_queue = task_queue
        self._limit = timedelta(seconds=answer_within_s)

    async def release(self, org_id: UUID, connection_id: UUID) -> None:
        """Let go what waited for the end of a pause; one under way is replaced, so that none is missed.

        Raises:
            TemporalUnavailable: nobody knows whether it started; a start too many does no harm.
        """
        await self._start(
            RELEASE_WORKFLOW,
            ReleaseOrder(org_id=org_id, connection_id=connection_id),
            release_workflow_id(org_id, connection_id),
            WorkflowIDConflictPolicy.TERMINATE_EXISTING,
        )

    async def release_again(self, org_id: UUID, connection_id: UUID) -> bool:
        """The same for what a release left behind that has ended; False, and nothing done, while one runs.

        Raises:
            TemporalUnavailable
        """
        try:
            await self._start(
                RELEASE_WORKFLOW,
                ReleaseOrder(org_id=org_id, connection_id=connection_id),
                release_workflow_id(org_id, connection_id),
                WorkflowIDConflictPolicy.FAIL,
            )
        except WorkflowAlreadyStartedError:
            return False
        return True

    async def releases_now(self, org_id: UUID, connection_id: UUID) -> bool:
        """Whether a release of the connection runs.

        Raises:
            TemporalUnavailable
        """
        return await self._runs(release_workflow_id(org_id, connection_id))

    async def bulk(self, order: BulkOrder) -> None:
        """Carry a command out on many drafts; started twice it runs once.

        Raises:
            TemporalUnavailable: nobody knows; without its rows the workflow ends without effect.
        """
        await self._start(
            BULK_WORKFLOW, order, bulk_workflow_id(order.bulk_id), WorkflowIDConflictPolicy.USE_EXISTING
        )

    async def renew_link(self, org_id: UUID, link_id: UUID) -> None:
        """Mail a new link in place of one that ended; asked twice at once it is mailed once.

        Raises:
            TemporalUnavailable
        """
        await self._start(
            LINK_RENEWAL_WORKFLOW,
            LinkRenewal(org_id=org_id, link_id=link_id),
            link_renewal_workflow_id(link_id),
            WorkflowIDConflictPolicy.USE_EXISTING,
        )

    async def settle_callback(self, order: CallbackOrder) -> None:
        """Let a callback have its effect; started twice it runs once, and once settled it does nothing.

        Raises:
            TemporalUnavailable: nobody knows; the relay starts it again.
        """
        await self._start(
            CALLBACK_WORKFLOW,
            order,
            callback_workflow_id(order.callback_id),
            WorkflowIDConflictPolicy.USE_EXISTING,
        )

    async def tell_notice(self, order: NoticeOrder) -> None:
        """Tell the drafts that wait for it; started twice it runs once, and once told it does nothing.

        Raises:
            TemporalUnavailable: nobody knows; the relay starts it again.
        """
        await self._start(
            NOTICE_WORKFLOW, order, notice_workflow_id(order.notice_id), WorkflowIDConflictPolicy.USE_EXISTING
        )

    async def bulk_runs(self, bulk_id: UUID) -> bool:
        """Whether the bulk command's workflow is open.

        Raises:
            TemporalUnavailable
        """
        return await self._runs(bulk_workflow_id(bulk_id))

    async def _runs(self, workflow_id: str) -> bool:
        try:
            described = await self._client.get_workflow_handle(workflow_id).describe(rpc_timeout=self._limit)
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return False
            raise TemporalUnavailable("Temporal did not answer in time") from error
        return described.close_time is None

    async def _start(
        self, name: str, order: Any, workflow_id: str, on_conflict: WorkflowIDConflictPolicy
    ) -> None:
        try:
            await self._client.start_workflow(
                name,
                order,
                id=workflow_id,
                task_queue=self._task_queue,
                id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
                id_conflict_policy=on_conflict,
                rpc_timeout=self._limit,
            )
        except RPCError as error:
            raise TemporalUnavailable("Temporal did not answer in time") from error
