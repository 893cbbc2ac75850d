"""Looking into ack folders, started by Temporal Schedules: one per connection, and one that keeps those."""

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy

with workflow.unsafe.imports_passed_through():
    from activities import names
    from domain.ack_polls import ACK_POLL_WORKFLOW, ACK_SCHEDULES_WORKFLOW, AckPollOrder, AckPollReport

_ONCE = RetryPolicy(maximum_attempts=1)  # the schedule's next run is the next try


@workflow.defn(name=ACK_POLL_WORKFLOW)
class AckPollWorkflow:
    @workflow.run
    async def run(self, order: AckPollOrder) -> AckPollReport:
        """Fails when the poll failed, so that the Web UI's list shows it; the connection has the sentence."""
        report: AckPollReport = await workflow.execute_activity(
            names.POLL_ACKS,
            order,
            result_type=AckPollReport,
            summary="read the ack folder, tell the drafts, put the files away",
            schedule_to_close_timeout=timedelta(seconds=150),
            start_to_close_timeout=timedelta(seconds=90),
            heartbeat_timeout=timedelta(seconds=10),
            retry_policy=_ONCE,
        )
        return report


@workflow.defn(name=ACK_SCHEDULES_WORKFLOW)
class AckSchedulesWorkflow:
    @workflow.run
    async def run(self) -> list[str]:
        changed: list[str] = await workflow.execute_activity(
            names.ALIGN_ACK_POLLS,
            result_type=list[str],
            summary="make the ack polls what the connections say",
            schedule_to_close_timeout=timedelta(seconds=150),
            start_to_close_timeout=timedelta(seconds=60),
            heartbeat_timeout=timedelta(seconds=20),
            retry_policy=_ONCE,
        )
        return changed
