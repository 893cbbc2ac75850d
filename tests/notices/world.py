"""Drafts' rows that wait, what they wait for, and the notices of it; on real servers."""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import text
from temporalio.client import Client, WorkflowHandle
from temporalio.testing import ActivityEnvironment

from activities.notices import Notices
from activities.projection import ProjectionActivities
from commands.draft_orders import DraftOrders
from commands.errands import Errands
from commands.proofs import Proofs
from commands.reminders import Reminders
from domain.draft import Decoration, Header, LineInput
from domain.edits import numbered
from domain.messages import Actor, CreateDraft, Origin
from domain.notices import NoticeKind, NoticeOrder, notice_workflow_id
from domain.policy import OrgPolicy
from domain.statuses import LineStatus, Via
from storage import color_ups
from storage.approvers import create_approver
from storage.database import Database
from storage.logos import create_logo
from storage.notices import add_notice
from tests.queues import OwnQueue
from tests.storage.conftest import AT
from tests.storage.proof_ground import THREADS, Ground
from workflows.draft_order import DraftOrderWorkflow
from workflows.notices import LineNoticeWorkflow, RelayNoticesWorkflow

_ORDER = text(
    "INSERT INTO draft_order (id, org_id, number, status, version, customer_id, decorated, customer_signed, "
    "production_signed, search, snapshot, created_at, updated_at) "
    "SELECT id, :org, 'D-' || id, :draft_status, 1, :customer, true, false, false, '', '{}', :at, :at "
    "FROM unnest(cast(:ids AS uuid[])) id"
)
_LINES = text(
    "INSERT INTO draft_order_line (draft_order_id, line_no, org_id, id, decoration, status, color_up_id) "
    "SELECT id, n, :org, gen_random_uuid(), cast(:decoration AS jsonb), :status, :color_up "
    "FROM unnest(cast(:ids AS uuid[])) id, generate_series(1, :lines) n"
)


class World(OwnQueue):
    def __init__(self, client: Client, database: Database, org: UUID, queue: str) -> None:
        super().__init__(client, database, org, queue)
        self.errands = Errands(client, queue, 5)
        self.proofs = Proofs(client, queue, 5)
        self.reminders = Reminders(client, queue, 5)
        self.ground = Ground(database, org)

    async def settle(self) -> "World":
        await self.ground.lay()
        return self

    def notices(self, drafts: DraftOrders | None = None, left_after: timedelta | None = None) -> Notices:
        after = timedelta(seconds=10) if left_after is None else left_after
        return Notices(self.database, drafts or self.drafts, self.errands, self.proofs.start, after)

    @asynccontextmanager
    async def worker(
        self, drafts: DraftOrders | None = None, activities: Sequence[Any] = ()
    ) -> AsyncIterator[None]:
        own = self.notices(drafts)
        workflows = [LineNoticeWorkflow, RelayNoticesWorkflow, DraftOrderWorkflow]
        async with self.serving(workflows, [own.tell, own.relay, *activities]):
            yield

    async def rows(
        self,
        status: LineStatus,
        count: int = 1,
        *,
        customer: UUID | None = None,
        file: str | None = None,
        **values: Any,
    ) -> list[UUID]:
        """Drafts whose lines stand at `status` by their rows; in the order of their ids."""
        ids = sorted(uuid4() for _ in range(count))
        given = {
            "org": self.org,
            "ids": [str(each) for each in ids],
            "customer": customer or self.ground.customer,
            "draft_status": "READY",
            "at": AT,
            "decoration": json.dumps({"netsuite_file_cabinet_id": file}),
            "status": status.value,
            "color_up": None,
            "lines": 1,
            **values,
        }
        async with self.database.transaction(self.org) as connection:
            for statement in (_ORDER, _LINES):
                names = statement.compile().params
                await connection.execute(statement, {name: given[name] for name in names})
        return ids

    async def logo(self, file: str | None, customer: UUID | None = None) -> UUID:
        values = {"customer_id": customer or self.ground.customer, "name": "Crest", "design_number": None}
        values |= {"netsuite_file_cabinet_id": file, "placement_default": None}
        logo_id = uuid4()
        async with self.database.transaction(self.org) as connection:
            await create_logo(connection, self.org, logo_id, values, AT)
        return logo_id

    async def approver(self, customer: UUID | None = None) -> UUID:
        values = {"name": "Jo", "email": f"{uuid4().hex}@hansen.example", "phone": None}
        approver_id = uuid4()
        async with self.database.transaction(self.org) as connection:
            await create_approver(
                connection,
                self.org,
                customer or self.ground.customer,
                approver_id,
                {**values, "is_primary": True, "active": True},
                AT,
            )
        return approver_id

    async def color_up(self, color_code: str) -> UUID:
        """Version 1 of another colour for the ground's logo."""
        own = self.ground
        new = color_ups.NewColorUp(uuid4(), own.customer, own.logo, "14728", color_code, THREADS, None)
        async with self.database.transaction(self.org) as connection:
            await color_ups.create_color_up(connection, self.org, new, AT)
        return new.id

    async def notice(self, kind: NoticeKind, entity_id: UUID, age_s: float = 0) -> NoticeOrder:
        """As one whose API process died before it could start anything."""
        order = NoticeOrder(org_id=self.org, notice_id=uuid4())
        at = datetime.now(UTC) - timedelta(seconds=age_s)
        async with self.database.transaction(self.org) as connection:
            await add_notice(connection, self.org, order.notice_id, kind, entity_id, at)
        return order

    async def tell(self, order: NoticeOrder, drafts: DraftOrders | None = None) -> int:
        """One try of the activity; how many drafts it told."""
        return (await ActivityEnvironment().run(self.notices(drafts).tell, order)).drafts

    async def told_at(self, order: NoticeOrder) -> datetime | None:
        query = text("SELECT told_at FROM line_notice WHERE id = :id")
        async with self.database.transaction(self.org) as connection:
            at: datetime | None = (await connection.execute(query, {"id": order.notice_id})).scalar_one()
            return at

    def handle(self, order: NoticeOrder) -> WorkflowHandle[Any, Any]:
        return self.client.get_workflow_handle(notice_workflow_id(order.notice_id))

    async def draft(self, file: str) -> UUID:
        """A real one, whose decorated line names a file."""
        draft_id = uuid4()
        decoration = Decoration(netsuite_file_cabinet_id=file, style_number="14728", color_code="BLK")
        await self.drafts.create(
            CreateDraft(
                org_id=self.org,
                org_slug="demo",
                draft_id=draft_id,
                number="D-000001",
                actor=Actor(),
                origin=Origin(via=Via.API),
                digest="d",
                token="t",
                header=Header(customer_id=self.ground.customer, currency="EUR"),
                lines=numbered(draft_id, [LineInput(internal_sku="SKU-1", decoration=decoration)]),
                policy=OrgPolicy(),
            )
        )
        return draft_id

    async def line_status(self, draft_id: UUID) -> str | None:
        """By its row; None while there is none."""
        query = text("SELECT status FROM draft_order_line WHERE draft_order_id = :id")
        async with self.database.transaction(self.org) as connection:
            status: str | None = (await connection.execute(query, {"id": draft_id})).scalar()
            return status

    def projection(self) -> ProjectionActivities:
        return ProjectionActivities(self.database, 60)
