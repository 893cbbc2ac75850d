"""Drafts hear of what their lines wait for; and the regular look for notices that nobody set going."""

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy

with workflow.unsafe.imports_passed_through():
    from activities import names
    from domain.notices import (
        NOTICE_RELAY_WORKFLOW,
        NOTICE_WORKFLOW,
        NoticeOrder,
        NoticesRelayed,
        NoticeTold,
    )


@workflow.defn(name=NOTICE_WORKFLOW)
class LineNoticeWorkflow:
    @workflow.run
    async def run(self, order: NoticeOrder) -> NoticeTold:
        """Tried until everyone who waits is told, however long database or drafts are away."""
        told: NoticeTold = await workflow.execute_activity(
            names.TELL_NOTICE,
            order,
            result_type=NoticeTold,
            summary="tell the drafts whose lines wait for it",
            start_to_close_timeout=timedelta(hours=1),
            heartbeat_timeout=timedelta(seconds=20),
            retry_policy=RetryPolicy(maximum_interval=timedelta(seconds=30)),
        )
        return told


@workflow.defn(name=NOTICE_RELAY_WORKFLOW)
class RelayNoticesWorkflow:
    @workflow.run
    async def run(self) -> NoticesRelayed:
        relayed: NoticesRelayed = await workflow.execute_activity(
            names.RELAY_NOTICES,
            result_type=NoticesRelayed,
            summary="set notices going that were left behind",
            start_to_close_timeout=timedelta(minutes=2),
            retry_policy=RetryPolicy(maximum_attempts=3),
        )
        return relayed
