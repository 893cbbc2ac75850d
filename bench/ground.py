"""What every measurement stands on: the stack, its added workers, people logged in, and drafts made ready."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar
from unittest.mock import patch
from uuid import UUID, uuid4

import httpx
from temporalio.client import Client

from api.app import build_rooms
from api.rooms import Rooms
from bench import raw
from bench.workers import VARIANTS, task_queue
from commands.draft_orders import DraftOrders, TemporalUnavailable
from config.settings import load_settings
from domain import messages as msg
from domain.draft import Header, LineInput
from domain.edits import numbered
from domain.policy import OrgPolicy
from domain.refusals import FactsUnavailable
from domain.statuses import DraftStatus, Via
from domain.transitions import Command
from local import temporal
from local.child import Child
from local.processes import SERVICES, TASK_QUEUE
from local.refusals import Refusal
from local.seed import demo_password, seeded_id
from local.stack import Stack
from storage.database import Database, DatabaseUnavailable

ORG_ID = seeded_id("demo")
CUSTOMER_ID = seeded_id("demo", "customer", "K-10001")
ACTOR = msg.Actor(user_id=seeded_id("demo", "user", "ops"), email="ops@demo.example")
ORIGIN = msg.Origin(via=Via.API)
LINE = {"internal_sku": "THR-2001", "description": "Sewing thread 120 navy 5000 m", "uom": "PCE"}
ANSWER_WITHIN_S = 20.0
AT_ONCE = 16
TRIES = 5

T = TypeVar("T")


@dataclass
class Ground:
    stack: Stack
    client: Client  # plain, for the yardstick and for histories
    rooms: dict[str, Rooms]  # by task queue
    people: dict[str, httpx.AsyncClient]
    processes: dict[str, int]  # whose CPU time counts; "client" is this one

    @property
    def ops(self) -> httpx.AsyncClient:
        return self.people["ops"]

    def drafts(self, variant: str | None = None) -> DraftOrders:
        """Commands straight to the workflows, without HTTP; `variant` chooses the worker."""
        queue = TASK_QUEUE if variant is None else task_queue(variant)
        return self.rooms[queue].drafts

    @property
    def database(self) -> Database:
        return self.rooms[TASK_QUEUE].database

    def environment(self) -> AbstractContextManager[object]:
        """This process as one of the stack's own: its settings are read from the environment."""
        return patch.dict(os.environ, self.stack.environment)

    def look_again(self) -> None:
        """After a service was started anew it is another process."""
        self.processes |= {name: pid for name in SERVICES if (pid := self.stack.pid(name)) is not None}

    async def ready(self, count: int, variant: str | None = None) -> list[UUID]:
        """Drafts that wait for an operator's approval."""
        drafts = self.drafts(variant)
        return await at_once([lambda: self.one_ready(drafts)] * count)

    async def one_ready(self, drafts: DraftOrders) -> UUID:
        """Made and validated by the real workflow, without HTTP.

        Raises:
            TemporalUnavailable, FactsUnavailable, DatabaseUnavailable: five times no answer.
        """
        for tried in range(1, TRIES):
            # a half-made draft stays behind: one more open draft weighs nothing
            with suppress(TemporalUnavailable, FactsUnavailable, DatabaseUnavailable):
                return await self._one_ready(drafts)
            await asyncio.sleep(tried)
        return await self._one_ready(drafts)

    async def _one_ready(self, drafts: DraftOrders) -> UUID:
        draft_id = uuid4()
        await drafts.create(await self.creation(draft_id))
        receipt = await drafts.send(Command.VALIDATE, ORG_ID, draft_id, command(msg.ValidateMessage))
        if receipt.result["status"] != DraftStatus.READY:
            raise RuntimeError(f"a benchmark draft is {receipt.result['status']} after validation")
        return draft_id

    async def approved(self, count: int) -> list[UUID]:
        drafts = self.drafts()
        made = await self.ready(count)
        await at_once([_approval(drafts, each) for each in made])
        return made

    async def creation(self, draft_id: UUID) -> msg.CreateDraft:
        rows = await self.database.call(
            "SELECT reserve_draft_number(:org, :draft) AS number", {"org": ORG_ID, "draft": draft_id}
        )
        line = LineInput.model_validate({"qty": "10", "unit_price": Decimal("3.5500"), **LINE})
        return msg.CreateDraft(
            org_id=ORG_ID,
            org_slug="demo",
            draft_id=draft_id,
            number=f"D-{rows[0]['number']:06d}",
            actor=ACTOR,
            origin=ORIGIN,
            digest="",
            token=uuid4().hex,
            header=Header(
                customer_id=CUSTOMER_ID,
                external_order_number=f"PO-{draft_id.hex[:12]}",
                currency="EUR",
                order_date=datetime.now(UTC).date(),
            ),
            lines=numbered(draft_id, [line]),
            customer_name="Muster GmbH",
            policy=OrgPolicy(),
        )

    async def raw_runs(self, count: int) -> list[raw.Run]:
        """Yardstick workflows that have taken one update already, as a draft has."""
        return await at_once([self._raw_run] * count)

    async def _raw_run(self) -> raw.Run:
        handle = await self.client.start_workflow(
            raw.RawUpdates.run, id=f"bench-raw/{uuid4()}", task_queue=raw.TASK_QUEUE
        )
        await handle.execute_update(raw.RawUpdates.nothing, "")
        return handle

    async def use_folder(self, folder: Path) -> None:
        """Make the org's active connection a folder on this machine."""
        folder.mkdir(parents=True, exist_ok=True)
        integrator = self.people["integrator"]
        active = await answered(integrator.get("/connectors"))
        for one in active["data"]:
            if one["status"] == "ACTIVE":
                await answered(integrator.post(f"/connectors/{one['id']}/disable"))
        acks = folder.with_name(folder.name + "-acks")
        acks.mkdir(exist_ok=True)
        body = {"mode": "filesystem", "export_path": str(folder), "ack_path": str(acks), "test_on_save": True}
        await answered(integrator.post("/connectors/dropzone-json-v1", json=body))


def command(kind: type[msg.Message]) -> Any:
    return kind(actor=ACTOR, origin=ORIGIN, policy=OrgPolicy(), token=uuid4().hex)


def _approval(drafts: DraftOrders, draft_id: UUID) -> Callable[[], Awaitable[object]]:
    return lambda: drafts.send(Command.APPROVE, ORG_ID, draft_id, command(msg.ApproveMessage))


async def answered(request: Awaitable[httpx.Response]) -> Any:
    """
    Raises:
        RuntimeError: the API refused; a benchmark of refusals would be worth nothing.
    """
    response = await request
    if response.is_error:
        raise RuntimeError(
            f"{response.request.url.path} answered {response.status_code}: {response.text[:300]}"
        )
    return response.json()


async def at_once(calls: Iterable[Callable[[], Awaitable[T]]], clients: int = AT_ONCE) -> list[T]:
    """Run the calls, `clients` at a time; results in the order of the calls."""
    todo = list(enumerate(calls))
    done: dict[int, T] = {}

    async def client() -> None:
        while todo:
            number, call = todo.pop(0)
            done[number] = await call()

    async with asyncio.TaskGroup() as group:
        for _ in range(clients):
            group.create_task(client())
    return [done[number] for number in sorted(done)]


def _worker(stack: Stack, variant: str) -> Child:
    return Child(
        name=f"worker {variant}",
        command=[sys.executable, "-m", "bench.workers", variant],
        environment=stack.environment,
        log=stack.var / "logs" / f"worker-{variant}.log",
        lock=stack.var / "guards.lock",
        grace_s=35,
    )


async def _polling(stack: Stack, variant: str, child: Child) -> None:
    since = datetime.now(UTC)
    await child.start()
    try:
        async with asyncio.timeout(60):
            await temporal.worker_polls(stack.temporal_address, task_queue(variant), since)
    except TimeoutError:
        raise Refusal(
            f"{child.name} did not become ready; the end of its log:\n{child.last_lines()}"
        ) from None


@asynccontextmanager
async def prepared(stack: Stack, variants: Collection[str] = tuple(VARIANTS)) -> AsyncIterator[Ground]:
    """The running stack with its added workers polling and two people logged in."""
    async with AsyncExitStack() as ending:
        client = await Client.connect(stack.temporal_address, namespace=temporal.NAMESPACE)
        processes = {"client": os.getpid()}
        processes |= {name: pid for name in SERVICES if (pid := stack.pid(name)) is not None}
        children = {variant: _worker(stack, variant) for variant in variants}
        for child in children.values():
            ending.push_async_callback(child.stop)
        await asyncio.gather(*(_polling(stack, *each) for each in children.items()))
        if "raw" in children and (pid := children["raw"].pid) is not None:
            processes["raw worker"] = pid
        rooms = {}
        with patch.dict(os.environ, stack.environment):
            for queue in (TASK_QUEUE, *(task_queue(variant) for variant in variants)):
                changed = {"task_queue": queue, "answer_within_s": ANSWER_WITHIN_S}
                rooms[queue] = await build_rooms(load_settings().model_copy(update=changed))
                ending.push_async_callback(rooms[queue].database.dispose)
                await rooms[queue].drafts.ping()
        people = {}
        for name in ("ops", "integrator"):
            limits = httpx.Limits(max_connections=64, max_keepalive_connections=64)
            person = httpx.AsyncClient(base_url=stack.base_url, trust_env=False, timeout=40, limits=limits)
            people[name] = await ending.enter_async_context(person)
            body = {"org_slug": "demo", "email": f"{name}@demo.example", "password": demo_password()}
            token = await answered(person.post("/auth/login", json=body))
            person.headers["Authorization"] = f"Bearer {token['access_token']}"
        yield Ground(stack, client, rooms, people, processes)
