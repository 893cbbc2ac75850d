"""The deployment's mail server, by SMTP: one mail a connection, every step within its time.

Nothing that the server says goes into an error: a filter's refusal may quote the mail, and with it the link.
"""

import asyncio
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from typing import Literal, Protocol
from uuid import NAMESPACE_URL, uuid5

import aiosmtplib
from pydantic import SecretStr

from config.settings import Settings
from domain.mails import Letter

STEP_WITHIN_S = 10.0
MAIL_WITHIN_S = 30.0


class MailNotSent(Exception):
    """The server could not be reached or put the mail off: worth another try. The text is for operators."""


class MailRefused(MailNotSent):
    """The server refused this address or this mail for good."""


class MailServer(Protocol):
    async def send(self, letter: Letter, key: str) -> None:
        """
        Raises:
            MailRefused: this mail will not be taken, however often it is tried.
            MailNotSent: it may be taken later.
        """


class SmtpServer:
    """`key` makes the Message-ID, so that a mail sent twice is one to readers that look."""

    def __init__(
        self,
        host: str | None,
        port: int,
        username: str | None,
        password: SecretStr | None,
        tls: Literal["starttls", "tls", "none"],
        sender: str | None,
    ) -> None:
        self._host, self._port, self._sender = host, port, sender
        self._username, self._password, self._tls = username, password, tls

    @classmethod
    def from_settings(cls, settings: Settings) -> "SmtpServer":
        return cls(
            settings.smtp_host,
            settings.smtp_port,
            settings.smtp_username,
            settings.smtp_password,
            settings.smtp_tls,
            settings.mail_from,
        )

    async def send(self, letter: Letter, key: str) -> None:
        """See `MailServer`."""
        if self._host is None or self._sender is None:
            raise MailNotSent("No mail server is configured; set COUNTERSIGN_SMTP_HOST")
        message = _written(letter, self._sender, key)
        try:
            async with asyncio.timeout(MAIL_WITHIN_S):
                await aiosmtplib.send(
                    message,
                    hostname=self._host,
                    port=self._port,
                    username=self._username,
                    password=self._password.get_secret_value() if self._password else None,
                    use_tls=self._tls == "tls",
                    start_tls=self._tls == "starttls",
                    timeout=STEP_WITHIN_S,
                )
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
            raise _understood(error) from None


def _written(letter: Letter, sender: str, key: str) -> EmailMessage:
    message = EmailMessage(policy=SMTP)
    message["From"] = sender
    message["To"] = Address(letter.recipient_name, addr_spec=letter.recipient)
    message["Subject"] = letter.subject
    message["Message-ID"] = f"<{uuid5(NAMESPACE_URL, key)}@{sender.rpartition('@')[2].rstrip('>')}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(letter.text)
    message.add_alternative(letter.html, subtype="html")
    return message


# the first that fits
_PUT_OFF: tuple[tuple[type[Exception], str], ...] = (
    (aiosmtplib.SMTPRecipientsRefused, "The mail server put the address off"),
    (aiosmtplib.SMTPAuthenticationError, "The mail server refused our login"),
    (aiosmtplib.SMTPSenderRefused, "The mail server refused the sender, COUNTERSIGN_MAIL_FROM"),
    (aiosmtplib.SMTPResponseException, "The mail server did not take the mail"),
    (aiosmtplib.SMTPTimeoutError, "The mail server did not answer in time"),
    (TimeoutError, "The mail server did not answer in time"),
    (aiosmtplib.SMTPServerDisconnected, "The mail server hung up"),
    (Exception, "The mail server could not be reached"),
)


def _understood(error: Exception) -> MailNotSent:
    """A sentence of our own, with the server's number where it gave one."""
    codes = _codes(error)
    number = f" ({codes[0]})" if codes else ""
    if codes and all(500 <= code < 600 for code in codes):
        if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
            return MailRefused(f"The mail server refused the address{number}")
        if isinstance(error, aiosmtplib.SMTPDataError):
            return MailRefused(f"The mail server refused the mail{number}")
    return MailNotSent(next(words for kind, words in _PUT_OFF if isinstance(error, kind)) + number)


def _codes(error: Exception) -> list[int]:
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        return [refused.code for refused in error.recipients]
    return [error.code] if isinstance(error, aiosmtplib.SMTPResponseException) else []
