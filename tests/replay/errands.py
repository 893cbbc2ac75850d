"""The workflows beside the drafts', and the runs of them that every later version must be able to replay."""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from temporalio.client import Client
from temporalio.exceptions import ApplicationError

from domain.ack_polls import ACK_POLL_WORKFLOW, ACK_SCHEDULES_WORKFLOW, AckPollOrder, AckPollReport
from domain.bulk import BULK_WORKFLOW, BulkOrder, BulkOutcome, BulkProgress
from domain.digests import (
    LOOK_AGAIN,
    REMINDER_CHECK_WORKFLOW,
    REMINDER_WORKFLOW,
    DigestSent,
    Escalated,
    ReminderOrder,
    ReminderPlan,
)
from domain.messages import Actor, Origin
from domain.notices import (
    NOTICE_RELAY_WORKFLOW,
    NOTICE_WORKFLOW,
    NoticeOrder,
    NoticesRelayed,
    NoticeTold,
)
from domain.reconciliation import Difference, Finding
from domain.releases import RELEASE_WORKFLOW, Released, ReleaseOrder
from domain.statuses import Via
from domain.sweeping import SWEEP_WORKFLOW, Swept
from domain.transitions import Command
from tests.replay.answers import (
    AWAY,
    HANGS,
    RECONCILE_WORKFLOW,
    Handle,
    answering,
    begun,
    errand,
    first_run,
    run,
    slept,
)
from tests.workflows.harness import CONNECTION, ORG

BULK = BulkOrder(
    org_id=ORG,
    bulk_id=UUID(int=7),
    command=Command.RETRY_PUSH,
    actor=Actor(user_id=UUID(int=8), email="ops@demo.example"),
    origin=Origin(via=Via.API, request_id="r-1"),
)
RELEASE = ReleaseOrder(org_id=ORG, connection_id=CONNECTION)
POLL = AckPollOrder(org_id=ORG, connection_id=CONNECTION)


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
    return first_run(client, handle)


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
    async with answering(client, asleep(3600), asleep(3600)):
        handle = await begun(client, REMINDER_WORKFLOW, REMINDERS)
        await slept(handle, 1)
        await handle.signal(LOOK_AGAIN)
        await slept(handle, 2)
    return handle


@errand
async def continues_reminders(client: Client) -> Handle:
    """Their first run, on a server that suggests so early."""
    mornings = [answer for _ in range(8) for answer in (due(), *MORNING)]
    handle = await run(client, REMINDER_WORKFLOW, REMINDERS, *mornings, NOTHING_WAITS)
    return first_run(client, handle)


@errand
async def reminder_check_woke_one(client: Client) -> Handle:
    return await run(client, REMINDER_CHECK_WORKFLOW, None, [str(UUID(int=10))])


@errand
async def reminder_check_open(client: Client) -> Handle:
    return await run(client, REMINDER_CHECK_WORKFLOW, None, HANGS)


NOTICE = NoticeOrder(org_id=ORG, notice_id=UUID(int=11))


@errand
async def notice_told(client: Client) -> Handle:
    return await run(client, NOTICE_WORKFLOW, NOTICE, AWAY, NoticeTold(drafts=3))


@errand
async def notice_open(client: Client) -> Handle:
    return await run(client, NOTICE_WORKFLOW, NOTICE, HANGS)


@errand
async def notices_relayed(client: Client) -> Handle:
    return await run(client, NOTICE_RELAY_WORKFLOW, None, NoticesRelayed(notices=2))


@errand
async def notice_relay_open(client: Client) -> Handle:
    return await run(client, NOTICE_RELAY_WORKFLOW, None, HANGS)
