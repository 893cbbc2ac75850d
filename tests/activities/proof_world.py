"""An org with a customer, two approvers, a logo, a draft's decorated line and color-up versions, as rows."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.color_ups import ThreadStop
from storage import approvers, color_ups, logos
from storage.database import Database
from storage.subscriptions import subscribe
from tests.storage.conftest import new_org

AT = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
NAVY = ThreadStop(stop=1, needle=1, thread_code="1966", thread_name="Navy", brand="Madeira")
WHITE = ThreadStop(stop=2, needle=2, thread_code="1801", thread_name="White", brand="Madeira")
GOLD = ThreadStop(stop=2, needle=3, thread_code="1924", thread_name="Gold", brand="Madeira")


@dataclass
class ProofWorld:
    database: Database
    org_id: UUID
    customer_id: UUID
    approvers: list[UUID]  # the second one is the primary
    logo_id: UUID
    color_up_id: UUID  # version 1, sent

    async def new_version(self, threads: list[ThreadStop], *, sent: bool = True) -> UUID:
        color_up_id, at = uuid4(), datetime.now(UTC)
        async with self.database.transaction(self.org_id) as connection:
            of = await color_ups.get_color_up(connection, self.org_id, self.color_up_id)
            assert of is not None
            await color_ups.create_version(connection, self.org_id, of, color_up_id, threads, None, at)
            if sent:
                await subscribe(connection, self.org_id, uuid4(), color_up_id, at)
        return color_up_id

    async def line(self, color_up_id: UUID, status: str = "Sent for Approval", **decoration: Any) -> UUID:
        """A draft with one line on the version; its id."""
        draft_id = uuid4()
        known = {
            "style_number": "14728",
            "style_name": "Olympic Polo",
            "color_code": "BLK",
            "placement": "Left Chest",
            "size_quantities": {"XL": 4, "M": 12, "L": 12},
            **decoration,
        }
        async with self.database.transaction(self.org_id) as connection:
            await connection.execute(
                text(
                    "INSERT INTO draft_order (id, org_id, number, status, version, customer_id, decorated, "
                    "external_order_number, customer_signed, production_signed, search, snapshot, "
                    "created_at, updated_at) VALUES (:id, :org, :number, 'READY', 1, :customer, true, "
                    "'PO-77', false, false, '', '{}', :at, :at)"
                ),
                {
                    "id": draft_id,
                    "org": self.org_id,
                    "number": f"D-{draft_id.int % 10**6:06}",
                    "customer": self.customer_id,
                    "at": AT,
                },
            )
            await connection.execute(
                text(
                    "INSERT INTO draft_order_line (draft_order_id, line_no, org_id, id, decoration, status, "
                    "color_up_id) VALUES (:draft, 1, :org, :id, cast(:decoration AS jsonb), :status, :color)"
                ),
                {
                    "draft": draft_id,
                    "org": self.org_id,
                    "id": uuid4(),
                    "decoration": json.dumps(known),
                    "status": status,
                    "color": color_up_id,
                },
            )
        return draft_id

    async def change(self, statement: str, **values: Any) -> None:
        async with self.database.transaction(self.org_id) as connection:
            await connection.execute(text(statement), values)

    async def rows(self, statement: str, **values: Any) -> list[dict[str, Any]]:
        async with self.database.transaction(self.org_id) as connection:
            return [dict(row) for row in (await connection.execute(text(statement), values)).mappings()]


async def new_customer(
    connection: AsyncConnection, org_id: UUID, customer_id: UUID, language: str = "en"
) -> None:
    await connection.execute(
        text(
            "INSERT INTO customer (id, org_id, name, time_zone, language, created_at, updated_at) "
            "VALUES (:id, :org, 'Hansen Golf', 'UTC', :language, :at, :at)"
        ),
        {"id": customer_id, "org": org_id, "language": language, "at": AT},
    )


async def proof_world(database: Database, org_id: UUID | None = None, language: str = "en") -> ProofWorld:
    """Version 1 in navy and white, sent for approval, with a line that waits for it."""
    org = org_id or await new_org(database)
    customer_id, logo_id, first = uuid4(), uuid4(), uuid4()
    people = [uuid4(), uuid4()]
    async with database.transaction(org) as connection:
        await new_customer(connection, org, customer_id, language)
        for number, person in enumerate(people):
            who = {"name": ("Jo Hansen", "Ada <Boss>")[number], "email": f"{person.hex[:8]}@hansen.example"}
            more = {"phone": None, "is_primary": number == 1, "active": True}
            await approvers.create_approver(connection, org, customer_id, person, who | more, AT)
        logo = {"customer_id": customer_id, "name": "Crest", "design_number": "HG-1"}
        logo |= {"netsuite_file_cabinet_id": None, "placement_default": None}
        await logos.create_logo(connection, org, logo_id, logo, AT)
        new = color_ups.NewColorUp(
            id=first,
            customer_id=customer_id,
            logo_id=logo_id,
            style_number="14728",
            color_code="BLK",
            thread_sequence=[NAVY, WHITE],
            created_by_user_id=None,
        )
        await color_ups.create_color_up(connection, org, new, AT)
        await subscribe(connection, org, uuid4(), first, AT)
    world = ProofWorld(database, org, customer_id, people, logo_id, first)
    await world.line(first)
    return world
