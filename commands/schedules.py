"""Temporal Schedules that the deployment needs; made or brought up to date by every worker that starts."""

from collections.abc import Sequence
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
    ScheduleState,
    ScheduleUpdate,
    ScheduleUpdateInput,
)
from temporalio.service import RPCError, RPCStatusCode

from config.settings import Settings
from domain.ack_polls import (
    ACK_POLL_WORKFLOW,
    ACK_SCHEDULES_ID,
    ACK_SCHEDULES_WORKFLOW,
    AckPollOrder,
    ack_poll_id,
    is_ack_poll,
)
from domain.callbacks import CALLBACK_RELAY_WORKFLOW
from domain.digests import REMINDER_CHECK_ID, REMINDER_CHECK_WORKFLOW
from domain.notices import NOTICE_RELAY_WORKFLOW
from domain.sweeping import SWEEP_WORKFLOW

_LIMIT = timedelta(seconds=10)
_POLL_ENDS_WITHIN = timedelta(minutes=5)
# Between two looks at the connections' rows; a new connection waits that long for its first poll at most.
_ALIGN_AT_MOST_EVERY_S = 5
# A change of a customer's mornings counts after that long at most.
_REMINDERS_EVERY_S = 300


async def ensure_schedules(client: Client, settings: Settings) -> None:
    """What runs regularly: by the schedule's id the workflow, and seconds between two runs."""
    regular = {
        "reconcile": ("ReconcileWorkflow", settings.reconcile_s),
        "sweep": (SWEEP_WORKFLOW, settings.sweep_s),
        "callback-relay": (CALLBACK_RELAY_WORKFLOW, settings.callback_relay_s),
        "notice-relay": (NOTICE_RELAY_WORKFLOW, settings.notice_relay_s),
        REMINDER_CHECK_ID: (REMINDER_CHECK_WORKFLOW, _REMINDERS_EVERY_S),
    }
    for schedule_id, (name, every_s) in regular.items():
        action = ScheduleActionStartWorkflow(name, id=schedule_id, task_queue=settings.task_queue)
        await _put(client, schedule_id, _schedule(action, every_s))
    await _ensure_ack_schedules(client, settings.task_queue, settings.ack_poll_s)


async def _ensure_ack_schedules(client: Client, task_queue: str, poll_s: int) -> None:
    """Keep the ack polls in step with the connections' rows: now, and regularly."""
    action = ScheduleActionStartWorkflow(
        ACK_SCHEDULES_WORKFLOW,
        id=ACK_SCHEDULES_ID,
        task_queue=task_queue,
        execution_timeout=_POLL_ENDS_WITHIN,
    )
    schedule = _schedule(action, max(poll_s, _ALIGN_AT_MOST_EVERY_S))
    await _put(client, ACK_SCHEDULES_ID, schedule, now=True)


class AckSchedules:
    """The schedules `ack-poll/<connection id>`; what one was made for stands in its note."""

    def __init__(self, client: Client, task_queue: str, every_s: int) -> None:
        self._client = client
        self._task_queue = task_queue
        self._every_s = every_s
        self._note = f"every {every_s} s on {task_queue}"

    async def align(self, wanted: Sequence[AckPollOrder]) -> list[str]:
        """Make, change and remove schedules until they are those of `wanted`; return what was done.

        One that a person has paused stays paused. Temporal's list may be a moment late: every step bears to
        be done again.
        """
        known: dict[str, str] = {}
        async for found in await self._client.list_schedules(rpc_timeout=_LIMIT):
            if is_ack_poll(found.id):
                known[found.id] = found.schedule.state.note or "" if found.schedule else ""
        done = []
        orders = {ack_poll_id(order.connection_id): order for order in wanted}
        for schedule_id, order in orders.items():
            if known.get(schedule_id) != self._note:
                await _put(self._client, schedule_id, self._poll(schedule_id, order), now=True)
                done.append(f"set {schedule_id} {self._note}")
        for schedule_id in known.keys() - orders.keys():
            await self._remove(schedule_id)
            done.append(f"removed {schedule_id}")
        return done

    def _poll(self, schedule_id: str, order: AckPollOrder) -> Schedule:
        action = ScheduleActionStartWorkflow(
            ACK_POLL_WORKFLOW,
            order,
            id=schedule_id,
            task_queue=self._task_queue,
            execution_timeout=_POLL_ENDS_WITHIN,
        )
        # spread, so that many connections don't come at the same second
        jitter = timedelta(seconds=self._every_s / 10)
        return _schedule(action, self._every_s, note=self._note, jitter=jitter)

    async def _remove(self, schedule_id: str) -> None:
        try:
            await self._client.get_schedule_handle(schedule_id).delete(rpc_timeout=_LIMIT)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise


def _schedule(
    action: ScheduleActionStartWorkflow,
    every_s: int,
    *,
    note: str | None = None,
    jitter: timedelta | None = None,
) -> Schedule:
    """Never twice at once; runs that were missed while Temporal was away are left out."""
    intervals = [ScheduleIntervalSpec(every=timedelta(seconds=every_s))]
    return Schedule(
        action=action,
        spec=ScheduleSpec(intervals=intervals, jitter=jitter),
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=timedelta(minutes=1)),
        state=ScheduleState(note=note),
    )


async def _put(client: Client, schedule_id: str, schedule: Schedule, *, now: bool = False) -> None:
    """Make the schedule, or bring it up to date; `now` runs it at once as well."""
    try:
        await client.create_schedule(schedule_id, schedule, trigger_immediately=now, rpc_timeout=_LIMIT)
    except ScheduleAlreadyRunningError:

        def renew(known: ScheduleUpdateInput) -> ScheduleUpdate:
            schedule.state.paused = known.description.schedule.state.paused
            return ScheduleUpdate(schedule=schedule)

        handle = client.get_schedule_handle(schedule_id)
        await handle.update(renew, rpc_timeout=_LIMIT)
        if now and not schedule.state.paused:
            await handle.trigger(rpc_timeout=_LIMIT)
