"""Drafts hear of what their lines wait for; and the regular look for notices that nobody set going."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities import names
    from domain.notices import (
        NOTICE_RELAY_WORKFLOW,
        NOTICE_WORKFLOW,
        NoticeOrder,
        NoticesRelayed,
        NoticeTold,
    )
    from workflows import policies
    from workflows.steps import step


@workflow.defn(name=NOTICE_WORKFLOW)
class LineNoticeWorkflow:
    @workflow.run
    async def run(self, order: NoticeOrder) -> NoticeTold:
        return await step(
            names.TELL_NOTICE,
            order,
            gives=NoticeTold,
            policy=policies.TELL_NOTICE,
            summary="tell the drafts whose lines wait for it",
        )


@workflow.defn(name=NOTICE_RELAY_WORKFLOW)
class RelayNoticesWorkflow:
    @workflow.run
    async def run(self) -> NoticesRelayed:
        return await step(
            names.RELAY_NOTICES,
            gives=NoticesRelayed,
            policy=policies.RELAY,
            summary="set notices going that were left behind",
        )
