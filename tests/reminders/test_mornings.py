"""Weeks of mornings in seconds: the workflow on the time-skipping server, with PostgreSQL and real SMTP."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from temporalio.client import Client, WorkflowHandle
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Replayer, Worker

from commands.reminders import Reminders
from config.sandbox import runner
from connectors.mail_server import MailNotSent
from domain.color_ups import Decision
from domain.digests import RemindersEnded, reminder_workflow_id
from domain.mails import Letter
from domain.messages import DRAFT_ORDER_WORKFLOW, draft_workflow_id
from local.mail_sink import Folder, mail_sink
from storage.database import Database
from tests.reminders.waiting_draft import WaitingDraft
from tests.reminders.world import World, body, read, smtp
from tests.workflows.harness import TASK_QUEUE, TEST_SERVER
from workflows.reminders import ReminderDigestWorkflow

DAY = timedelta(days=1)
HALF_A_DAY = timedelta(hours=12)


@dataclass
class Mornings:
    """A world with a worker on a server whose clock runs ahead whenever somebody waits for a result."""

    world: World
    env: WorkflowEnvironment
    folder: Path

    @property
    def client(self) -> Client:
        return self.env.client

    @property
    def reminders(self) -> Reminders:
        return Reminders(self.client, TASK_QUEUE, 5)

    def handle(self, customer_id: UUID) -> WorkflowHandle[Any, RemindersEnded]:
        return self.client.get_workflow_handle(reminder_workflow_id(customer_id), result_type=RemindersEnded)

    async def start(self, customer_id: UUID) -> None:
        await self.reminders.start(self.world.org, customer_id)

    async def open_drafts(self, *proofs: UUID) -> None:
        """Of these proofs, or of all."""
        for proof in proofs or self.world.drafts:
            for draft_id in self.world.drafts[proof]:
                await self.client.start_workflow(
                    DRAFT_ORDER_WORKFLOW,
                    args=[str(self.world.org), str(draft_id)],
                    id=draft_workflow_id(self.world.org, draft_id),
                    task_queue=TASK_QUEUE,
                )

    async def end(self, customer_id: UUID) -> RemindersEnded:
        """Lets time pass until nothing waits any more; the run must replay."""
        handle = self.handle(customer_id)
        # the server skips time while a client sleeps; waiting for a result it may answer without one
        while (await handle.describe()).close_time is None:
            await self.env.sleep(HALF_A_DAY)
        ended = await handle.result()
        history = await handle.fetch_history()
        replayer = Replayer(
            workflows=[ReminderDigestWorkflow],
            workflow_runner=runner(),
            data_converter=pydantic_data_converter,
        )
        await replayer.replay_workflow(history)
        return ended

    def worker(self) -> Worker:
        mornings = self.world.mornings(self.reminders)
        return Worker(
            self.client,
            task_queue=TASK_QUEUE,
            workflows=[ReminderDigestWorkflow, WaitingDraft],
            activities=[mornings.plan, mornings.escalate, mornings.send, self.world.hear],
            workflow_runner=runner(),
        )

    def mails_to(self, customer_id: UUID) -> list[str]:
        return [body(mail) for mail in read(self.folder) if customer_id.hex in str(mail["To"])]


@asynccontextmanager
async def mornings(database: Database, folder: Path, handler: Any = None) -> AsyncIterator[Mornings]:
    """Without a worker yet."""
    async with (
        mail_sink(folder, handler=handler) as port,
        await WorkflowEnvironment.start_time_skipping(
            data_converter=pydantic_data_converter, test_server_existing_path=TEST_SERVER
        ) as env,
    ):
        yield Mornings(await World(database, smtp(port)).settle(), env, folder)


async def test_five_mornings_then_the_team_calls_and_two_customers_are_never_mixed(
    database: Database, tmp_path: Path
) -> None:
    async with mornings(database, tmp_path) as told:
        world = told.world
        berlin = await world.customer("Europe/Berlin", people=2, language="de")
        tokyo = await world.customer("Asia/Tokyo")
        proofs = {
            await world.proof(berlin, drafts=2, logo="Wappen"): berlin,
            await world.proof(berlin, logo="Adler"): berlin,
            await world.proof(tokyo, logo="Fuji"): tokyo,
        }
        await told.open_drafts()
        async with told.worker():
            for customer in (berlin, tokyo):
                await told.start(customer)
            ended = [await told.end(customer) for customer in (berlin, tokyo)]
        # the sixth morning had no mail, and on the one after it nothing waited
        assert {each.digests for each in ended} <= {6, 7}
        to_berlin, to_tokyo = told.mails_to(berlin), told.mails_to(tokyo)
        assert (len(to_berlin), len(to_tokyo)) == (10, 5)
        assert all("Wappen" in text and "Adler" in text and "Fuji" not in text for text in to_berlin)
        assert all("Fuji" in text and "Wappen" not in text for text in to_tokyo)
        for proof, customer in proofs.items():
            zone = "Europe/Berlin" if customer == berlin else "Asia/Tokyo"
            await _went_right(world, proof, zone, people=2 if customer == berlin else 1)


async def _went_right(world: World, proof: UUID, zone: str, people: int) -> None:
    days = await world.reminded(proof)
    assert [later - day for day, later in pairwise(days)] == [DAY] * 4
    rows = await world.rows("SELECT reminded_at FROM proof_reminder WHERE color_up_id = :id", id=proof)
    assert {row["reminded_at"].astimezone(ZoneInfo(zone)).hour for row in rows} == {8}
    since = (await world.calls())[proof].astimezone(ZoneInfo(zone))
    assert (since.date(), since.hour) == (days[-1] + DAY, 8)
    assert set(await world.lines(proof)) == {"Phone Call"}
    trail = await world.trail(proof)
    assert [action for action, _ in trail] == ["PROOF_REMINDED"] * 5 + ["PROOF_PHONE_CALL"]
    assert [details["count"] for _, details in trail] == [1, 2, 3, 4, 5, 5]
    assert {len(details["to"]) for _, details in trail[:5]} == {people}


class Watching(Folder):
    """Does something when the mail of that number comes."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.then: dict[int, Any] = {}
        self._count = 0

    async def handle_DATA(self, *given: Any) -> str:  # noqa: N802
        self._count += 1
        answer = await super().handle_DATA(*given)
        if self._count in self.then:
            await self.then[self._count]()
        return answer


@pytest.mark.parametrize("decision", [Decision.APPROVE, Decision.REQUEST_CHANGES])
async def test_a_decision_stops_the_reminders_of_its_proof_and_of_no_other(
    database: Database, tmp_path: Path, decision: Decision
) -> None:
    watching = Watching(tmp_path)
    async with mornings(database, tmp_path, watching) as told:
        world = told.world
        customer = await world.customer()
        first, second = await world.proof(customer, logo="Wappen"), await world.proof(customer, logo="Adler")
        watching.then = {
            2: lambda: world.decide(first, decision),
            4: lambda: world.decide(second, decision),
        }
        async with told.worker():
            await told.start(customer)
            await told.end(customer)
        assert [("Wappen" in text, "Adler" in text) for text in told.mails_to(customer)] == [
            (True, True),
            (True, True),
            (False, True),
            (False, True),
        ]
        assert (len(await world.reminded(first)), len(await world.reminded(second))) == (2, 4)
        assert await world.calls() == {}


async def test_proofs_that_come_later_are_in_the_same_digest_and_have_their_own_five(
    database: Database, tmp_path: Path
) -> None:
    watching = Watching(tmp_path)
    async with mornings(database, tmp_path, watching) as told:
        world = told.world
        customer = await world.customer()
        await world.proof(customer, logo="Wappen")
        await told.open_drafts()

        async def more() -> None:
            second = await world.proof(customer, logo="Adler")
            await told.open_drafts(second)
            await told.start(customer)

        watching.then = {3: more}
        async with told.worker():
            await told.start(customer)
            await told.end(customer)
        assert [("Wappen" in text, "Adler" in text) for text in told.mails_to(customer)] == [
            *[(True, False)] * 3,
            *[(True, True)] * 2,
            *[(False, True)] * 3,
        ]
        assert len(await world.calls()) == 2


async def test_a_change_of_the_time_zone_counts_for_the_next_morning(
    database: Database, tmp_path: Path
) -> None:
    watching = Watching(tmp_path)
    async with mornings(database, tmp_path, watching) as told:
        world = told.world
        customer = await world.customer("Asia/Tokyo")
        proof = await world.proof(customer)
        await told.open_drafts()

        async def move() -> None:
            await world.change(customer, time_zone="America/Bogota")

        watching.then = {2: move}
        async with told.worker():
            await told.start(customer)
            await told.end(customer)
        rows = await world.rows(
            "SELECT reminded_at FROM proof_reminder WHERE color_up_id = :id ORDER BY 1", id=proof
        )
        at = [row["reminded_at"] for row in rows]
        assert [each.astimezone(ZoneInfo("Asia/Tokyo")).hour for each in at[:2]] == [8, 8]
        assert [each.astimezone(ZoneInfo("America/Bogota")).hour for each in at[2:]] == [8, 8, 8]
        assert (
            round((at[2] - at[1]) / timedelta(hours=1)) == 24 + 14
        )  # their first morning is on a day that was reminded of


class Away:
    """A mail server that takes nothing until it is back, and then hands on."""

    def __init__(self, behind: Any, refusals: int) -> None:
        self._behind = behind
        self.refusals = refusals

    async def send(self, letter: Letter, key: str) -> None:
        if self.refusals:
            self.refusals -= 1
            raise MailNotSent("The mail server could not be reached")
        await self._behind.send(letter, key)


async def test_a_mail_server_that_is_away_for_hours_delays_a_digest_and_makes_no_second_one(
    database: Database, tmp_path: Path
) -> None:
    async with mornings(database, tmp_path) as told:
        world = told.world
        world.server = Away(world.server, refusals=12)
        customer = await world.customer("UTC")
        proof = await world.proof(customer)
        await told.open_drafts()
        async with told.worker():
            await told.start(customer)
            await told.end(customer)
        assert len(told.mails_to(customer)) == len(await world.reminded(proof)) == 5
        (first, *_) = await world.rows("SELECT attempts, outcome FROM message_log ORDER BY key")
        assert (first["attempts"], first["outcome"]) == (13, "SENT")


async def test_a_day_on_which_no_mail_went_out_is_not_counted_and_the_next_has_one_digest(
    database: Database, tmp_path: Path
) -> None:
    async with mornings(database, tmp_path) as told:
        world = told.world
        away = world.server = Away(world.server, refusals=1000)
        customer = await world.customer("UTC")
        proof = await world.proof(customer)
        await told.open_drafts()
        async with told.worker():
            await told.start(customer)
            while (await told.env.get_current_time()).date() < datetime.now(UTC).date() + 2 * DAY:
                await told.env.sleep(timedelta(hours=4))
            assert await world.reminded(proof) == []
            tried = await world.rows("SELECT outcome, reason FROM message_log")
            over = ("FAILED", "The day was over before the mail server took the mail")
            assert over in {(row["outcome"], row["reason"]) for row in tried}
            away.refusals = 0
            await told.end(customer)
        assert len(told.mails_to(customer)) == len(await world.reminded(proof)) == 5
        assert set(await world.lines(proof)) == {"Phone Call"}


async def test_without_anything_that_waits_the_workflow_ends_and_another_proof_starts_it_again(
    database: Database, tmp_path: Path
) -> None:
    async with mornings(database, tmp_path) as told:
        world = told.world
        customer = await world.customer("UTC")
        async with told.worker():
            await told.start(customer)
            assert (await told.end(customer)).digests == 0
            proof = await world.proof(customer)
            await told.start(customer)
            await told.start(customer)
            await told.reminders.keep(world.org, customer)
            await told.env.sleep(2 * DAY)
            await world.decide(proof)
            await told.end(customer)
        days = await world.reminded(proof)
        assert len(told.mails_to(customer)) == len(days) >= 1
