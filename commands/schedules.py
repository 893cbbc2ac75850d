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

from domain.sweeping import SWEEP_WORKFLOW

RECONCILE_ID = "reconcile"
SWEEP_ID = "sweep"


async def ensure_reconcile(client: Client, task_queue: str, every_s: int) -> None:
    """Run `ReconcileWorkflow` every `every_s` seconds, never twice at once."""
    await _ensure(client, RECONCILE_ID, "ReconcileWorkflow", task_queue, every_s)


async def ensure_sweep(client: Client, task_queue: str, every_s: int) -> None:
    """Run `SweepWorkflow` every `every_s` seconds, never twice at once."""
    await _ensure(client, SWEEP_ID, SWEEP_WORKFLOW, task_queue, every_s)


async def _ensure(client: Client, schedule_id: str, workflow: str, task_queue: str, every_s: int) -> None:
    schedule = Schedule(
        action=ScheduleActionStartWorkflow(workflow, id=schedule_id, task_queue=task_queue),
        spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(every=timedelta(seconds=every_s))]),
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=timedelta(minutes=1)),
    )
    limit = timedelta(seconds=10)
    try:
        await client.create_schedule(schedule_id, schedule, rpc_timeout=limit)
    except ScheduleAlreadyRunningError:

        def renew(_known: ScheduleUpdateInput) -> ScheduleUpdate:
            return ScheduleUpdate(schedule=schedule)

        await client.get_schedule_handle(schedule_id).update(renew, rpc_timeout=limit)
