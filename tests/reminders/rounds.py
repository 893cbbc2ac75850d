"""Whole mornings, one step after the other, and a mail server that keeps what it takes."""

from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from temporalio.testing import ActivityEnvironment

from domain.digests import PlanRequest, ReminderPlan
from domain.mails import Letter
from tests.reminders.world import Told, World

MONDAY = date(2026, 11, 23)
DAY = timedelta(days=1)


class Post:
    """A mail server that keeps what it takes; `fails` by recipient, as often as there are errors."""

    def __init__(self) -> None:
        self.taken: list[Letter] = []
        self.fails: dict[str, list[Exception]] = {}

    async def send(self, letter: Letter, key: str) -> None:
        errors = self.fails.get(letter.recipient)
        if errors:
            raise errors.pop(0)
        self.taken.append(letter)


async def run(step: Callable[..., Awaitable[Any]], *given: Any) -> Any:
    return await ActivityEnvironment().run(step, *given)


async def remind(world: World, customer: UUID, *days: date, told: Told | None = None) -> None:
    """Whole mornings, one after the other."""
    mornings = world.mornings(told or Told())
    for day in days:
        await run(mornings.escalate, world.round(customer, day))
        await run(mornings.send, world.round(customer, day))


async def plan(world: World, customer: UUID, since: str, now: str) -> ReminderPlan:
    given = PlanRequest(
        org_id=world.org,
        customer_id=customer,
        since=datetime.fromisoformat(since).replace(tzinfo=UTC),
        now=datetime.fromisoformat(now).replace(tzinfo=UTC),
    )
    answer: ReminderPlan = await run(world.mornings(Told()).plan, given)
    return answer
