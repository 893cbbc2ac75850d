"""One customer's reminders: sleep until its next morning, send the digest, have the team call in the end.

What waits, and when mornings are, is read anew each time: decisions stop reminders, changes count at once.
"""

from datetime import date, datetime, timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from activities import names
    from domain.digests import (
        LOOK_AGAIN,
        REMINDER_CHECK_WORKFLOW,
        REMINDER_WORKFLOW,
        DigestSent,
        Escalated,
        PlanRequest,
        ReminderOrder,
        ReminderPlan,
        RemindersEnded,
        Round,
    )
    from workflows import policies
    from workflows.steps import step

_SHORTEST = timedelta(minutes=1)


@workflow.defn(name=REMINDER_WORKFLOW)
class ReminderDigestWorkflow:
    @workflow.init
    def __init__(self, order: ReminderOrder) -> None:
        self._order = order
        self._since = order.since or workflow.now()
        self._woken = False
        self._digests = 0

    @workflow.run
    async def run(self, order: ReminderOrder) -> RemindersEnded:
        while True:
            self._woken = False
            plan = await self._plan()
            if plan.due is not None and plan.until is not None:
                await self._morning(plan.due, plan.until)
            elif plan.next_at is not None:
                await self._sleep(plan.next_at, plan.time_zone)
            elif not self._woken:
                return RemindersEnded(digests=self._digests)
            if workflow.info().is_continue_as_new_suggested():
                workflow.continue_as_new(order.model_copy(update={"since": self._since}))

    @workflow.signal(
        name=LOOK_AGAIN, description="Proofs or mornings may be others: plan anew. Harmless when nothing is."
    )
    def look_again(self) -> None:
        self._woken = True

    async def _plan(self) -> ReminderPlan:
        asked = PlanRequest(
            org_id=self._order.org_id,
            customer_id=self._order.customer_id,
            since=self._since,
            now=workflow.now(),
        )
        return await step(
            names.PLAN_REMINDERS,
            asked,
            gives=ReminderPlan,
            policy=policies.PLAN_REMINDERS,
            summary="what waits, and when is the next morning",
        )

    async def _sleep(self, until: datetime, zone: str | None) -> None:
        workflow.set_current_details(f"next digest {until:%Y-%m-%d %H:%M} UTC, a morning in {zone}")
        span = max(until - workflow.now(), timedelta())
        try:
            await workflow.wait_condition(
                lambda: self._woken, timeout=span, timeout_summary="until the customer's next morning"
            )
        except TimeoutError:
            return

    async def _morning(self, day: date, until: datetime) -> None:
        """Each step has until the day is over; what it could not do then is left to the next morning."""
        now = workflow.now()
        self._since = now
        told = Round(org_id=self._order.org_id, customer_id=self._order.customer_id, day=day, at=now)
        workflow.set_current_details(f"digest of {day}")
        try:
            await step(
                names.ESCALATE_PROOFS,
                told,
                gives=Escalated,
                policy=policies.ESCALATE_PROOFS,
                summary=f"{day}: have the team call about proofs that were reminded often enough",
                within=_left(until),
            )
            await step(
                names.SEND_DIGEST,
                told,
                gives=DigestSent,
                policy=policies.SEND_DIGEST,
                summary=f"{day}: one mail to each approver, all undecided proofs in it",
                within=_left(until),
            )
        except ActivityError as error:
            workflow.logger.warning("reminders_given_up", extra={"day": str(day), "cause": str(error.cause)})
            return
        self._digests += 1


@workflow.defn(name=REMINDER_CHECK_WORKFLOW)
class ReminderCheckWorkflow:
    """Regular: every customer with waiting proofs has its workflow, and that knows the right morning."""

    @workflow.run
    async def run(self) -> list[str]:
        return await step(
            names.CHECK_REMINDERS,
            gives=list[str],
            policy=policies.CHECK_REMINDERS,
            summary="start reminders that are missing, wake those whose mornings have changed",
        )


def _left(until: datetime) -> timedelta:
    return max(until - workflow.now(), _SHORTEST)
