"""The regular sweep of the dropzones, started by a Temporal Schedule."""

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy

with workflow.unsafe.imports_passed_through():
    from activities import names
    from domain.sweeping import SWEEP_WORKFLOW, Swept


@workflow.defn(name=SWEEP_WORKFLOW)
class SweepWorkflow:
    @workflow.run
    async def run(self) -> list[Swept]:
        """Connections with something to say; what an engineer reads in the Web UI."""
        swept: list[Swept] = await workflow.execute_activity(
            names.SWEEP,
            result_type=list[Swept],
            summary="remove temporary files that dead tries left behind",
            start_to_close_timeout=timedelta(hours=1),
            heartbeat_timeout=timedelta(seconds=120),
            retry_policy=RetryPolicy(maximum_attempts=3),
        )
        return swept[:500]
