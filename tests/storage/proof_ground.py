"""A customer with a logo and color-up versions, written as the API writes them."""

from dataclasses import dataclass, field
from uuid import UUID, uuid4

from sqlalchemy import text

from domain.color_ups import ColorUpDecided, Decision, ThreadStop
from domain.messages import Actor, Origin
from domain.proofs import DecideProof, ProofDecided
from domain.statuses import Via
from storage import color_ups, proofs, subscriptions
from storage.approvers import create_approver
from storage.customers import create_customer
from storage.database import Database, Row
from storage.logos import create_logo
from tests.storage.conftest import AT

THREADS = [ThreadStop(stop=1, thread_code="1801")]
CLERK = Actor(user_id=UUID(int=7), email="ops@demo.example")


def verdict(decision: Decision = Decision.APPROVE, **fields: object) -> DecideProof:
    given = {
        "decision": decision,
        "note": "by phone",
        "actor": CLERK,
        "origin": Origin(via=Via.API),
        "token": uuid4().hex,
    }
    return DecideProof.model_validate({**given, **fields})


@dataclass
class Ground:
    """One logo of one customer; `versions` are ids, oldest first."""

    database: Database
    org: UUID
    customer: UUID = field(default_factory=uuid4)
    logo: UUID = field(default_factory=uuid4)
    versions: list[UUID] = field(default_factory=list)

    async def lay(self, versions: int = 1) -> "Ground":
        customer = {
            "name": "Hansen",
            "erp_customer_number": None,
            "default_currency": None,
            "time_zone": "UTC",
            "internal_review_default": False,
        }
        logo = {
            "customer_id": self.customer,
            "name": "Crest",
            "design_number": None,
            "netsuite_file_cabinet_id": None,
            "placement_default": None,
        }
        async with self.database.transaction(self.org) as connection:
            await create_customer(connection, self.org, self.customer, customer, AT)
            await create_logo(connection, self.org, self.logo, logo, AT)
            new = color_ups.NewColorUp(uuid4(), self.customer, self.logo, "14728", "BLK", THREADS, None)
            row = await color_ups.create_color_up(connection, self.org, new, AT)
            self.versions.append(row["id"])
        for _ in range(versions - 1):
            await self.add_version()
        return self

    async def add_version(self) -> UUID:
        row, color_up_id = await self.row(self.versions[-1]), uuid4()
        async with self.database.transaction(self.org) as connection:
            await color_ups.create_version(connection, self.org, row, color_up_id, THREADS, None, AT)
        self.versions.append(color_up_id)
        return color_up_id

    async def approver(self, name: str, **fields: object) -> str:
        """Somebody who may decide; their address."""
        email = f"{uuid4().hex[:8]}@hansen.example"
        who = {"name": name, "email": email, "phone": None, "is_primary": False, "active": True, **fields}
        async with self.database.transaction(self.org) as connection:
            await create_approver(connection, self.org, self.customer, uuid4(), who, AT)
        return email

    async def row(self, color_up_id: UUID) -> Row:
        async with self.database.transaction(self.org) as connection:
            row = await color_ups.get_color_up(connection, self.org, color_up_id)
        assert row is not None
        return row

    async def statuses(self) -> list[str]:
        return [(await self.row(each))["status"] for each in self.versions]

    async def subscribe(self, color_up_id: UUID, draft_id: UUID | None = None) -> ColorUpDecided | None:
        async with self.database.transaction(self.org) as connection:
            return await subscriptions.subscribe(connection, self.org, draft_id or uuid4(), color_up_id, AT)

    async def decide(self, color_up_id: UUID, message: DecideProof | None = None) -> ProofDecided:
        async with self.database.transaction(self.org) as connection:
            return await proofs.decide(connection, self.org, color_up_id, message or verdict(), AT)

    async def trail(self, color_up_id: UUID) -> list[tuple[str, str | None]]:
        """Action and status afterwards, oldest first."""
        query = text("SELECT action, after FROM audit_log WHERE entity_id = :id ORDER BY entity_seq")
        async with self.database.transaction(self.org) as connection:
            rows = await connection.execute(query, {"id": color_up_id})
            return [(row.action, row.after["status"]) for row in rows]
