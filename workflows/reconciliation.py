"""The regular look at workflows and rows, started by a Temporal Schedule."""

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy

with workflow.unsafe.imports_passed_through():
    from activities import names
    from domain.reconciliation import Finding


@workflow.defn(name="ReconcileWorkflow")
class ReconcileWorkflow:
    @workflow.run
    async def run(self) -> list[Finding]:
        """Findings of this run; the last one's are what an engineer reads in the Web UI."""
        findings: list[Finding] = await workflow.execute_activity(
            names.RECONCILE,
            result_type=list[Finding],
            summary="hold open workflows against their rows",
            start_to_close_timeout=timedelta(minutes=30),
            heartbeat_timeout=timedelta(seconds=60),
            retry_policy=RetryPolicy(maximum_attempts=3),
        )
        return findings[:500]
