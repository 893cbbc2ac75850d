"""The customer's part in the demo: a mail comes, its link is opened, a button of the page is pressed."""

import asyncio
import email
import email.policy
import re
from email.message import EmailMessage
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import httpx
from rich.console import Console
from rich.markup import escape

from local.demo_client import DONE_WITHIN_S, DemoFailed, expect

BROWSER = {"Accept": "text/html,application/xhtml+xml", "Accept-Language": "en"}
LINES_SHOWN = 8
_LINK = re.compile(r"https?://\S+/proofs/([\w-]+)")


class _Page(HTMLParser):
    """What somebody sees of a page: its sentences, and its form with the names to choose from."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.action = ""
        self.fields: dict[str, str] = {}
        self.people: dict[str, str] = {}
        self._person: str | None = None
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.action = known["action"]
        elif known.get("type") == "hidden":
            self.fields[known["name"]] = known["value"]
        elif known.get("name") == "approver_id":
            self._person = known["value"]

    def handle_data(self, data: str) -> None:
        if self._person is not None and data.strip():
            self.people[data.strip()] = self._person
            self._person = None


async def approve_by_mail(
    console: Console, base_url: str, mails: Path, *, recipient: str, about: str, who: str, comment: str
) -> None:
    """Wait for the mail to `recipient` whose subject holds `about`; approve by its link, as `who`.

    Raises:
        DemoFailed: there is no such mail, or the page is not as it must be.
    """
    mail = await _mail(mails, recipient, about)
    text = _text(mail)
    link = _LINK.search(text)
    if link is None:
        raise DemoFailed(f"the mail to {recipient} holds no link")
    token, hidden = link[1], f"{link[1][:4]}…"
    _show(console, mail, text.replace(token, hidden))
    async with httpx.AsyncClient(base_url=base_url, headers=BROWSER, trust_env=False, timeout=15) as http:
        page = await http.get(link[0])
        _said(console, f"GET /proofs/{hidden}", page, 200)
        form = _Page(page.text)
        if who not in form.people:
            raise DemoFailed(f"the page lets {', '.join(form.people)} decide, not {who}")
        wish = {**form.fields, "decision": "approve", "approver_id": form.people[who], "comment": comment}
        done = await http.post(form.action, data=wish)
        _said(console, f"POST /proofs/{hidden}/decision", done, 200)
        headline = re.search(r"<strong>([^<]*)</strong></p>\s*<p>([^<]*)", done.text)
        found = headline and unescape(headline[1])
        expect(found, "This proof is approved.", "what the page says after the decision")
        console.print(f"  the page: [green]{found}[/green] {unescape(headline[2]) if headline else ''}")


async def _mail(mails: Path, recipient: str, about: str) -> EmailMessage:
    for _ in range(DONE_WITHIN_S * 4):
        for file in sorted(mails.glob("*.eml")):
            mail = email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
            if recipient in str(mail["To"]) and about in str(mail["Subject"]):
                return mail
        await asyncio.sleep(0.25)
    raise DemoFailed(f"no mail to {recipient} about {about} within {DONE_WITHIN_S} seconds")


def _text(mail: EmailMessage) -> str:
    body = mail.get_body(("plain",))
    return "" if body is None else str(body.get_content())


def _show(console: Console, mail: EmailMessage, text: str) -> None:
    lines = [f"To: {mail['To']}", f"Subject: {mail['Subject']}", ""]
    lines += text.rstrip().splitlines()[:LINES_SHOWN]
    console.print("\n  The mail server took:")
    for line in lines:
        console.print(f"  [dim]│[/dim] {escape(line)}", highlight=False, soft_wrap=True)
    console.print()


def _said(console: Console, what: str, answer: httpx.Response, wanted: int) -> None:
    console.print(f"  [dim]{'customer':<11}[/dim] {what} → {answer.status_code}", highlight=False)
    expect(answer.status_code, wanted, what)
