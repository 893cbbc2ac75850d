"""Somebody with a link to a proof, who looks at its page and sends its form."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any
from uuid import UUID

import httpx
from fastapi import FastAPI

from api.proof_limits import ProofLimits
from api.rooms import Rooms
from commands.draft_orders import TemporalUnavailable
from domain.notices import NoticeOrder
from domain.proofs import DecideProof, ProofDecided
from storage import proof_links, proofs
from storage.database import Database
from tests.activities.proof_world import ProofWorld, proof_world

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
JSON = {"Accept": "application/json"}


@dataclass
class Deciding:
    """Decides as the proof's activity does, without its workflow."""

    database: Database
    renewed: list[tuple[UUID, UUID]] = field(default_factory=list)
    noticed: list[NoticeOrder] = field(default_factory=list)
    away: bool = False

    async def decide(self, org_id: UUID, color_up_id: UUID, message: DecideProof) -> ProofDecided:
        if self.away:
            raise TemporalUnavailable("away")
        async with self.database.transaction(org_id) as connection:
            return await proofs.decide(connection, org_id, color_up_id, message, datetime.now(UTC))

    async def tell_notice(self, order: NoticeOrder) -> None:
        if self.away:
            raise TemporalUnavailable("away")
        self.noticed.append(order)

    async def renew_link(self, org_id: UUID, link_id: UUID) -> None:
        self.renewed.append((org_id, link_id))


class Form(HTMLParser):
    """The fields of a page's form, as a browser would send them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.action, self.fields, self.people = "", {}, list[str]()
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        known = {name: value or "" for name, value in attributes}
        if tag == "form":
            self.action = known["action"]
        elif known.get("type") == "hidden":
            self.fields[known["name"]] = known["value"]
        elif known.get("name") == "approver_id":
            self.people.append(known["value"])


@dataclass
class Visitor:
    """Somebody with a link to version 1."""

    world: ProofWorld
    http: httpx.AsyncClient
    deciding: Deciding
    token: str

    async def get(self, path: str = "", **options: Any) -> httpx.Response:
        return await self.http.get(f"/proofs/{self.token}{path}", **{"headers": BROWSER, **options})

    async def form(self) -> Form:
        return Form((await self.get()).text)

    async def send(self, form: Form | None = None, **fields: Any) -> httpx.Response:
        shown = form or await self.form()
        said = {"decision": "approve", "approver_id": str(self.world.approvers[0]), "comment": ""}
        return await self.http.post(shown.action, data={**shown.fields, **said, **fields}, headers=BROWSER)

    async def status(self) -> str:
        (row,) = await self.world.rows(
            "SELECT status FROM color_up WHERE id = :id", id=self.world.color_up_id
        )
        return str(row["status"])

    async def change_link(self, **values: Any) -> None:
        settings = ", ".join(f"{name} = :{name}" for name in values)
        await self.world.change(f"UPDATE proof_link SET {settings}", **values)


CHANGES: dict[str, Callable[[ProofWorld], Any]] = {
    "quantities": lambda world: world.change(
        "UPDATE draft_order_line SET decoration = jsonb_set(decoration, '{size_quantities,M}', '13')"
    ),
    "placement": lambda world: world.change(
        "UPDATE draft_order_line SET decoration = jsonb_set(decoration, '{placement}', '\"Back\"')"
    ),
    "another line": lambda world: world.line(world.color_up_id),
    "a line gone": lambda world: world.change("UPDATE draft_order_line SET status = 'New'"),
    "the logo's name": lambda world: world.change("UPDATE logo SET name = 'Other'"),
    "the design": lambda world: world.change('UPDATE logo SET design = \'{"sha256": "aa"}\''),
    "terms": lambda world: world.change(
        "INSERT INTO proof_terms VALUES (:org, 1, 'a', 'b', NULL, now())", org=world.org_id
    ),
}


@asynccontextmanager
async def visiting(app: FastAPI, rooms: Rooms, org_id: UUID) -> AsyncIterator[Visitor]:
    """Of a proof of the org, that waits; decided without its workflow."""
    database = rooms.database
    world, deciding = await proof_world(database, org_id), Deciding(database)
    fakes: Any = {"proofs": deciding, "errands": deciding}
    app.state.rooms = replace(rooms, proof_limits=ProofLimits(), **fakes)
    async with database.transaction(world.org_id) as connection:
        link = await proof_links.create(
            connection, world.org_id, world.color_up_id, world.approvers[0], datetime.now(UTC)
        )
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://api") as http:
        yield Visitor(world, http, deciding, link.token)
