"""The workflows beside the drafts', and the runs of them that every later version must be able to replay."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from temporalio import activity
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle
from temporalio.exceptions import ApplicationError
from temporalio.worker import Worker

from activities import names
from config.sandbox import runner
from domain.ack_polls import ACK_POLL_WORKFLOW, ACK_SCHEDULES_WORKFLOW, AckPollOrder, AckPollReport
from domain.bulk import BULK_WORKFLOW, BulkOrder, BulkOutcome, BulkProgress
from domain.digests import (
    LOOK_AGAIN,
    REMINDER_CHECK_WORKFLOW,
    REMINDER_WORKFLOW,
    DigestSent,
    Escalated,
    PlanRequest,
    ReminderOrder,
    ReminderPlan,
    Round,
)
from domain.messages import Actor, Origin
from domain.reconciliation import Difference, Finding
from domain.releases import RELEASE_WORKFLOW, Released, ReleaseOrder
from domain.statuses import Via
from domain.sweeping import SWEEP_WORKFLOW, Swept
from domain.transitions import Command
from tests.workflows.harness import CONNECTION, ORG, TASK_QUEUE
from workflows.acks import AckPollWorkflow, AckSchedulesWorkflow
from workflows.bulk import BulkCommandWorkflow
from workflows.reconciliation import ReconcileWorkflow
from workflows.release import ReleaseWorkflow
from workflows.reminders import ReminderCheckWorkflow, ReminderDigestWorkflow
from workflows.sweep import SweepWorkflow

RECONCILE_WORKFLOW = "ReconcileWorkflow"
WORKFLOWS: dict[str, type] = {
    BULK_WORKFLOW: BulkCommandWorkflow,
    RELEASE_WORKFLOW: ReleaseWorkflow,
    SWEEP_WORKFLOW: SweepWorkflow,
    RECONCILE_WORKFLOW: ReconcileWorkflow,
    ACK_POLL_WORKFLOW: AckPollWorkflow,
    ACK_SCHEDULES_WORKFLOW: AckSchedulesWorkflow,
    REMINDER_WORKFLOW: ReminderDigestWorkflow,
    REMINDER_CHECK_WORKFLOW: ReminderCheckWorkflow,
}
HANGS = object()  # an answer that does not come
Handle = WorkflowHandle[Any, Any]


class Answers:
    """Stands for the activities: gives the answers in turn, raises those that are exceptions."""

    def __init__(self, *given: Any) -> None:
        self._given = list(given)

    async def _next(self) -> Any:
        answer = self._given.pop(0)
        if answer is HANGS:
            await asyncio.sleep(600)
        if isinstance(answer, Exception):
            raise answer
        return answer

    @activity.defn(name=names.BULK_STEP)
    async def step(self, order: BulkOrder) -> BulkProgress:
        progress: BulkProgress = await self._next()
        return progress

    @activity.defn(name=names.RELEASE)
    async def release(self, order: ReleaseOrder) -> Released:
        released: Released = await self._next()
        return released

    @activity.defn(name=names.SWEEP)
    async def sweep(self) -> list[Swept]:
        swept: list[Swept] = await self._next()
        return swept

    @activity.defn(name=names.RECONCILE)
    async def reconcile(self) -> list[Finding]:
        found: list[Finding] = await self._next()
        return found

    @activity.defn(name=names.POLL_ACKS)
    async def poll(self, order: AckPollOrder) -> AckPollReport:
        report: AckPollReport = await self._next()
        return report

    @activity.defn(name=names.ALIGN_ACK_POLLS)
    async def align(self) -> list[str]:
        changed: list[str] = await self._next()
        return changed

    @activity.defn(name=names.PLAN_REMINDERS)
    async def plan(self, request: PlanRequest) -> ReminderPlan:
        plan: ReminderPlan = await self._next()
        return plan

    @activity.defn(name=names.ESCALATE_PROOFS)
    async def escalate(self, order: Round) -> Escalated:
        escalated: Escalated = await self._next()
        return escalated

    @activity.defn(name=names.SEND_DIGEST)
    async def send_digest(self, order: Round) -> DigestSent:
        sent: DigestSent = await self._next()
        return sent

    @activity.defn(name=names.CHECK_REMINDERS)
    async def check_reminders(self) -> list[str]:
        woken: list[str] = await self._next()
        return woken

    @property
    def activities(self) -> list[Callable[..., Any]]:
        return [
            self.step,
            self.release,
            self.sweep,
            self.reconcile,
            self.poll,
            self.align,
            self.plan,
            self.escalate,
            self.send_digest,
            self.check_reminders,
        ]


Run = Callable[[Client], Awaitable[Handle]]
ERRANDS: dict[str, Run] = {}


def errand(tell: Run) -> Run:
    ERRANDS[tell.__name__] = tell
    return tell


@asynccontextmanager
async def answering(client: Client, *answers: Any) -> AsyncIterator[None]:
    async with Worker(
        client,
        task_queue=TASK_QUEUE,
        workflows=list(WORKFLOWS.values()),
        activities=Answers(*answers).activities,
        workflow_runner=runner(),
        identity="worker",
    ):
        yield


async def run(client: Client, name: str, order: Any = None, *answers: Any) -> Handle:
    """Until its end, whatever that is; of one that hangs, until its last step has begun."""
    given = [] if order is None else [order]
    async with answering(client, *answers):
        handle = await client.start_workflow(name, args=given, id=f"{name}-{uuid4()}", task_queue=TASK_QUEUE)
        if HANGS in answers:
            while await _steps(handle) < len(answers):
                await asyncio.sleep(0.05)
            return handle
        try:
            await handle.result()
        except WorkflowFailureError:
            return handle
    return handle


async def _steps(handle: Handle) -> int:
    events = (await handle.fetch_history()).events
    return sum(each.HasField("activity_task_scheduled_event_attributes") for each in events)


BULK = BulkOrder(
    org_id=ORG,
    bulk_id=UUID(int=7),
    command=Command.RETRY_PUSH,
    actor=Actor(user_id=UUID(int=8), email="ops@demo.example"),
    origin=Origin(via=Via.API, request_id="r-1"),
)
RELEASE = ReleaseOrder(org_id=ORG, connection_id=CONNECTION)
POLL = AckPollOrder(org_id=ORG, connection_id=CONNECTION)
AWAY = ApplicationError("PostgreSQL did not answer in time", type="DatabaseUnavailable")


def left(number: int, total: int = 60) -> BulkProgress:
    return BulkProgress(total=total, left=number, outcomes={BulkOutcome.DONE: total - number})


@errand
async def bulk_in_three_steps(client: Client) -> Handle:
    return await run(client, BULK_WORKFLOW, BULK, left(35), AWAY, left(10), left(0))


@errand
async def bulk_of_nothing(client: Client) -> Handle:
    return await run(client, BULK_WORKFLOW, BULK, BulkProgress())


@errand
async def bulk_open_in_its_second_step(client: Client) -> Handle:
    return await run(client, BULK_WORKFLOW, BULK, left(35), HANGS)


@errand
async def continues_a_long_bulk(client: Client) -> Handle:
    """Its first run, on a server that suggests so early."""
    handle = await run(client, BULK_WORKFLOW, BULK, *(left(each, 400) for each in range(350, -1, -25)))
    assert handle.first_execution_run_id is not None
    return client.get_workflow_handle(handle.id, run_id=handle.first_execution_run_id)


@errand
async def release_told_all(client: Client) -> Handle:
    return await run(client, RELEASE_WORKFLOW, RELEASE, AWAY, Released(told=20, paused_again=False))


@errand
async def release_open(client: Client) -> Handle:
    return await run(client, RELEASE_WORKFLOW, RELEASE, HANGS)


@errand
async def sweep_with_findings(client: Client) -> Handle:
    swept = [Swept(org="demo", connection_id=CONNECTION, removed=2)]
    return await run(client, SWEEP_WORKFLOW, None, swept)


@errand
async def sweep_open(client: Client) -> Handle:
    return await run(client, SWEEP_WORKFLOW, None, HANGS)


@errand
async def reconcile_with_findings(client: Client) -> Handle:
    held = Finding(
        org="demo",
        draft_id=str(UUID(int=9)),
        number="D-000001",
        difference=Difference.ROW_BEHIND,
        detail="row 2, recorded 3",
        repaired=True,
    )
    return await run(client, RECONCILE_WORKFLOW, None, [held])


@errand
async def reconcile_open(client: Client) -> Handle:
    return await run(client, RECONCILE_WORKFLOW, None, HANGS)


@errand
async def ack_poll_with_files(client: Client) -> Handle:
    return await run(
        client, ACK_POLL_WORKFLOW, POLL, AckPollReport(listed=3, read=2, told=2, moved=2, left=1)
    )


@errand
async def ack_poll_failed(client: Client) -> Handle:
    """The schedule's next run is its next try: it ends as failed at once."""
    return await run(client, ACK_POLL_WORKFLOW, POLL, ApplicationError("refused", type="CONNECTION_REFUSED"))


@errand
async def ack_poll_open(client: Client) -> Handle:
    return await run(client, ACK_POLL_WORKFLOW, POLL, HANGS)


@errand
async def ack_schedules_changed(client: Client) -> Handle:
    return await run(client, ACK_SCHEDULES_WORKFLOW, None, [f"set ack-poll/{CONNECTION} every 60 s on test"])


@errand
async def ack_schedules_open(client: Client) -> Handle:
    return await run(client, ACK_SCHEDULES_WORKFLOW, None, HANGS)


REMINDERS = ReminderOrder(org_id=ORG, customer_id=UUID(int=10))
NOTHING_WAITS = ReminderPlan(waiting=0)


def due() -> ReminderPlan:
    return ReminderPlan(waiting=2, due=date(2026, 11, 23), until=datetime.now(UTC) + timedelta(hours=16))


def asleep(seconds: float = 1) -> ReminderPlan:
    next_at = datetime.now(UTC) + timedelta(seconds=seconds)
    return ReminderPlan(waiting=2, next_at=next_at, time_zone="Europe/Berlin")


MORNING = (Escalated(proofs=1, drafts=2), DigestSent(proofs=1, sent=2))


@errand
async def reminders_of_nothing(client: Client) -> Handle:
    return await run(client, REMINDER_WORKFLOW, REMINDERS, NOTHING_WAITS)


@errand
async def reminders_of_two_mornings(client: Client) -> Handle:
    answers = (AWAY, asleep(), due(), *MORNING, asleep(4), due(), *MORNING, NOTHING_WAITS)
    return await run(client, REMINDER_WORKFLOW, REMINDERS, *answers)


@errand
async def reminders_given_up_for_a_day(client: Client) -> Handle:
    gone = ApplicationError("The mail server could not be reached", type="MailNotSent", non_retryable=True)
    return await run(client, REMINDER_WORKFLOW, REMINDERS, due(), MORNING[0], gone, NOTHING_WAITS)


@errand
async def reminders_open_in_the_digest(client: Client) -> Handle:
    return await run(client, REMINDER_WORKFLOW, REMINDERS, asleep(), due(), MORNING[0], HANGS)


@errand
async def reminders_asleep(client: Client) -> Handle:
    """Woken once, and asleep again."""
    answers = (asleep(3600), asleep(3600))
    async with answering(client, *answers):
        handle = await client.start_workflow(
            REMINDER_WORKFLOW, REMINDERS, id=f"{REMINDER_WORKFLOW}-{uuid4()}", task_queue=TASK_QUEUE
        )
        while await _timers(handle) < 1:
            await asyncio.sleep(0.05)
        await handle.signal(LOOK_AGAIN)
        while await _timers(handle) < 2:
            await asyncio.sleep(0.05)
    return handle


async def _timers(handle: Handle) -> int:
    events = (await handle.fetch_history()).events
    return sum(each.HasField("timer_started_event_attributes") for each in events)


@errand
async def continues_reminders(client: Client) -> Handle:
    """Their first run, on a server that suggests so early."""
    mornings = [answer for _ in range(8) for answer in (due(), *MORNING)]
    handle = await run(client, REMINDER_WORKFLOW, REMINDERS, *mornings, NOTHING_WAITS)
    assert handle.first_execution_run_id is not None
    return client.get_workflow_handle(handle.id, run_id=handle.first_execution_run_id)


@errand
async def reminder_check_woke_one(client: Client) -> Handle:
    return await run(client, REMINDER_CHECK_WORKFLOW, None, [str(UUID(int=10))])


@errand
async def reminder_check_open(client: Client) -> Handle:
    return await run(client, REMINDER_CHECK_WORKFLOW, None, HANGS)
