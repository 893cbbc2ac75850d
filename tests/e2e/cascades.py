"""Many drafts whose lines wait for one color-up, and how each line has moved since."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import UUID, uuid4

import httpx
from sqlalchemy import text
from temporalio.client import Client

from domain.messages import draft_workflow_id
from local.seed import seeded_id
from storage.database import Database, Row
from tests.e2e.conftest import Body, Person, good_line
from tests.e2e.decorations import (
    color_up_of,
    customer_with_approver,
    decoration,
    line_path,
    logo_of,
)
from tests.workflows.resting import rests

T = TypeVar("T")
AT_ONCE = 6
APPROVAL = {"decision": "approve", "note": "By telephone with Jo"}
SENT = ["New", "Awaiting Logo", "Color-Up In Progress", "Sent for Approval"]
UNSENT = [*SENT[:-1], "Needs Approver"]
DECIDED = [*SENT, "Approved", "Pending Production Approval"]


@dataclass
class Cascade:
    """`drafts` have one decorated line each, of the key of one color-up."""

    ops: Person
    database: Database
    customer: Body
    logo: Body
    color_up: Body
    drafts: list[str] = field(default_factory=list)

    @classmethod
    async def prepared(cls, ops: Person, database: Database) -> "Cascade":
        customer = await customer_with_approver(ops)
        logo = await logo_of(ops, customer)
        return cls(ops, database, customer, logo, await color_up_of(ops, logo))

    def beside(self, color_up: Body) -> "Cascade":
        """Of the same customer."""
        return Cascade(self.ops, self.database, self.customer, self.logo, color_up)

    async def grow(self, count: int) -> list[str]:
        """More drafts, whose lines have the color-up and are not submitted."""
        key, line = self.color_up["color_code"], await good_line(self.ops)

        async def one() -> str:
            body = {
                "customer_id": self.customer["id"],
                "external_order_number": f"PO-{uuid4().hex[:10]}",
                "currency": "EUR",
                "lines": [{**line, "decoration": decoration(self.logo, key)}],
            }
            return str((await answered(self.ops, "/draft-orders", body))["id"])

        new = await at_once(one for _ in range(count))
        await self.until("Color-Up In Progress", new)
        body = {"color_up_id": self.color_up["id"]}
        await at_once(
            lambda each=each: answered(self.ops, line_path({"id": each}, 1, "color-up"), body) for each in new
        )
        self.drafts += new
        return new

    async def submit(self, drafts: Sequence[str]) -> None:
        await at_once(lambda each=each: self.submit_one(each) for each in drafts)

    async def submit_one(self, draft: str) -> Body:
        return await answered(self.ops, line_path({"id": draft}, 1, "submit"))

    async def waiting(self, count: int) -> list[str]:
        """More drafts, sent to the customer and subscribed."""
        new = await self.grow(count)
        await self.submit(new)
        await self.until("Sent for Approval", new)
        return new

    async def decide(self) -> Body:
        return await answered(self.ops, f"/color-ups/{self.color_up['id']}/decision", APPROVAL)

    async def until(self, status: str, drafts: Sequence[str], within_s: float = 120) -> None:
        async with asyncio.timeout(within_s):
            while await self.at(status, drafts) < len(drafts):
                await asyncio.sleep(0.1)

    async def at(self, status: str, drafts: Sequence[str] | None = None) -> int:
        """How many of the drafts' lines stand there, on record."""
        query = (
            "SELECT count(*) FROM draft_order_line WHERE status = :status AND draft_order_id = ANY(:drafts)"
        )
        (row,) = await self.rows(query, drafts, status=status)
        return int(row["count"])

    async def ways(self, drafts: Sequence[str] | None = None) -> dict[str, list[str]]:
        """By draft: where its line has been, in order, as its history has it."""
        query = (
            "SELECT draft_order_id, to_status FROM line_status_history WHERE draft_order_id = ANY(:drafts) "
            "ORDER BY draft_order_id, sequence, n"
        )
        found = itertools.groupby(await self.rows(query, drafts), key=lambda row: str(row["draft_order_id"]))
        return {draft: [row["to_status"] for row in rows] for draft, rows in found}

    async def audited(self, drafts: Sequence[str] | None = None) -> dict[str, int]:
        """By draft: rows of the audit trail about moves of its line."""
        query = (
            "SELECT entity_id, count(*) FROM audit_log WHERE action = 'LINE_STATUS_CHANGED' "
            "AND entity_id = ANY(:drafts) GROUP BY entity_id"
        )
        return {str(row["entity_id"]): row["count"] for row in await self.rows(query, drafts)}

    async def untold(self) -> int:
        """Drafts on the list of those that wait, which nobody has told."""
        query = (
            "SELECT count(*) FROM color_up_subscription WHERE color_up_id = :color_up AND told_at IS NULL "
            "AND draft_order_id = ANY(:drafts)"
        )
        (row,) = await self.rows(query, color_up=UUID(self.color_up["id"]))
        return int(row["count"])

    async def without_approver(self, count: int, temporal_address: str) -> list[str]:
        """More drafts, whose lines need an approver; then there is one again, and nobody says so.

        By the rows alone: over HTTP, a new approver has such lines sent.
        """
        new = await self.grow(count)
        await self._approver_is(active=False)
        await self.submit(new)
        await self.until("Needs Approver", new)
        client = await Client.connect(temporal_address)
        for each in new:
            workflow_id = draft_workflow_id(seeded_id(self.ops.org), UUID(each))
            await rests(client.get_workflow_handle(workflow_id))
        await self._approver_is(active=True)
        return new

    async def _approver_is(self, *, active: bool) -> None:
        query = text("UPDATE approver SET active = :active WHERE customer_id = :customer")
        async with self.database.transaction(seeded_id(self.ops.org)) as connection:
            await connection.execute(query, {"active": active, "customer": UUID(self.customer["id"])})

    async def rows(self, query: str, drafts: Sequence[str] | None = None, **values: Any) -> list[Row]:
        values["drafts"] = [UUID(each) for each in (self.drafts if drafts is None else drafts)]
        async with self.database.transaction(seeded_id(self.ops.org)) as connection:
            return list((await connection.execute(text(query), values)).mappings())


async def answered(ops: Person, path: str, body: Body | None = None) -> Body:
    """Asks again with the same key until there is an answer: a worker may have died."""
    headers = {"Idempotency-Key": uuid4().hex}
    async with asyncio.timeout(150):
        while True:
            try:
                answer = await ops.call("POST", path, json=body, headers=headers)
            except httpx.TransportError:
                continue
            if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                break
            await asyncio.sleep(0.2)
    assert answer.is_success, f"{path}: {answer.status_code} {answer.text}"
    told: Body = answer.json()
    return told


async def at_once(calls: Iterable[Callable[[], Awaitable[T]]]) -> list[T]:
    turns = asyncio.Semaphore(AT_ONCE)

    async def one(call: Callable[[], Awaitable[T]]) -> T:
        async with turns:
            return await call()

    return await asyncio.gather(*(one(call) for call in calls))
