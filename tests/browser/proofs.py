"""Proofs that wait for their customers, made over HTTP as a team makes them; links as mails bring them."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import text

from domain.proof_sheets import Terms
from local.seed import EXAMPLES
from local.stack import Stack
from storage import proof_links, proof_sheets
from storage.database import Database
from tests.e2e.conftest import Body, Person
from tests.e2e.decorations import (
    customer_with_approver,
    decorated_order,
    decoration,
    line_path,
    lines_at,
    logo_of,
)
from tests.e2e.letterbox import Letterbox

NAVY = {"stop": 1, "needle": 1, "thread_code": "1966", "thread_name": "Navy", "brand": "Madeira"}
GOLD = {"stop": 2, "needle": 2, "thread_code": "1924", "thread_name": "Gold", "brand": "Madeira"}
OLD_GOLD = {**GOLD, "thread_code": "1670", "thread_name": "Old Gold"}
GUESSED = {"stop": 3, "needle": 3, "thread_code": "S-9", "thread_name": "Sunset", "brand": "Unheard"}
TERMS = Terms(
    text_en="Thread colours may differ slightly from your screen.\n"
    "What you approve here is what we sew. After that, changes are a new order.",
    text_de="Garnfarben können von der Anzeige am Bildschirm leicht abweichen.\n"
    "Wir sticken, was Sie hier freigeben. Änderungen danach sind ein neuer Auftrag.",
)


@dataclass(frozen=True)
class Asked:
    """A version that a customer is asked about; `email` is of the first of two approvers, Jo Hansen."""

    customer: Body
    email: str
    color_up: Body
    draft: Body


@dataclass
class Studio:
    """The team that makes proofs."""

    stack: Stack
    ops: Person
    database: Database

    async def proof(self, language: str = "en", *, design: bool = True) -> Asked:
        mark = uuid4().hex[:8]
        customer = await customer_with_approver(
            self.ops, approver=False, name=f"Hansen Golf {mark}", language=language
        )
        email = f"jo-{mark}@hansen.example"
        people = f"/customers/{customer['id']}/approvers"
        for name, address in (("Jo Hansen", email), ("Ada Brandt", f"ada-{mark}@hansen.example")):
            await self.ops.json("POST", people, 201, json={"name": name, "email": address})
        logo = await logo_of(self.ops, customer, name="Club Crest", design_number="HG-2041")
        if design:
            await self._draw(logo["id"], (EXAMPLES / "crest.dst").read_bytes())
        key = {"logo_id": logo["id"], "style_number": "14728", "color_code": "BLK"}
        made = await self.ops.json("POST", "/color-ups", 201, json={**key, "thread_sequence": [NAVY, GOLD]})
        sizes = {"S": 4, "M": 12, "L": 12, "XL": 6, "2XL": 2}
        garment = decoration(logo, style_name="Olympic Polo", size_quantities=sizes)
        draft = await decorated_order(self.ops, customer, garment)
        await lines_at(self.ops, draft, "Color-Up In Progress")
        await self.ops.json("POST", line_path(draft, 1, "color-up"), json={"color_up_id": made["id"]})
        return await self._sent(Asked(customer, email, made, draft))

    async def next_version(self, asked: Asked, *threads: dict[str, Any]) -> Asked:
        """The next version, with the customer."""
        path = f"/color-ups/{asked.color_up['id']}/versions"
        made = await self.ops.json("POST", path, 201, json={"thread_sequence": list(threads)})
        await self.ops.json("POST", line_path(asked.draft, 1, "color-up"), json={"color_up_id": made["id"]})
        return await self._sent(replace(asked, color_up=made))

    async def _sent(self, asked: Asked) -> Asked:
        await self.ops.json("POST", line_path(asked.draft, 1, "submit"))
        await lines_at(self.ops, asked.draft, "Sent for Approval")
        return asked

    async def line_is(self, asked: Asked, status: str) -> None:
        await lines_at(self.ops, asked.draft, status)

    async def link(self, asked: Asked, mails: int = 1) -> str:
        """The address in the newest mail that Jo got, once there are so many."""
        return self.stack.base_url + await Letterbox(self.stack.var / "mail").link(asked.email, mails)

    async def draw(self, asked: Asked, content: bytes) -> None:
        """Put another design in the place of the logo's."""
        await self._draw(asked.color_up["logo_id"], content)

    async def _draw(self, logo_id: str, content: bytes) -> None:
        file = {"file": ("crest.dst", content)}
        await self.ops.json("POST", f"/logos/{logo_id}/design", files=file)

    async def rename_logo(self, asked: Asked, name: str) -> None:
        async with self.database.transaction(await self._org()) as connection:
            statement = text("UPDATE logo SET name = :name WHERE id = :id")
            await connection.execute(statement, {"id": UUID(asked.color_up["logo_id"]), "name": name})

    async def write_terms(self) -> None:
        async with self.database.transaction(await self._org()) as connection:
            await proof_sheets.add_terms(connection, await self._org(), TERMS, None, datetime.now(UTC))

    async def let_link_expire(self, link: str) -> None:
        found = await proof_links.find(self.database, link.rpartition("/")[2])
        assert found is not None
        org, link_id = found
        async with self.database.transaction(org) as connection:
            # made long ago, too: the page mails no second one within minutes
            statement = (
                "UPDATE proof_link SET created_at = now() - interval '31 days', "
                "expires_at = now() - interval '1 day' WHERE id = :id"
            )
            await connection.execute(text(statement), {"id": link_id})

    async def _org(self) -> UUID:
        return UUID((await self.ops.json("GET", "/me"))["org"]["id"])
