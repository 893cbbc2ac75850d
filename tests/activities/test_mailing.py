"""A mail and its row in the message log, on a real database."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncConnection

from activities.mailing import Mailer
from connectors.mail_server import MailNotSent, MailRefused
from domain.mails import Envelope, Letter, MailKind, MailOutcome
from storage import messages
from storage.database import Database, Row
from tests.activities.proof_world import new_customer
from tests.storage.conftest import new_org


@dataclass
class Server:
    """Takes mails, after it has raised what it was told to raise."""

    fails: list[Exception] = field(default_factory=list)
    taken: list[str] = field(default_factory=list)

    async def send(self, letter: Letter, key: str) -> None:
        if self.fails:
            raise self.fails.pop(0)
        self.taken.append(key)


@pytest_asyncio.fixture
async def envelope(database: Database) -> Envelope:
    org_id, customer_id = await new_org(database), uuid4()
    async with database.transaction(org_id) as connection:
        await new_customer(connection, org_id, customer_id)
    return Envelope(
        org_id=org_id,
        key="proof:1",
        kind=MailKind.PROOF,
        customer_id=customer_id,
        approver_id=None,
        color_up_ids=(uuid4(), uuid4()),
        recipient="jo@hansen.example",
    )


async def written(_connection: AsyncConnection) -> Letter:
    return Letter(recipient_name="Jo", recipient="jo@hansen.example", subject="S", text="T", html="H")


async def rows(database: Database, org_id: UUID, color_up_id: UUID | None = None) -> list[Row]:
    async with database.transaction(org_id) as connection:
        return await messages.list_messages(connection, org_id, color_up_id=color_up_id, limit=10)


async def test_a_mail_goes_out_once_however_often_it_is_posted(
    database: Database, envelope: Envelope
) -> None:
    server = Server()
    mailer = Mailer(database, server)
    assert [await mailer.post(envelope, written) for _ in range(3)] == [MailOutcome.SENT] * 3
    assert server.taken == ["proof:1"]
    (row,) = await rows(database, envelope.org_id)
    assert (row["outcome"], row["reason"], row["attempts"]) == ("SENT", None, 1)
    for color_up_id in envelope.color_up_ids:
        assert len(await rows(database, envelope.org_id, color_up_id)) == 1
    assert await rows(database, envelope.org_id, uuid4()) == []


async def test_a_failing_server_is_seen_in_the_log_until_it_takes_the_mail(
    database: Database, envelope: Envelope
) -> None:
    server = Server([MailNotSent("The mail server hung up"), MailNotSent("again")])
    mailer = Mailer(database, server)
    with pytest.raises(MailNotSent):
        await mailer.post(envelope, written)
    (row,) = await rows(database, envelope.org_id)
    assert (row["outcome"], row["reason"]) == ("RETRYING", "The mail server hung up")
    with pytest.raises(MailNotSent):
        await mailer.post(envelope, written)
    await mailer.post(envelope, written)
    (row,) = await rows(database, envelope.org_id)
    assert (row["outcome"], row["reason"], row["attempts"]) == ("SENT", None, 3)


async def test_a_mail_that_was_refused_for_good_is_not_tried_again(
    database: Database, envelope: Envelope
) -> None:
    server = Server([MailRefused("The mail server refused the address (550)")])
    mailer = Mailer(database, server)
    assert [await mailer.post(envelope, written) for _ in range(2)] == [MailOutcome.FAILED] * 2
    assert server.taken == []
    (row,) = await rows(database, envelope.org_id)
    assert (row["outcome"], row["reason"]) == ("FAILED", "The mail server refused the address (550)")


async def test_a_try_that_died_after_the_mail_leaves_a_row_that_the_next_one_ends(
    database: Database, envelope: Envelope
) -> None:
    async with database.transaction(envelope.org_id) as connection:
        await messages.begin_try(connection, envelope, datetime.now(UTC))
    server = Server()
    assert await Mailer(database, server).post(envelope, written) is MailOutcome.SENT
    (row,) = await rows(database, envelope.org_id)
    assert (row["outcome"], row["attempts"]) == ("SENT", 2)


async def test_a_mail_that_was_given_up_is_not_tried_again_because_its_last_try_ends_late(
    database: Database, envelope: Envelope
) -> None:
    async with database.transaction(envelope.org_id) as connection:
        at = datetime.now(UTC)
        await messages.begin_try(connection, envelope, at)
        await messages.end_try(connection, envelope, MailOutcome.FAILED, "given up", at)
        await messages.end_try(connection, envelope, MailOutcome.RETRYING, "late", at)
    (row,) = await rows(database, envelope.org_id)
    assert (row["outcome"], row["reason"]) == ("FAILED", "given up")


async def test_a_late_failure_does_not_undo_a_mail_that_was_sent(
    database: Database, envelope: Envelope
) -> None:
    await Mailer(database, Server()).post(envelope, written)
    async with database.transaction(envelope.org_id) as connection:
        at = datetime.now(UTC)
        await messages.end_try(connection, envelope, MailOutcome.FAILED, "late", at)
    (row,) = await rows(database, envelope.org_id)
    assert (row["outcome"], row["reason"]) == ("SENT", None)
