"""A customer's morning: what waits, whom the team calls about, the digest, and the count of what was sent.

Each step reads the rows anew, so a decision in between stops it, and leaves rows by which a repeat knows what
was done: mails by their keys in the message log, reminders by proof and day.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection
from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities import names
from activities.digest_letters import DigestLetters
from activities.heartbeats import heartbeats
from activities.mailing import Mailer
from activities.outages import outages_told
from commands.draft_orders import WorkflowGone
from commands.reminders import Reminders
from connectors.mail_server import MailNotSent
from domain.digests import DigestSent, Escalated, PlanRequest, ReminderPlan, Round, is_to_call
from domain.mails import DAY_OVER, MAIL_NOT_SENT, RENEWAL_OVER, Envelope, MailKind, MailOutcome
from domain.messages import Actor, Origin
from domain.policy import OrgPolicy
from domain.proofs import trail
from domain.statuses import Via
from storage import audit_log, messages, reminders
from storage.database import Database, Row

log = structlog.get_logger(__name__)


# A renewal is tried for a day (workflows/proof_links.py); then nobody is at it any more.
RENEWED_WITHIN = timedelta(days=1, hours=1)


def digest_key(customer_id: UUID, day: date, approver_id: UUID | str) -> str:
    """Of the mail in the message log: one a morning and approver, however often it is tried."""
    return f"reminder/{customer_id}/{day}/{approver_id}"


class Mornings:
    def __init__(
        self, database: Database, mailer: Mailer, letters: DigestLetters, commands: Reminders
    ) -> None:
        self._database = database
        self._mailer = mailer
        self._letters = letters
        self._commands = commands

    @activity.defn(name=names.PLAN_REMINDERS)
    async def plan(self, request: PlanRequest) -> ReminderPlan:
        """What is due now, and otherwise the next morning, noted for whoever wants to see it."""
        with outages_told():
            return await self._planned(request)

    async def _planned(self, request: PlanRequest) -> ReminderPlan:
        async with self._database.transaction(request.org_id) as connection:
            row = await reminders.calendar(connection, request.org_id, request.customer_id)
            if row is None or not row["waiting"]:
                await self._give_up_older(connection, request, None)
                return ReminderPlan(waiting=0)
            mornings = reminders.mornings_of(row)
            day = mornings.due(request.since, request.now, row["last"])
            await self._give_up_older(connection, request, day)
            if day is not None:
                return ReminderPlan(waiting=row["waiting"], due=day, until=mornings.end_of(day))
            next_at = mornings.following(request.now, row["last"])
            await reminders.save_plan(connection, request.org_id, request.customer_id, next_at, request.now)
        return ReminderPlan(waiting=row["waiting"], next_at=next_at, time_zone=row["time_zone"])

    async def _give_up_older(
        self, connection: AsyncConnection, request: PlanRequest, day: date | None
    ) -> None:
        """Whoever plans sends no digest: what is left of earlier mornings is tried by nobody."""
        but = None if day is None else digest_key(request.customer_id, day, "")
        org, customer = request.org_id, request.customer_id
        await messages.give_up_reminders(connection, org, customer, DAY_OVER, datetime.now(UTC), but=but)

    @activity.defn(name=names.ESCALATE_PROOFS)
    async def escalate(self, order: Round) -> Escalated:
        """Put proofs on the call list and tell their drafts; a draft that did not hear is told again."""
        with outages_told():
            return await self._escalated(order)

    async def _escalated(self, order: Round) -> Escalated:
        async with self._database.transaction(order.org_id) as connection:
            to_call, _to_remind = await self._sorted(connection, order)
            for proof in to_call:
                if await reminders.note_phone_call(connection, order.org_id, proof["id"], order.at):
                    details = {"count": proof["reminders"]}
                    await _append(connection, order, proof["id"], "PROOF_PHONE_CALL", details)
        drafts = 0
        for proof in to_call:
            drafts += await self._tell(order.org_id, proof["id"])
        return Escalated(proofs=len(to_call), drafts=drafts)

    async def _tell(self, org_id: UUID, color_up_id: UUID) -> int:
        async with self._database.transaction(org_id) as connection:
            drafts = await reminders.drafts_waiting_for(connection, org_id, color_up_id)
        told = 0
        for draft_id in drafts:
            activity.heartbeat(str(draft_id))
            try:
                await self._commands.phone_call(org_id, draft_id, color_up_id)
            except WorkflowGone:
                # reconcile reports it; once restored it is told on the next morning
                log.warning("waiting_draft_gone", draft_id=str(draft_id), color_up_id=str(color_up_id))
            else:
                told += 1
        return told

    @activity.defn(name=names.SEND_DIGEST)
    async def send(self, order: Round) -> DigestSent:
        """One mail to each active approver; what any of them was sent is counted, once a day.

        Raises:
            ApplicationError: MailNotSent, when a mail was put off; the others went out.
        """
        with outages_told():
            async with heartbeats():  # a mail server may be silent for long
                return await self._sent(order)

    async def _sent(self, order: Round) -> DigestSent:
        async with self._database.transaction(order.org_id) as connection:
            _to_call, proofs = await self._sorted(connection, order)
            approvers = await reminders.active_approvers(connection, order.org_id, order.customer_id)
        outcomes: list[MailOutcome] = []
        put_off: str | None = None
        for approver in approvers if proofs else ():
            try:
                outcomes.append(await self._post(order, approver, proofs))
            except MailNotSent as error:
                put_off = str(error)
        counted = await self._count(order, approvers, all_ended=put_off is None)
        if put_off is not None:
            raise ApplicationError(put_off, type=MAIL_NOT_SENT)
        return DigestSent(
            proofs=counted,
            sent=outcomes.count(MailOutcome.SENT),
            refused=outcomes.count(MailOutcome.FAILED),
        )

    async def _post(self, order: Round, approver: Row, proofs: Sequence[Row]) -> MailOutcome:
        envelope = Envelope(
            org_id=order.org_id,
            key=digest_key(order.customer_id, order.day, approver["id"]),
            kind=MailKind.REMINDER,
            customer_id=order.customer_id,
            approver_id=approver["id"],
            color_up_ids=tuple(proof["id"] for proof in proofs),
            recipient=approver["email"],
        )
        return await self._mailer.post(
            envelope, self._letters.writer(order.org_id, order.customer_id, approver, proofs)
        )

    async def _count(self, order: Round, approvers: Sequence[Row], *, all_ended: bool) -> int:
        """From the message log, not from what this try did: the one before may have died after its mails."""
        keys = [digest_key(order.customer_id, order.day, approver["id"]) for approver in approvers]
        counted = 0
        async with self._database.transaction(order.org_id) as connection:
            mails = await messages.with_keys(connection, order.org_id, keys)
            sent = [mail for mail in mails if mail["outcome"] == MailOutcome.SENT]
            if not sent and not all_ended:
                return 0
            # a morning on which every address was refused counts as well, or nobody would ever call
            heard = sent or mails
            for color_up_id in sorted({proof for mail in heard for proof in mail["color_up_ids"]}):
                count = await reminders.count_reminder(
                    connection, order.org_id, order.customer_id, color_up_id, order.day, order.at
                )
                if count is None:
                    continue
                counted += 1
                details = {
                    "count": count,
                    "day": str(order.day),
                    "to": [mail["recipient"] for mail in sent if color_up_id in mail["color_up_ids"]],
                }
                await _append(connection, order, color_up_id, "PROOF_REMINDED", details)
        return counted

    async def _sorted(self, connection: AsyncConnection, order: Round) -> tuple[list[Row], list[Row]]:
        """(to call about, to remind of), as the rows are now."""
        calendar = await reminders.calendar(connection, order.org_id, order.customer_id)
        if calendar is None:
            return [], []
        cap = OrgPolicy.model_validate(calendar["settings"]).reminder_cap
        approvers = await reminders.active_approvers(connection, order.org_id, order.customer_id)
        proofs = await reminders.waiting_proofs(connection, order.org_id, order.customer_id)
        to_call: list[Row] = []
        to_remind: list[Row] = []
        for proof in proofs:
            calls = is_to_call(proof["reminders"], proof["last"], order.day, cap, anyone=bool(approvers))
            (to_call if calls else to_remind).append(proof)
        return to_call, to_remind


async def _append(
    connection: AsyncConnection, order: Round, color_up_id: UUID, action: str, details: dict[str, object]
) -> None:
    origin = Origin(via=Via.SYSTEM)
    entry = trail(order.org_id, color_up_id, action, (None, None), details, Actor(), origin, order.at)
    await audit_log.append(connection, entry)


class ReminderCheck:
    def __init__(self, database: Database, commands: Reminders) -> None:
        self._database = database
        self._commands = commands

    @activity.defn(name=names.CHECK_REMINDERS)
    async def run(self) -> list[str]:
        """Hold every waiting customer's workflow against its mornings; returns whom it woke.

        Also ends in the log what nobody tries any more: renewals of links whose workflow gave up.
        """
        woken: list[str] = []
        with outages_told():
            for org in await self._database.call("SELECT * FROM list_orgs()", {}):
                activity.heartbeat(org["slug"])
                woken += await self._of_org(org["org_id"])
        return woken

    async def _of_org(self, org_id: UUID) -> list[str]:
        async with self._database.transaction(org_id) as connection:
            rows = await reminders.plans(connection, org_id)
            now = datetime.now(UTC)
            await messages.give_up_renewals(connection, org_id, now - RENEWED_WITHIN, RENEWAL_OVER, now)
        woken = []
        for row in rows:
            activity.heartbeat(str(row["customer_id"]))
            if _has_changed(row, datetime.now(UTC)):
                await self._commands.start(org_id, row["customer_id"])
                woken.append(str(row["customer_id"]))
            else:
                await self._commands.keep(org_id, row["customer_id"])
        return woken


def _has_changed(row: Row, now: datetime) -> bool:
    """Whether the workflow sleeps until another morning than it should."""
    if row["next_at"] is None or row["next_at"] <= now:
        return False  # it is new, or at work
    planned: datetime = row["next_at"]
    return reminders.mornings_of(row).following(now, row["last"]) != planned
