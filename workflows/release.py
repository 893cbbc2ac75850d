"""After a pause: let the waiting exports go, as one activity that a restart takes up where it stood."""

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy

with workflow.unsafe.imports_passed_through():
    from activities import names
    from domain.releases import RELEASE_WORKFLOW, Released, ReleaseOrder


@workflow.defn(name=RELEASE_WORKFLOW)
class ReleaseWorkflow:
    @workflow.run
    async def run(self, order: ReleaseOrder) -> Released:
        released: Released = await workflow.execute_activity(
            names.RELEASE,
            order,
            result_type=Released,
            summary="tell waiting drafts, oldest push first, that the pause is over",
            start_to_close_timeout=timedelta(hours=2),
            heartbeat_timeout=timedelta(seconds=20),
            retry_policy=RetryPolicy(maximum_interval=timedelta(seconds=30)),
        )
        return released
