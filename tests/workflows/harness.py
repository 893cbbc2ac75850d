"""A draft's workflow alone, on a server of its own, with activities that remember instead of doing."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from temporalio import activity
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest
from temporalio.client import Client, WorkflowHandle, WorkflowUpdateFailedError
from temporalio.common import SearchAttributeKey
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.exceptions import ApplicationError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Replayer, Worker

from activities import names
from config.sandbox import runner
from domain import messages as msg
from domain.delivery import (
    DeliveryOrder,
    FenceOrder,
    FenceOutcome,
    PublishOrder,
    PublishOutcome,
    PublishResult,
    StagedFile,
    StageResult,
)
from domain.draft import Draft, Header, LineInput
from domain.edits import numbered
from domain.facts import ConnectionFact, CustomerFact, Facts, FactsRequest, ProductFact
from domain.line_facts import LineFact, LineFacts, LineQuestion, LinesRequest
from domain.policy import OrgPolicy
from domain.records import CONTINUES, DraftOrderInput, ReceiptFound, ReceiptRequest, Record
from domain.statuses import Via
from domain.transitions import Command
from local.temporal import SEARCH_ATTRIBUTES, program
from workflows.draft_order import DraftOrderWorkflow

TASK_QUEUE = "test"
POLLS = "history.transferProcessorMaxPollRPS=1000"  # as local/temporal.py sets it
TEST_SERVER = str(Path(sys.executable).with_name("temporal-test-server"))
ORG = UUID("11111111-1111-4111-8111-111111111111")
CUSTOMER = UUID("22222222-2222-4222-8222-222222222222")
CONNECTION = UUID("33333333-3333-4333-8333-333333333333")


@dataclass
class World:
    """What the activities stand for: the read model, the catalog, the dropzone. Tests break it at will."""

    records: list[Record] = field(default_factory=list)
    policy: OrgPolicy = field(default_factory=OrgPolicy)
    connection: ConnectionFact | None = field(
        default_factory=lambda: ConnectionFact(
            id=CONNECTION, connector_type="MOCK", export_path="/orders", ack_expected=True
        )
    )
    record_fails: int = 0
    facts_fail: int = 0
    stage_errors: list[str] = field(default_factory=list)
    publish_errors: list[str] = field(default_factory=list)
    publish_outcome: PublishOutcome = PublishOutcome.PUBLISHED
    fence_outcome: FenceOutcome = FenceOutcome.NOT_SENT
    fence_errors: list[str] = field(default_factory=list)
    done: list[tuple[str, str]] = field(default_factory=list)
    gate: Callable[[str], Any] | None = None  # awaited before each delivery step
    looked_up: list[str] = field(default_factory=list)  # keys
    found: Callable[[LineQuestion], LineFact] = field(default=lambda asked: LineFact())
    has_active_approver: bool = False
    internal_review: bool = False
    looks: list[LinesRequest] = field(default_factory=list)
    looks_fail: int = 0
    conflicts: list[Record] = field(default_factory=list)
    known: dict[tuple[UUID, int], str] = field(default_factory=dict)  # digests of `records`

    @property
    def row(self) -> Draft:
        return self.records[-1].draft

    @property
    def actions(self) -> list[str]:
        return [entry.action for record in self.records for entry in record.trail()]

    async def _step(self, name: str, export_id: UUID, errors: list[str]) -> None:
        self.done.append((name, activity.info().activity_id))
        if self.gate is not None:
            await self.gate(name)
        if errors:
            code = errors.pop(0)
            raise ApplicationError(f"broken: {code}", {"staged_present": True}, type=code)

    @activity.defn(name=names.RECORD)
    async def record(self, records: list[Record]) -> int:
        if self.record_fails:
            self.record_fails -= 1
            raise ApplicationError("PostgreSQL did not answer in time", type="DatabaseUnavailable")
        for record in records:
            place = (record.draft_id, record.sequence)
            if self.known.get(place, record.digest()) != record.digest():
                self.conflicts.append(record)  # as storage does: the draft stands still until a person looks
                raise ApplicationError("recorded with other content", type="SequenceConflict")
            if place not in self.known:
                self.known[place] = record.digest()
                self.records.append(record)
        return len(records)

    @activity.defn(name=names.READ_FACTS)
    async def read_facts(self, request: FactsRequest) -> Facts:
        if self.facts_fail:
            self.facts_fail -= 1
            raise ApplicationError("PostgreSQL did not answer in time", type="DatabaseUnavailable")
        known = request.customer_id == CUSTOMER
        customer = CustomerFact(id=CUSTOMER, name="Muster GmbH", erp_customer_number="K-1") if known else None
        product = ProductFact(base_uom="M", uoms=["CM"], active=True)
        return Facts(
            policy=self.policy,
            customer=customer,
            products={sku: product for sku in request.skus if sku.startswith("INT-")},
            known_uoms=["M", "CM"],
            connection=self.connection,
            delivery_window_s=1800,
            actor_email=next((who.email for who in PEOPLE if who.user_id == request.actor_user_id), None),
        )

    @activity.defn(name=names.READ_RECEIPT)
    async def read_receipt(self, request: ReceiptRequest) -> ReceiptFound:
        self.looked_up.append(request.key)
        if self.facts_fail:
            self.facts_fail -= 1
            raise ApplicationError("PostgreSQL did not answer in time", type="DatabaseUnavailable")
        known = (record.seen for record in self.records if record.draft_id == request.draft_id)
        wanted = (request.command, request.key)
        return ReceiptFound(
            seen=next((each for each in known if each and (each.command, each.key) == wanted), None)
        )

    @activity.defn(name=names.READ_LINE_FACTS)
    async def read_line_facts(self, request: LinesRequest) -> LineFacts:
        if self.facts_fail:
            self.facts_fail -= 1
            raise ApplicationError("PostgreSQL did not answer in time", type="DatabaseUnavailable")
        return self._line_facts(request)

    @activity.defn(name=names.LOOK_UP_LINES)
    async def look_up_lines(self, request: LinesRequest) -> LineFacts:
        if self.looks_fail:
            self.looks_fail -= 1
            raise ApplicationError("PostgreSQL did not answer in time", type="DatabaseUnavailable")
        self.looks.append(request)
        if self.gate is not None:
            await self.gate("look")
        return self._line_facts(request)

    def _line_facts(self, request: LinesRequest) -> LineFacts:
        return LineFacts(
            customer_internal_review=self.internal_review,
            has_active_approver=self.has_active_approver,
            lines={asked.line_no: self.found(asked) for asked in request.lines},
        )

    @activity.defn(name=names.STAGE)
    async def stage(self, order: DeliveryOrder) -> StageResult:
        delivery = order.delivery
        while not any(delivery.export_id in record.exports for record in self.records):
            await asyncio.sleep(0.005)  # as the real one: not before the push is on record
        await self._step("stage", delivery.export_id, self.stage_errors)
        staged = StagedFile(
            temp_name=f"{delivery.file_name}.{len(self.done)}.tmp",
            file_name=delivery.file_name,
            sha256=delivery.sha256,
            size_bytes=delivery.size_bytes,
        )
        return StageResult(staged=staged, log_row=activity.info().attempt)

    @activity.defn(name=names.PUBLISH)
    async def publish(self, order: PublishOrder) -> PublishResult:
        await self._step("publish", order.export_id, self.publish_errors)
        return PublishResult(outcome=self.publish_outcome, dropzone_path=f"/orders/{order.staged.file_name}")

    @activity.defn(name=names.FENCE)
    async def fence(self, order: FenceOrder) -> FenceOutcome:
        await self._step("fence", order.export_id, self.fence_errors)
        return FenceOutcome.NOT_SENT if order.staged is None else self.fence_outcome

    @property
    def activities(self) -> list[Callable[..., Any]]:
        reads = [self.read_facts, self.read_receipt, self.read_line_facts, self.look_up_lines]
        return [self.record, *reads, self.stage, self.publish, self.fence]


OPS = msg.Actor(user_id=uuid4(), email="ops@demo.example")
OPS2 = msg.Actor(user_id=uuid4(), email="ops2@demo.example")
PRODUCTION = msg.Actor(user_id=uuid4(), email="production@demo.example")
PEOPLE = (OPS, OPS2, PRODUCTION)

GOOD_HEADER = Header(
    customer_id=CUSTOMER, external_order_number="PO-12345", currency="EUR", order_date=date(2026, 11, 20)
)
GOOD_LINES = [LineInput(internal_sku="INT-1", qty=Decimal("10"), uom="M", unit_price=Decimal("1.2300"))]


def told(receipt: msg.Receipt) -> msg.Receipt:
    """What the caller learns, the same for a repeat; the digest is there while the record is on its way."""
    return receipt.model_copy(update={"digest": ""})


class DraftRun:
    """One draft's workflow, spoken to as the API does."""

    def __init__(self, client: Client, world: World, draft_id: UUID) -> None:
        self.client = client
        self.world = world
        self.draft_id = draft_id
        self.handle: WorkflowHandle[Any, Any] = client.get_workflow_handle(
            msg.draft_workflow_id(ORG, draft_id)
        )

    @property
    def records(self) -> list[Record]:
        return [record for record in self.world.records if record.draft_id == self.draft_id]

    async def send(self, command: Command, update_id: str | None = None, **fields: Any) -> msg.Receipt:
        fields.setdefault("actor", OPS)
        fields.setdefault("token", uuid4().hex)
        fields.setdefault("policy", self.world.policy)
        fields.setdefault("origin", msg.Origin(via=Via.API, request_id="r-1"))
        message = msg.MESSAGES[command](**fields)
        while True:
            try:
                receipt: msg.Receipt = await self.handle.execute_update(
                    command.value, message, id=update_id, result_type=msg.Receipt
                )
            except WorkflowUpdateFailedError as error:
                if not (isinstance(error.cause, ApplicationError) and error.cause.type == CONTINUES):
                    raise
                await asyncio.sleep(0.02)
            else:
                await self.recorded(receipt.sequence)
                return receipt

    async def recorded(self, sequence: int) -> None:
        """As with the API: an answer is given when the decision is on record."""
        for _ in range(400):
            if any(record.sequence >= sequence for record in self.records):
                return
            await asyncio.sleep(0.01)
        raise AssertionError(f"decision {sequence} is not on record")

    async def seen(self, action: str) -> None:
        """Return when the trail has it."""
        for _ in range(400):
            if any(entry.action == action for record in self.records for entry in record.trail()):
                return
            await asyncio.sleep(0.01)
        raise AssertionError(f"{action} is not in the trail")

    async def refused(self, command: Command, **fields: Any) -> ApplicationError:
        with pytest.raises(WorkflowUpdateFailedError) as caught:
            await self.send(command, **fields)
        assert isinstance(caught.value.cause, ApplicationError)
        return caught.value.cause

    async def ready(self) -> "DraftRun":
        await self.send(Command.VALIDATE)
        return self

    async def approved(self) -> "DraftRun":
        await self.ready()
        await self.send(Command.APPROVE)
        return self

    async def replay(self) -> None:
        """The history must replay with today's code."""
        replayer = Replayer(
            workflows=[DraftOrderWorkflow], workflow_runner=runner(), data_converter=pydantic_data_converter
        )
        await replayer.replay_workflow(await self.handle.fetch_history())


@dataclass
class Bench:
    """A server, a worker, and a way to make drafts."""

    env: WorkflowEnvironment
    world: World

    @property
    def client(self) -> Client:
        return self.env.client

    async def draft(self, header: Header = GOOD_HEADER, lines: list[LineInput] | None = None) -> DraftRun:
        draft_id = uuid4()
        create = msg.CreateDraft(
            org_id=ORG,
            org_slug="demo",
            draft_id=draft_id,
            number="D-000001",
            actor=OPS,
            origin=msg.Origin(via=Via.API, request_id="r-0"),
            digest="d",
            token="t",
            header=header,
            lines=numbered(draft_id, GOOD_LINES if lines is None else lines),
            customer_name="Muster GmbH",
            policy=self.world.policy,
        )
        await self.client.start_workflow(
            msg.DRAFT_ORDER_WORKFLOW,
            DraftOrderInput.opening(create),
            id=msg.draft_workflow_id(ORG, draft_id),
            task_queue=TASK_QUEUE,
        )
        return DraftRun(self.client, self.world, draft_id)


def a_worker(client: Client, world: World, **options: Any) -> Worker:
    options.setdefault("workflows", [DraftOrderWorkflow])
    return Worker(
        client, task_queue=TASK_QUEUE, activities=world.activities, workflow_runner=runner(), **options
    )


@asynccontextmanager
async def bench(**worker_options: Any) -> AsyncIterator[Bench]:
    """On the time-skipping server."""
    async with await WorkflowEnvironment.start_time_skipping(
        data_converter=pydantic_data_converter, test_server_existing_path=TEST_SERVER
    ) as env:
        keyword = IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD
        await env.client.operator_service.add_search_attributes(
            AddSearchAttributesRequest(search_attributes=dict.fromkeys(SEARCH_ATTRIBUTES, keyword))
        )
        world = World()
        async with a_worker(env.client, world, **worker_options):
            yield Bench(env, world)


@asynccontextmanager
async def dev_server(*knobs: str) -> AsyncIterator[WorkflowEnvironment]:
    """A dev server of its own, in memory; `knobs` are dynamic settings of the server, `name=value`."""
    words = [word for knob in (POLLS, *knobs) for word in ("--dynamic-config-value", knob)]
    async with await WorkflowEnvironment.start_local(
        data_converter=pydantic_data_converter,
        dev_server_existing_path=program(),
        search_attributes=[SearchAttributeKey.for_keyword(name) for name in SEARCH_ATTRIBUTES],
        dev_server_extra_args=words,
        dev_server_log_level="never",
    ) as env:
        yield env


@asynccontextmanager
async def dev_bench(*knobs: str, **worker_options: Any) -> AsyncIterator[Bench]:
    """On a real server, whose limits can be lowered."""
    async with dev_server(*knobs) as env:
        world = World()
        async with a_worker(env.client, world, **worker_options):
            yield Bench(env, world)
