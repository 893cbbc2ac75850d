"""Looking into ack folders, started by Temporal Schedules: one per connection, and one that keeps those."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities import names
    from domain.ack_polls import ACK_POLL_WORKFLOW, ACK_SCHEDULES_WORKFLOW, AckPollOrder, AckPollReport
    from workflows import policies
    from workflows.steps import step


@workflow.defn(name=ACK_POLL_WORKFLOW)
class AckPollWorkflow:
    @workflow.run
    async def run(self, order: AckPollOrder) -> AckPollReport:
        """Fails when the poll failed, so that the Web UI's list shows it; the connection has the sentence."""
        return await step(
            names.POLL_ACKS,
            order,
            gives=AckPollReport,
            policy=policies.POLL_ACKS,
            summary="read the ack folder, tell the drafts, put the files away",
        )


@workflow.defn(name=ACK_SCHEDULES_WORKFLOW)
class AckSchedulesWorkflow:
    @workflow.run
    async def run(self) -> list[str]:
        return await step(
            names.ALIGN_ACK_POLLS,
            gives=list[str],
            policy=policies.ALIGN_ACK_POLLS,
            summary="make the ack polls what the connections say",
        )
