"""Post one mail: its row first, then the server, then the row again; no mail that was taken goes out twice.

A process that dies between the server's yes and the row sends again: the Message-ID is the same.
"""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from connectors.mail_server import MailNotSent, MailRefused, MailServer
from domain.mails import Envelope, Letter, MailOutcome
from storage import messages
from storage.database import Database

log = structlog.get_logger(__name__)

Write = Callable[[AsyncConnection], Awaitable[Letter]]


class Mailer:
    def __init__(self, database: Database, server: MailServer) -> None:
        self._database = database
        self._server = server

    async def post(self, envelope: Envelope, write: Write) -> MailOutcome:
        """Send the mail unless that was done; `write` makes it within the transaction that logs the try.

        FAILED: this address or this mail was refused for good, and the log says so.

        Raises:
            MailNotSent: the next try may go better; the log shows the reason.
            DatabaseUnavailable: nobody was asked, or the answer could not be written down.
        """
        async with self._database.transaction(envelope.org_id) as connection:
            known = await messages.outcome_of(connection, envelope.org_id, envelope.key)
            if known in {MailOutcome.SENT, MailOutcome.FAILED}:
                return known
            letter = await write(connection)
            await messages.begin_try(connection, envelope, datetime.now(UTC))
        try:
            await self._server.send(letter, envelope.key)
        except MailRefused as refused:
            await self._ended(envelope, MailOutcome.FAILED, str(refused))
            return MailOutcome.FAILED
        except MailNotSent as put_off:
            await self._ended(envelope, MailOutcome.RETRYING, str(put_off))
            raise
        await self._ended(envelope, MailOutcome.SENT, None)
        return MailOutcome.SENT

    async def _ended(self, envelope: Envelope, outcome: MailOutcome, reason: str | None) -> None:
        log.info("mail", kind=envelope.kind, outcome=outcome, reason=reason)
        async with self._database.transaction(envelope.org_id) as connection:
            await messages.end_try(connection, envelope, outcome, reason, datetime.now(UTC))
