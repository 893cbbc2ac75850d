"""Mails of the log that nobody tries any more say so."""

from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from sqlalchemy import text
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.reminders import ReminderCheck
from connectors.mail_server import MailNotSent
from domain.digests import PlanRequest
from domain.mails import Letter
from storage.database import Database
from tests.reminders.world import Told, World

MONDAY = date(2026, 11, 23)
DAY = timedelta(days=1)


class Away:
    async def send(self, _letter: Letter, _key: str) -> None:
        raise MailNotSent("The mail server could not be reached")


@pytest_asyncio.fixture
async def world(database: Database) -> World:
    return await World(database, Away()).settle()


async def outcomes(world: World, customer: UUID) -> list[tuple[str, str]]:
    query = "SELECT outcome, reason FROM message_log WHERE customer_id = :customer ORDER BY created_at"
    return [(row["outcome"], row["reason"]) for row in await world.rows(query, customer=customer)]


async def tried(world: World, customer: UUID, day: date) -> None:
    with pytest.raises(ApplicationError, match="could not be reached"):
        await ActivityEnvironment().run(world.mornings(Told()).send, world.round(customer, day))


async def planned(world: World, customer: UUID, day: date, hour: int) -> Any:
    now = world.round(customer, day, hour).at
    asked = PlanRequest(org_id=world.org, customer_id=customer, since=now - timedelta(hours=4), now=now)
    return await ActivityEnvironment().run(world.mornings(Told()).plan, asked)


@pytest.mark.parametrize("decided", [False, True])
async def test_a_digest_that_was_given_up_for_the_day_is_closed_by_the_next_plan(
    world: World, decided: bool
) -> None:
    customer, other = await world.customer("UTC"), await world.customer("UTC")
    proof = await world.proof(customer)
    await world.proof(other)
    await tried(world, customer, MONDAY)
    await tried(world, other, MONDAY)
    if decided:
        await world.decide(proof)
    await planned(world, customer, MONDAY + DAY, 1)
    over = ("FAILED", "The day was over before the mail server took the mail")
    assert await outcomes(world, customer) == [over]
    assert await outcomes(world, other) == [("RETRYING", "The mail server could not be reached")]


async def test_a_plan_on_the_morning_itself_leaves_that_mornings_mails(world: World) -> None:
    customer = await world.customer("UTC")
    await world.proof(customer)
    await tried(world, customer, MONDAY)
    assert (await planned(world, customer, MONDAY, 9)).due == MONDAY
    assert await outcomes(world, customer) == [("RETRYING", "The mail server could not be reached")]


@pytest.mark.parametrize(("age", "ended"), [(timedelta(hours=23), False), (timedelta(hours=26), True)])
async def test_a_renewal_that_nobody_tries_after_a_day_is_closed(
    world: World, age: timedelta, ended: bool
) -> None:
    customer = await world.customer("UTC")
    async with world.database.transaction(world.org) as connection:
        await connection.execute(
            text(
                "INSERT INTO message_log (id, org_id, key, kind, customer_id, color_up_ids, recipient, "
                "outcome, reason, attempts, created_at, at) VALUES (:id, :org, 'link_renewed:1', "
                "'link_renewed', :customer, '{}', 'jo@hansen.example', 'RETRYING', 'away', 3, "
                "now() - cast(:age AS interval), now())"
            ),
            {"id": uuid4(), "org": world.org, "customer": customer, "age": age},
        )
    commands: Any = Told()
    await ActivityEnvironment().run(ReminderCheck(world.database, commands)._of_org, world.org)
    ((outcome, reason),) = await outcomes(world, customer)
    assert (outcome == "FAILED") is ended
    assert reason == ("The mail server did not take the mail within a day" if ended else "away")
