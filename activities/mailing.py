"""Post one mail: its row first, then the server, then the row again; no mail that was taken goes out twice.

A process that dies between the server's yes and the row sends again, and so does one whose server is silent:
the Message-ID is the same, and the links of both mails work.
"""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from connectors.mail_server import MailInDoubt, MailNotSent, MailRefused, MailServer
from domain.mails import Envelope, Letter, MailOutcome
from storage import messages, proof_links
from storage.database import Database

log = structlog.get_logger(__name__)

Write = Callable[[AsyncConnection], Awaitable[Letter]]
Sent = Callable[[AsyncConnection, datetime], Awaitable[None]]


class Mailer:
    def __init__(self, database: Database, server: MailServer) -> None:
        self._database = database
        self._server = server

    async def post(self, envelope: Envelope, write: Write, sent: Sent | None = None) -> MailOutcome:
        """Send the mail unless that was done; `write` makes it within the transaction that logs the try.

        `sent` runs once, within the transaction that notes that the server took the mail.

        FAILED: this address or this mail was refused for good, and the log says so.

        Raises:
            MailNotSent: the next try may go better; the log shows the reason.
            DatabaseUnavailable: nobody was asked, or the answer could not be written down.
        """
        try:
            async with self._database.transaction(envelope.org_id) as connection:
                known = await messages.outcome_of(connection, envelope.org_id, envelope.key)
                if known in {MailOutcome.SENT, MailOutcome.FAILED}:
                    return known
                letter = await write(connection)
                await messages.begin_try(connection, envelope, datetime.now(UTC))
        except MailNotSent as unwritten:
            await self._unwritten(envelope, unwritten)
            raise
        try:
            await self._server.send(letter, envelope.key)
        except MailRefused as refused:
            await self._untaken(envelope, letter, MailOutcome.FAILED, refused)
            return MailOutcome.FAILED
        except MailNotSent as put_off:
            await self._untaken(envelope, letter, MailOutcome.RETRYING, put_off)
            raise
        log.info("mail", kind=envelope.kind, outcome=MailOutcome.SENT)
        async with self._database.transaction(envelope.org_id) as connection:
            at = datetime.now(UTC)
            first = await messages.end_try(connection, envelope, MailOutcome.SENT, None, at)
            if first and sent is not None:
                await sent(connection, at)
        return MailOutcome.SENT

    async def _unwritten(self, envelope: Envelope, reason: MailNotSent) -> None:
        """The try was rolled back with its letter; the log says so all the same."""
        at = datetime.now(UTC)
        async with self._database.transaction(envelope.org_id) as connection:
            await messages.begin_try(connection, envelope, at)
            await messages.end_try(connection, envelope, MailOutcome.RETRYING, str(reason), at)

    async def _untaken(
        self, envelope: Envelope, letter: Letter, outcome: MailOutcome, reason: MailNotSent
    ) -> None:
        """The links of a letter that nobody took go with it; those of one in doubt may be in a mailbox."""
        log.info("mail", kind=envelope.kind, outcome=outcome, reason=str(reason))
        async with self._database.transaction(envelope.org_id) as connection:
            if letter.links and not isinstance(reason, MailInDoubt):
                await proof_links.forget(connection, envelope.org_id, letter.links)
            await messages.end_try(connection, envelope, outcome, str(reason), datetime.now(UTC))
