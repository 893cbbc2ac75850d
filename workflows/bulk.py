"""One command on many drafts, step by step: bounded in what it does at once, and in its history."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities import names
    from domain.bulk import BULK_WORKFLOW, PROGRESS, BulkOrder, BulkProgress
    from workflows import policies
    from workflows.steps import step


@workflow.defn(name=BULK_WORKFLOW)
class BulkCommandWorkflow:
    @workflow.init
    def __init__(self, order: BulkOrder) -> None:
        self._progress = BulkProgress()

    @workflow.run
    async def run(self, order: BulkOrder) -> BulkProgress:
        while True:
            self._progress = await step(
                names.BULK_STEP,
                order,
                gives=BulkProgress,
                policy=policies.BULK_STEP,
                summary=f"{order.command} on the next drafts",
            )
            workflow.set_current_details(f"{order.command}: {self._progress.sentence}")
            if self._progress.left == 0:
                return self._progress
            if workflow.info().is_continue_as_new_suggested():
                workflow.continue_as_new(order)

    @workflow.query(name=PROGRESS, description="How many drafts have their result, and which")
    def progress(self) -> BulkProgress:
        return self._progress
