"""Drafts that wait for a logo, a mail and a customer's system; and whether each heard of each exactly once.

What the customer has is read from the mail server's folder, the rest from PostgreSQL.
"""

import asyncio
import email
import email.policy
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
from sqlalchemy import text

from domain.callbacks import CallbackOutcome
from local.local_env import read_local_env
from storage.database import Row
from tests.api.callback_sender import said, signed
from tests.e2e.cascades import DECIDED
from tests.e2e.conftest import Body
from tests.e2e.decorations import NAVY, STYLE, decoration, line_path
from tests.faults.account import Count
from tests.faults.crowd import LINE
from tests.faults.ground import ORG_ID, Ground

MAILINGS = 2  # the first one, and one that is sent again
MOST_OFTEN = 2  # a mail arrives once, or twice when its worker died before it noted the mail server's yes
_LOOK_EVERY_S = 0.1


@dataclass
class ProofLife:
    """One draft with one decorated line, from its order to the decision."""

    mark: str
    draft_id: str = ""
    color_up_id: str = ""
    broken_off: str = ""

    @property
    def email(self) -> str:
        return f"{self.mark}@hansen.example"


@dataclass
class Evidence:
    """What is known of one life at its end. `mails`: how often each Message-ID arrived."""

    way: list[str]
    moves: int  # rows of the trail about them
    mails: Counter[str] = field(default_factory=Counter)
    callbacks: list[str | None] = field(default_factory=list)  # their outcomes
    decisions: int = 0


class ProofLives:
    """Lives side by side; each waits for what the product does by itself, at most `patience_s` a step."""

    def __init__(self, ground: Ground, patience_s: float) -> None:
        self.lives: list[ProofLife] = []
        self._ground = ground
        self._patience_s = patience_s
        self._read: dict[Path, tuple[list[str], str]] = {}
        environment = read_local_env(ground.stack.var / "local.env")
        self._secret = environment["DEMO_CALLBACK_SECRET"]

    async def bring(self, count: int, at_once: int) -> None:
        turns = asyncio.Semaphore(at_once)
        new = [ProofLife(f"proof-{uuid4().hex[:10]}") for _ in range(count)]
        self.lives += new

        async def one(life: ProofLife) -> None:
            async with turns:
                try:
                    await self._live(life)
                except (AssertionError, TimeoutError) as error:
                    life.broken_off = f"{type(error).__name__} {error}"

        await asyncio.gather(*(one(life) for life in new))

    async def _live(self, life: ProofLife) -> None:
        customer = await self._ask("/customers", {"name": f"Hansen {life.mark}"})
        await self._ask(f"/customers/{customer['id']}/approvers", {"name": "Jo", "email": life.email})
        await self._ordered(life, customer)
        await self._until_line(life, "Awaiting Logo")
        cabinet = {"netsuite_file_cabinet_id": life.mark}
        logo = await self._ask("/logos", {"customer_id": customer["id"], "name": "Crest", **cabinet})
        await self._until_line(life, "Color-Up In Progress")
        await self._sent(life, logo)
        await self._until_mails(life, 1)
        await self._ask(f"/color-ups/{life.color_up_id}/resend")
        await self._until_mails(life, MAILINGS)
        await self._called_back(life)
        await self._until_line(life, DECIDED[-1])
        await self._until_settled(life)

    async def _ordered(self, life: ProofLife, customer: Body) -> None:
        garment = decoration(netsuite_file_cabinet_id=life.mark)
        order = {"customer_id": customer["id"], "currency": "EUR", "lines": [{**LINE, "decoration": garment}]}
        life.draft_id = (await self._ask("/draft-orders", order))["id"]

    async def _sent(self, life: ProofLife, logo: Body) -> None:
        key = {"logo_id": logo["id"], "style_number": STYLE, "color_code": "BLK"}
        life.color_up_id = (await self._ask("/color-ups", {**key, "thread_sequence": [NAVY]}))["id"]
        draft = {"id": life.draft_id}
        await self._ask(line_path(draft, 1, "color-up"), {"color_up_id": life.color_up_id})
        await self._ask(line_path(draft, 1, "submit"))

    async def _called_back(self, life: ProofLife) -> None:
        """As a sender does: the same letter again until somebody has taken it."""
        letter = signed(said(life.color_up_id, approver_email=life.email), self._secret)
        await self._answered(lambda: letter.send(self._ground.ops))

    async def _ask(self, path: str, body: Body | None = None) -> Body:
        headers = {"Idempotency-Key": uuid4().hex}
        told: Body = await self._answered(lambda: self._ground.ops.post(path, json=body, headers=headers))
        return told

    async def _answered(self, call: Callable[[], Awaitable[httpx.Response]]) -> Any:
        async with asyncio.timeout(self._patience_s):
            while True:
                with suppress(httpx.TransportError):
                    answer = await call()
                    if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                        break
                await asyncio.sleep(_LOOK_EVERY_S)
        assert answer.is_success, f"{answer.request.url.path}: {answer.status_code} {answer.text[:300]}"
        return answer.json()

    async def _until_line(self, life: ProofLife, status: str) -> None:
        query = "SELECT 1 FROM draft_order_line WHERE draft_order_id = :id AND status = :status"
        async with asyncio.timeout(self._patience_s):
            while not await self._rows(query, life.draft_id, status=status):
                await asyncio.sleep(_LOOK_EVERY_S)

    async def _until_mails(self, life: ProofLife, count: int) -> None:
        async with asyncio.timeout(self._patience_s):
            while len(self._mails()[life.email]) < count:
                await asyncio.sleep(_LOOK_EVERY_S)

    async def _until_settled(self, life: ProofLife) -> None:
        query = "SELECT 1 FROM callback_inbox WHERE color_up_id = :id AND outcome IS NULL"
        async with asyncio.timeout(self._patience_s):
            while await self._rows(query, life.color_up_id):
                await asyncio.sleep(_LOOK_EVERY_S)

    async def count(self, count: Count) -> None:
        """Judge every life by what there is now."""
        mails = self._mails()
        for life in self.lives:
            judge(count, life, await self._evidence(life, mails))

    async def _evidence(self, life: ProofLife, mails: Mapping[str, Counter[str]]) -> Evidence:
        way = await self._rows(_WAY, life.draft_id) if life.draft_id else []
        moves = await self._rows(_MOVES, life.draft_id) if life.draft_id else []
        asked = life.color_up_id or str(uuid4())
        return Evidence(
            way=[row["to_status"] for row in way],
            moves=len(moves),
            mails=mails[life.email],
            callbacks=[row["outcome"] for row in await self._rows(_CALLBACKS, asked)],
            decisions=len(await self._rows(_DECISIONS, asked)),
        )

    def _mails(self) -> dict[str, Counter[str]]:
        """By recipient."""
        found: dict[str, Counter[str]] = {life.email: Counter() for life in self.lives}
        for path in (self._ground.stack.var / "mail").glob("*.eml"):
            if path not in self._read:
                mail = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
                to = [each.addr_spec for each in mail["To"].addresses]
                self._read[path] = to, str(mail["Message-ID"])
            recipients, message_id = self._read[path]
            for recipient in recipients:
                if recipient in found:
                    found[recipient][message_id] += 1
        return found

    async def _rows(self, query: str, entity: str, **values: Any) -> Sequence[Row]:
        async with self._ground.database.transaction(ORG_ID) as connection:
            found = await connection.execute(text(query), {"id": UUID(entity), **values})
            return list(found.mappings())


_WAY = "SELECT to_status FROM line_status_history WHERE draft_order_id = :id ORDER BY sequence, n"
_MOVES = "SELECT 1 FROM audit_log WHERE action = 'LINE_STATUS_CHANGED' AND entity_id = :id"
_CALLBACKS = "SELECT outcome FROM callback_inbox WHERE color_up_id = :id"
_DECISIONS = "SELECT 1 FROM audit_log WHERE action = 'PROOF_APPROVED' AND entity_id = :id"


def judge(count: Count, life: ProofLife, found: Evidence) -> None:
    """Each move once; each mail once, or twice under one Message-ID; one callback with one effect."""
    count.pushes += 1
    name = f"{life.mark} (draft {life.draft_id}, color-up {life.color_up_id})"
    if life.broken_off:
        count.found("stuck", f"{name} after {found.way[-1:]}: {life.broken_off}")
        return
    if found.way != DECIDED or found.moves != len(DECIDED) - 1:
        count.found("audit", f"{name} moved {found.way}, {found.moves} rows in the trail")
    if len(found.mails) != MAILINGS:
        column = "lost" if len(found.mails) < MAILINGS else "duplicate"
        count.found(column, f"{name}: {len(found.mails)} different mails for {MAILINGS} mailings")
    for message_id, times in found.mails.items():
        if times > MOST_OFTEN:
            count.found("duplicate", f"{name}: {message_id} came {times} times")
    if found.callbacks != [CallbackOutcome.APPLIED] or found.decisions != 1:
        count.found("audit", f"{name}: callbacks {found.callbacks}, {found.decisions} decisions")
