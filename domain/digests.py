"""The workflow that reminds a customer of its undecided proofs: what it is asked and told.

Source: domain.md, "Reminders".
"""

from datetime import date, datetime
from uuid import UUID

from pydantic import BaseModel

REMINDER_WORKFLOW = "ReminderDigestWorkflow"
REMINDER_CHECK_WORKFLOW = "ReminderCheckWorkflow"
REMINDER_CHECK_ID = "reminder-check"
LOOK_AGAIN = "look_again"  # signal of the workflow: proofs or mornings may be others


def reminder_workflow_id(customer_id: UUID) -> str:
    return f"reminders/{customer_id}"


class ReminderOrder(BaseModel):
    """`since`: mornings before it are over; the start of the first run when it is null."""

    org_id: UUID
    customer_id: UUID
    since: datetime | None = None


class PlanRequest(BaseModel):
    """What is due at `now`, when the last look was at `since`?"""

    org_id: UUID
    customer_id: UUID
    since: datetime
    now: datetime


class ReminderPlan(BaseModel):
    """`due`: the day whose digest is to go out now, until `until`. Without `next_at` nothing waits."""

    waiting: int
    due: date | None = None
    until: datetime | None = None
    next_at: datetime | None = None
    time_zone: str | None = None


class Round(BaseModel):
    """One morning of one customer. `at` is the workflow's time."""

    org_id: UUID
    customer_id: UUID
    day: date
    at: datetime


class Escalated(BaseModel):
    """Proofs that the team is to call about, and how many drafts were told."""

    proofs: int
    drafts: int


class DigestSent(BaseModel):
    """Proofs that were counted as reminded, and the mails' outcomes."""

    proofs: int = 0
    sent: int = 0
    refused: int = 0


class RemindersEnded(BaseModel):
    """Nothing waits any more; `digests` of this run."""

    digests: int


def is_to_call(reminders: int, last: date | None, day: date, cap: int, *, anyone: bool) -> bool:
    """Whether the team is to call about a proof on `day` instead of reminding.

    After the last reminder the customer has until the next morning. Without `anyone` who may decide, nobody
    can be reminded.
    """
    if last is not None and last >= day:
        return False
    return reminders >= cap or not anyone
