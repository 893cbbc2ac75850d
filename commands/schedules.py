"""Temporal Schedules that the deployment needs; made or brought up to date by every worker that starts."""

from datetime import timedelta

from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
    ScheduleUpdate,
    ScheduleUpdateInput,
)

RECONCILE_ID = "reconcile"


async def ensure_reconcile(client: Client, task_queue: str, every_s: int) -> None:
    """Run `ReconcileWorkflow` every `every_s` seconds, never twice at once."""
    schedule = Schedule(
        action=ScheduleActionStartWorkflow("ReconcileWorkflow", id=RECONCILE_ID, task_queue=task_queue),
        spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(every=timedelta(seconds=every_s))]),
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=timedelta(minutes=1)),
    )
    limit = timedelta(seconds=10)
    try:
        await client.create_schedule(RECONCILE_ID, schedule, rpc_timeout=limit)
    except ScheduleAlreadyRunningError:

        def renew(_known: ScheduleUpdateInput) -> ScheduleUpdate:
            return ScheduleUpdate(schedule=schedule)

        await client.get_schedule_handle(RECONCILE_ID).update(renew, rpc_timeout=limit)
