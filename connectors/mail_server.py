"""The deployment's mail server, by SMTP: one mail a connection, every step within its time.

A server may look through a mail for long before it answers: whoever hangs up first gets it delivered all the
same, and sends it again. So the mail has more time than the way to the server.

Nothing that the server says goes into an error: a filter's refusal may quote the mail, and with it the link.
"""

import asyncio
from contextlib import suppress
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from typing import Literal, Protocol
from uuid import NAMESPACE_URL, uuid5

import aiosmtplib
from pydantic import SecretStr

from config.settings import Settings
from domain.mail_addresses import is_mailable
from domain.mails import Letter

STEP_WITHIN_S = 10.0  # of connecting and logging in
CONNECTED_WITHIN_S = 30.0
ANSWER_WITHIN_S = 60.0  # to each step of the mail itself
MAIL_WITHIN_S = 240.0


class MailNotSent(Exception):
    """The server could not be reached or put the mail off: worth another try. The text is for operators."""


class MailRefused(MailNotSent):
    """This address or this mail was refused for good, by the server or before it was asked."""


class MailInDoubt(MailNotSent):
    """No answer came: the server may have taken the mail all the same. Worth another try."""


class MailServer(Protocol):
    async def send(self, letter: Letter, key: str) -> None:
        """
        Raises:
            MailRefused: this mail will not be taken, however often it is tried.
            MailInDoubt: nobody knows whether it was taken.
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
        client = self._client()
        try:
            async with asyncio.timeout(CONNECTED_WITHIN_S):
                await client.connect()
            await _hand_over(client, message)
        except _ASTRAY as error:
            raise _understood(error) from None
        finally:
            client.close()

    def _client(self) -> aiosmtplib.SMTP:
        return aiosmtplib.SMTP(
            hostname=self._host,
            port=self._port,
            username=self._username,
            password=self._password.get_secret_value() if self._password else None,
            use_tls=self._tls == "tls",
            start_tls=self._tls == "starttls",
            timeout=STEP_WITHIN_S,
        )


async def _hand_over(client: aiosmtplib.SMTP, message: EmailMessage) -> None:
    try:
        async with asyncio.timeout(MAIL_WITHIN_S):
            await client.send_message(message, timeout=ANSWER_WITHIN_S)
    except OSError as unanswered:  # time-outs and lost connections; an answer has a class of its own
        raise MailInDoubt(str(_understood(unanswered))) from None
    except ValueError:
        raise MailRefused(_UNWRITABLE) from None
    with suppress(*_ASTRAY):  # it is taken, however we part
        await client.quit()


def _written(letter: Letter, sender: str, key: str) -> EmailMessage:
    """
    Raises:
        MailRefused: nobody can be mailed there, or the words make no mail.
    """
    if not is_mailable(letter.recipient):
        raise MailRefused(_NO_ADDRESS)
    name, _at, host = letter.recipient.rpartition("@")
    try:
        message = EmailMessage(policy=SMTP)
        message["From"] = sender
        message["To"] = Address(_one_line(letter.recipient_name), name, host)
        message["Subject"] = _one_line(letter.subject)
        message["Message-ID"] = f"<{uuid5(NAMESPACE_URL, key)}@{sender.rpartition('@')[2].rstrip('>')}>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(letter.text)
        message.add_alternative(letter.html, subtype="html")
    except (ValueError, MessageError):
        raise MailRefused(_UNWRITABLE) from None
    return message


def _one_line(text: str) -> str:
    return " ".join(text.splitlines())


_NO_ADDRESS = "No mail can be sent to this address; correct it"
_UNWRITABLE = "The mail could not be written; look at the names in it"
_ASTRAY = (aiosmtplib.SMTPException, OSError)
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
    if isinstance(error, aiosmtplib.SMTPNotSupported):
        return MailRefused("The mail server takes no address with letters beyond ASCII (SMTPUTF8)")
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
