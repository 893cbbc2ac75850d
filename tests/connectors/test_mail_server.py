"""Mail by real SMTP: what arrives, and what each way of not arriving means."""

import asyncio
import email
import email.policy
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP
from pydantic import SecretStr

from connectors import mail_server
from connectors.mail_server import MailInDoubt, MailNotSent, MailRefused, SmtpServer
from domain.mails import Letter
from local.mail_sink import Folder, mail_sink

LINK = "https://orders.example.com/proofs/planted-token-4713"
LETTER = Letter(
    recipient_name="Jörg Hansen",
    recipient="jo@hansen.example",
    subject="Bitte prüfen: Brustlogo",
    text=f"Guten Tag, {LINK}",
    html=f"<p>Guten Tag, <a href='{LINK}'>hier</a></p>",
)
SENDER = "Countersign <proofs@countersign.example>"


def server(port: int, **changes: Any) -> SmtpServer:
    known: dict[str, Any] = {"username": None, "password": None, "tls": "none", "sender": SENDER, **changes}
    return SmtpServer("127.0.0.1", port, **known)


def mails(folder: Path) -> list[EmailMessage]:
    files = sorted(folder.glob("*.eml"))
    return [email.message_from_bytes(file.read_bytes(), policy=email.policy.default) for file in files]  # type: ignore[misc]


async def test_a_mail_arrives_as_text_and_html_with_names_and_umlauts(tmp_path: Path) -> None:
    async with mail_sink(tmp_path) as port:
        await server(port).send(LETTER, "a")
    (mail,) = mails(tmp_path)
    assert (mail["To"], mail["From"]) == ("Jörg Hansen <jo@hansen.example>", SENDER)
    assert mail["Subject"] == LETTER.subject
    for kind, wanted in (("plain", LETTER.text), ("html", LETTER.html)):
        part = mail.get_body((kind,))
        assert part is not None
        assert part.get_content().strip() == wanted


async def test_a_mail_that_is_sent_twice_has_one_message_id(tmp_path: Path) -> None:
    async with mail_sink(tmp_path) as port:
        for key in ("a", "a", "b"):
            await server(port).send(LETTER, key)
    first, again, other = (mail["Message-ID"] for mail in mails(tmp_path))
    assert first == again != other


@pytest.mark.parametrize("letter", ["\u2028", "\u2029", "\n", "\r\n"])
async def test_a_name_with_a_line_break_is_mailed_in_one_line(tmp_path: Path, letter: str) -> None:
    broken = {"subject": f"Please check: a{letter}b", "recipient_name": f"Jo{letter}Hansen"}
    async with mail_sink(tmp_path) as port:
        await server(port).send(LETTER.model_copy(update=broken), "a")
    (mail,) = mails(tmp_path)
    assert (mail["Subject"], mail["To"]) == ("Please check: a b", "Jo Hansen <jo@hansen.example>")


@pytest.mark.parametrize(
    "address",
    ["a..b@x.example", "jo,hn@x.example", "<jo@h.example", "jo(x)@h.example", "? =\\a@", "a@[b:?\\"],
)
async def test_what_is_no_address_is_refused_for_good_before_anybody_is_asked(address: str) -> None:
    with pytest.raises(MailRefused, match="No mail can be sent to this address; correct it"):
        await server(1).send(LETTER.model_copy(update={"recipient": address}), "a")


@pytest.mark.parametrize("address", ["müller@hansen.example", "jo@müller.example"])
async def test_an_address_beyond_ascii_is_mailed_where_the_server_takes_such(
    tmp_path: Path, address: str
) -> None:
    letter = LETTER.model_copy(update={"recipient": address})
    async with mail_sink(tmp_path) as port:
        await server(port).send(letter, "a")
    (file,) = tmp_path.glob("*.eml")
    assert f"<{address}>".encode() in file.read_bytes()
    running = await asyncio.get_running_loop().create_server(
        lambda: SMTP(Says("DATA", "250 OK"), hostname="localhost"), "127.0.0.1", 0
    )
    async with running:
        with pytest.raises(MailRefused, match="takes no address with letters beyond ASCII"):
            await server(running.sockets[0].getsockname()[1]).send(letter, "a")


class Says:
    """aiosmtpd's handler that answers one step with a line of its own."""

    def __init__(self, step: str, line: str) -> None:
        setattr(self, f"handle_{step}", self._answer)
        self._line = line

    async def _answer(self, *_: object) -> str:
        return self._line


@pytest.mark.parametrize(
    ("step", "line", "kind", "sentence"),
    [
        ("RCPT", "550 no such user", MailRefused, "The mail server refused the address (550)"),
        ("RCPT", "450 greylisted", MailNotSent, "The mail server put the address off (450)"),
        ("MAIL", "550 who are you", MailNotSent, "refused the sender, COUNTERSIGN_MAIL_FROM (550)"),
        ("MAIL", "451 later", MailNotSent, "refused the sender, COUNTERSIGN_MAIL_FROM (451)"),
        ("DATA", f"554 spam: {LINK}", MailRefused, "The mail server refused the mail (554)"),
        ("DATA", "452 disk full", MailNotSent, "The mail server did not take the mail (452)"),
    ],
)
async def test_a_refusal_is_said_in_our_words_and_never_in_the_servers(
    tmp_path: Path, step: str, line: str, kind: type[Exception], sentence: str
) -> None:
    async with mail_sink(tmp_path, handler=Says(step, line)) as port:
        with pytest.raises(MailNotSent) as refused:
            await server(port).send(LETTER, "a")
    assert type(refused.value) is kind
    assert sentence in str(refused.value)
    assert "planted" not in f"{refused.value!r} {refused.value.__cause__!r}"


@asynccontextmanager
async def _answering(answer: bytes | None) -> AsyncIterator[int]:
    """A server that says one thing at the start, or nothing, and then holds or hangs up."""

    async def serve(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if answer is None:
            await asyncio.sleep(5)
        else:
            writer.write(answer)
        writer.close()

    running = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield running.sockets[0].getsockname()[1]
    finally:
        running.close()


async def test_a_server_that_says_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail_server, "STEP_WITHIN_S", 0.3)
    async with _answering(None) as port:
        with pytest.raises(MailNotSent, match="did not answer in time") as silent:
            await server(port).send(LETTER, "a")
    assert type(silent.value) is MailNotSent, "it has not seen the mail"


class Slow:
    """aiosmtpd's handler that takes a mail and does not say so in time."""

    def __init__(self) -> None:
        self.taken = 0

    async def handle_DATA(self, *_: object) -> str:  # noqa: N802
        self.taken += 1
        await asyncio.sleep(60)
        return "250 OK"


async def test_a_server_that_is_silent_after_the_mail_may_have_taken_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert mail_server.ANSWER_WITHIN_S >= 60
    monkeypatch.setattr(mail_server, "ANSWER_WITHIN_S", 1)
    slow = Slow()
    async with mail_sink(tmp_path, handler=slow) as port:
        with pytest.raises(MailInDoubt, match="did not answer in time"):
            await server(port).send(LETTER, "a")
    assert slow.taken == 1


async def test_a_server_that_is_gone_after_the_mail_may_have_taken_it(tmp_path: Path) -> None:
    class Gone(Says):
        async def _answer(self, running: SMTP, *_: object) -> str:
            assert running.transport is not None
            running.transport.close()
            return self._line

    async with mail_sink(tmp_path, handler=Gone("DATA", "250 OK")) as port:
        with pytest.raises(MailInDoubt, match="hung up"):
            await server(port).send(LETTER, "a")


async def test_a_mail_that_was_taken_is_sent_whatever_comes_of_the_farewell(tmp_path: Path) -> None:
    class Curt(Folder):
        async def handle_QUIT(self, running: SMTP, *_: object) -> str:  # noqa: N802
            assert running.transport is not None
            running.transport.abort()
            return "221 Bye"

    async with mail_sink(tmp_path, handler=Curt(tmp_path)) as port:
        await server(port).send(LETTER, "a")
    assert len(mails(tmp_path)) == 1


async def test_a_server_that_hangs_up_or_is_not_there_is_tried_again_later() -> None:
    async with _answering(b"") as port:
        with pytest.raises(MailNotSent) as hung_up:
            await server(port).send(LETTER, "a")
    with pytest.raises(MailNotSent, match="could not be reached") as absent:
        await server(port).send(LETTER, "a")
    assert type(hung_up.value) is type(absent.value) is MailNotSent


async def test_a_server_without_tls_gets_neither_password_nor_mail(tmp_path: Path) -> None:
    async with mail_sink(tmp_path) as port:
        careful = server(port, tls="starttls", username="us", password=SecretStr("planted-password"))
        with pytest.raises(MailNotSent):
            await careful.send(LETTER, "a")
    assert mails(tmp_path) == []


async def test_without_a_mail_server_the_reason_names_the_setting() -> None:
    unset = SmtpServer(None, 587, None, None, "starttls", None)
    with pytest.raises(MailNotSent, match="COUNTERSIGN_SMTP_HOST"):
        await unset.send(LETTER, "a")


def test_a_letter_shown_in_an_error_shows_no_link() -> None:
    assert "planted" not in repr(LETTER)
