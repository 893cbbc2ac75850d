"""The regular sweep of the dropzones, started by a Temporal Schedule."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities import names
    from domain.sweeping import SWEEP_WORKFLOW, Swept
    from workflows import policies
    from workflows.steps import step


@workflow.defn(name=SWEEP_WORKFLOW)
class SweepWorkflow:
    @workflow.run
    async def run(self) -> list[Swept]:
        """Connections with something to say; what an engineer reads in the Web UI."""
        swept = await step(
            names.SWEEP,
            gives=list[Swept],
            policy=policies.SWEEP,
            summary="remove temporary files that dead tries left behind",
        )
        return swept[:500]
