"""Tomorrow's workflow, changed the right way and the wrong way. Imported by the workflow sandbox."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from domain import messages as msg
    from domain.records import DraftOrderInput
    from domain.statuses import DraftStatus
    from workflows.draft_order import DraftOrderWorkflow

PATCH = "rest-after-recording"


@workflow.defn(name=msg.DRAFT_ORDER_WORKFLOW)
class Patched(DraftOrderWorkflow):
    """One more timer after each record, for drafts that are not yet past that place."""

    @workflow.init
    def __init__(self, given: DraftOrderInput) -> None:
        super().__init__(given)

    @workflow.run
    async def run(self, given: DraftOrderInput) -> DraftStatus:
        return await super().run(given)

    async def _record(self) -> None:
        await super()._record()
        if workflow.patched(PATCH):
            await workflow.sleep(0.001)


@workflow.defn(name=msg.DRAFT_ORDER_WORKFLOW)
class Unpatched(DraftOrderWorkflow):
    """What must never be deployed: one more timer, and open drafts not asked."""

    @workflow.init
    def __init__(self, given: DraftOrderInput) -> None:
        super().__init__(given)

    @workflow.run
    async def run(self, given: DraftOrderInput) -> DraftStatus:
        await workflow.sleep(1)
        return await super().run(given)


@workflow.defn(name=msg.DRAFT_ORDER_WORKFLOW)
class Buggy(DraftOrderWorkflow):
    """A mistake that no test has found: an exception that is not meant for anybody."""

    @workflow.init
    def __init__(self, given: DraftOrderInput) -> None:
        super().__init__(given)

    @workflow.run
    async def run(self, given: DraftOrderInput) -> DraftStatus:
        raise ValueError("a bug")
