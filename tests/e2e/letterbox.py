"""The local mail sink's folder, as the customer's people would see their mail."""

import asyncio
import email
import email.policy
import re
from email.message import EmailMessage
from pathlib import Path

ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+(/proofs/[\w-]{43})\b")


class Letterbox:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def mails(self, recipient: str) -> list[EmailMessage]:
        """Oldest first."""
        files = sorted(self._folder.glob("*.eml"))
        found = [email.message_from_bytes(each.read_bytes(), policy=email.policy.default) for each in files]
        return [mail for mail in found if recipient in str(mail["To"])]

    async def mail(self, recipient: str, count: int = 1, within_s: float = 20) -> EmailMessage:
        """The newest one, once there are so many."""
        async with asyncio.timeout(within_s):
            while len(found := self.mails(recipient)) < count:
                await asyncio.sleep(0.05)
        return found[-1]

    async def link(self, recipient: str, count: int = 1) -> str:
        """Path of the page that the newest mail leads to."""
        mail = await self.mail(recipient, count)
        body = mail.get_body(("plain",))
        assert body is not None
        paths: list[str] = ADDRESS.findall(body.get_content())
        return paths[0]
