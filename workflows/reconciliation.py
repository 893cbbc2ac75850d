"""The regular look at workflows and rows, started by a Temporal Schedule."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities import names
    from domain.reconciliation import Finding
    from workflows import policies
    from workflows.steps import step


@workflow.defn(name="ReconcileWorkflow")
class ReconcileWorkflow:
    @workflow.run
    async def run(self) -> list[Finding]:
        """Findings of this run; the last one's are what an engineer reads in the Web UI."""
        findings = await step(
            names.RECONCILE,
            gives=list[Finding],
            policy=policies.RECONCILE,
            summary="hold open workflows against their rows",
        )
        return findings[:500]
