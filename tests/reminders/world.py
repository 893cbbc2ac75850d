"""Customers whose proofs wait: rows as drafts, proofs and the API write them, and mails by real SMTP."""

import email
import email.policy
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import text
from temporalio import activity

from activities.digest_letters import DigestLetters
from activities.mailing import Mailer
from activities.reminders import Mornings
from connectors.mail_server import MailServer, SmtpServer
from domain.color_ups import Decision, ThreadStop
from domain.digests import Round
from storage import approvers, color_ups, customers, logos, proofs, subscriptions
from storage.database import Database
from tests.reminders.waiting_draft import HEAR
from tests.storage.conftest import AT, new_org
from tests.storage.proof_ground import verdict

THREADS = [ThreadStop(stop=1, thread_code="1801")]
PUBLIC_URL = "https://orders.example.com"
SENDER = "Countersign <proofs@countersign.example>"


def smtp(port: int) -> SmtpServer:
    return SmtpServer("127.0.0.1", port, None, None, "none", SENDER)


def read(folder: Path) -> list[EmailMessage]:
    """The sink's mails, oldest first."""
    files = sorted(folder.glob("*.eml"))
    return [email.message_from_bytes(file.read_bytes(), policy=email.policy.default) for file in files]  # type: ignore[misc]


def body(mail: EmailMessage) -> str:
    part = mail.get_body(("plain",))
    assert part is not None
    return str(part.get_content())


@dataclass
class World:
    database: Database
    server: MailServer
    org: UUID = field(default_factory=uuid4)
    drafts: dict[UUID, list[UUID]] = field(default_factory=dict)  # by proof

    async def settle(self) -> "World":
        self.org = await new_org(self.database)
        return self

    def mornings(self, commands: Any) -> Mornings:
        return Mornings(
            self.database, Mailer(self.database, self.server), DigestLetters(PUBLIC_URL), commands
        )

    async def customer(self, zone: str = "Europe/Berlin", people: int = 1, **fields: Any) -> UUID:
        """With `people` active approvers, and one more who is not."""
        customer_id = uuid4()
        values = {"name": f"Customer {zone}", "erp_customer_number": None, "default_currency": None}
        values |= {"time_zone": zone, "internal_review_default": False, **fields}
        async with self.database.transaction(self.org) as connection:
            await customers.create_customer(connection, self.org, customer_id, values, AT)
        for number in range(people + 1):
            await self.approver(customer_id, active=number < people)
        return customer_id

    async def approver(self, customer_id: UUID, *, active: bool = True) -> UUID:
        approver_id = uuid4()
        values = {
            "name": "Jo Hansen",
            "email": f"{approver_id.hex}@{customer_id.hex}.example",
            "phone": "+49 40 123456",
            "is_primary": False,
            "active": active,
        }
        async with self.database.transaction(self.org) as connection:
            await approvers.create_approver(connection, self.org, customer_id, approver_id, values, AT)
        return approver_id

    async def proof(self, customer_id: UUID, drafts: int = 1, logo: str = "Crest") -> UUID:
        """A version that was sent, and drafts whose lines wait for it."""
        logo_id, proof_id = uuid4(), uuid4()
        values: dict[str, Any] = {"customer_id": customer_id, "name": logo, "design_number": None}
        values |= {"netsuite_file_cabinet_id": None, "placement_default": None}
        new = color_ups.NewColorUp(proof_id, customer_id, logo_id, "14728", "BLK", THREADS, None)
        async with self.database.transaction(self.org) as connection:
            await logos.create_logo(connection, self.org, logo_id, values, AT)
            await color_ups.create_color_up(connection, self.org, new, AT)
        self.drafts[proof_id] = [await self.draft(customer_id, proof_id) for _ in range(drafts)]
        return proof_id

    async def draft(self, customer_id: UUID, proof_id: UUID, *, subscribed: bool = True) -> UUID:
        draft_id = uuid4()
        values = {
            "id": draft_id,
            "org": self.org,
            "number": f"D-{draft_id.hex[:6]}",
            "customer": customer_id,
            "proof": proof_id,
            "line": uuid4(),
            "at": AT,
        }
        async with self.database.transaction(self.org) as connection:
            await connection.execute(
                text(
                    "INSERT INTO draft_order (id, org_id, number, status, version, customer_id, decorated, "
                    "customer_signed, production_signed, search, snapshot, created_at, updated_at) VALUES "
                    "(:id, :org, :number, 'READY', 1, :customer, true, false, false, '', '{}', :at, :at)"
                ),
                values,
            )
            await connection.execute(
                text(
                    "INSERT INTO draft_order_line (draft_order_id, line_no, org_id, id, status, color_up_id) "
                    "VALUES (:id, 1, :org, :line, 'Sent for Approval', :proof)"
                ),
                values,
            )
            if subscribed:
                await subscriptions.subscribe(connection, self.org, draft_id, proof_id, AT)
        return draft_id

    async def decide(self, proof_id: UUID, decision: Decision = Decision.APPROVE) -> None:
        async with self.database.transaction(self.org) as connection:
            await proofs.decide(connection, self.org, proof_id, verdict(decision), datetime.now(UTC))

    async def change(self, customer_id: UUID, **changes: Any) -> None:
        async with self.database.transaction(self.org) as connection:
            row = await customers.get_customer(connection, self.org, customer_id, lock=True)
            assert row is not None
            await customers.update_customer(connection, self.org, row, changes, AT)

    async def setting(self, name: str, value: int) -> None:
        await self.run(
            "UPDATE org SET settings = settings || jsonb_build_object(cast(:name AS text), "
            "cast(:value AS integer)) WHERE id = :org",
            name=name,
            value=value,
        )

    async def run(self, statement: str, **values: Any) -> None:
        async with self.database.transaction(self.org) as connection:
            await connection.execute(text(statement), {"org": self.org, **values})

    async def rows(self, query: str, **values: Any) -> list[dict[str, Any]]:
        async with self.database.transaction(self.org) as connection:
            return [dict(row) for row in (await connection.execute(text(query), values)).mappings()]

    async def lines(self, proof_id: UUID) -> list[str]:
        query = "SELECT status FROM draft_order_line WHERE color_up_id = :id ORDER BY draft_order_id"
        return [row["status"] for row in await self.rows(query, id=proof_id)]

    async def reminded(self, proof_id: UUID) -> list[date]:
        query = "SELECT local_date FROM proof_reminder WHERE color_up_id = :id ORDER BY 1"
        return [row["local_date"] for row in await self.rows(query, id=proof_id)]

    async def trail(self, proof_id: UUID) -> list[tuple[str, dict[str, Any]]]:
        query = "SELECT action, details FROM audit_log WHERE entity_id = :id ORDER BY entity_seq"
        return [(row["action"], row["details"]) for row in await self.rows(query, id=proof_id)]

    async def calls(self) -> dict[UUID, datetime]:
        found = await self.rows("SELECT color_up_id, since FROM proof_phone_call")
        return {row["color_up_id"]: row["since"] for row in found}

    def round(self, customer_id: UUID, day: date, hour: int = 7) -> Round:
        at = datetime(day.year, day.month, day.day, hour, tzinfo=UTC)
        return Round(org_id=self.org, customer_id=customer_id, day=day, at=at)

    @activity.defn(name=HEAR)
    async def hear(self, org_id: str, draft_id: str, color_up_id: str) -> None:
        """As the draft's record: its lines on this version are called about."""
        assert org_id == str(self.org)
        await self.run(
            "UPDATE draft_order_line SET status = 'Phone Call' WHERE draft_order_id = :draft "
            "AND color_up_id = :proof AND status = 'Sent for Approval'",
            draft=UUID(draft_id),
            proof=UUID(color_up_id),
        )


@dataclass
class Told:
    """Stands for `commands.reminders.Reminders`: notes what it is asked. `raises`: what comes first."""

    raises: list[Exception] = field(default_factory=list)
    calls: list[tuple[UUID, UUID]] = field(default_factory=list)
    started: list[UUID] = field(default_factory=list)
    kept: list[UUID] = field(default_factory=list)

    async def phone_call(self, org_id: UUID, draft_id: UUID, color_up_id: UUID) -> None:
        self.calls.append((draft_id, color_up_id))
        if self.raises:
            raise self.raises.pop(0)

    async def start(self, org_id: UUID, customer_id: UUID) -> None:
        self.started.append(customer_id)

    async def keep(self, org_id: UUID, customer_id: UUID) -> None:
        self.kept.append(customer_id)
