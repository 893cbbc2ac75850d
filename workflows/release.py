"""After a pause: let the waiting exports go, as one activity that a restart takes up where it stood."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities import names
    from domain.releases import RELEASE_WORKFLOW, Released, ReleaseOrder
    from workflows import policies
    from workflows.steps import step


@workflow.defn(name=RELEASE_WORKFLOW)
class ReleaseWorkflow:
    @workflow.run
    async def run(self, order: ReleaseOrder) -> Released:
        return await step(
            names.RELEASE,
            order,
            gives=Released,
            policy=policies.RELEASE,
            summary="tell waiting drafts, oldest push first, that the pause is over",
        )
