"""Whether anybody takes up work, as a real Temporal server says it of the task queue."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from temporalio import workflow
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from commands.lookout import Lookout
from config.keys import KeyRing
from config.temporal import connect
from domain.workforce import NO_WORKER, TAKEN_WITHIN, Workforce, idle
from tests.e2e.test_temporal_away import nobody_listens


@workflow.defn
class Nothing:
    @workflow.run
    async def run(self) -> None:
        return


@pytest_asyncio.fixture
async def client(temporal: str) -> AsyncIterator[Client]:
    yield await Client.connect(temporal)


async def seen(lookout: Lookout, enough: Callable[[Workforce], bool]) -> Workforce:
    for _ in range(300):
        await lookout.look()
        found = lookout.workforce
        if found is not None and enough(found):
            return found
        await asyncio.sleep(0.1)
    raise AssertionError(f"it sees {found}")


def working(client: Client, queue: str) -> Worker:
    return Worker(client, task_queue=queue, workflows=[Nothing], workflow_runner=UnsandboxedWorkflowRunner())


async def test_it_sees_whether_a_worker_asks_for_work(client: Client) -> None:
    queue = f"seen-{uuid4().hex[:8]}"
    lookout = Lookout(client, queue)
    assert lookout.workforce is None  # nobody has looked
    await lookout.look()
    assert lookout.idle == NO_WORKER
    async with working(client, queue):
        assert (await seen(lookout, lambda found: found.workers > 0)).workers == 1
        assert lookout.idle is None


@pytest.mark.fault  # Temporal counts what waits every few seconds
async def test_it_sees_how_long_work_waits_for_a_worker(client: Client) -> None:
    queue = f"waits-{uuid4().hex[:8]}"
    lookout = Lookout(client, queue)
    handle = await client.start_workflow(Nothing.run, id=queue, task_queue=queue)
    assert (await seen(lookout, lambda found: found.oldest_task_s > 0)).workers == 0
    async with working(client, queue):
        await handle.result()
        await seen(lookout, lambda found: found.oldest_task_s == 0)


async def test_it_is_sure_that_temporal_is_away_at_its_second_look_and_then_knows_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with nobody_listens() as port:
        monkeypatch.setenv("TEMPORAL_ADDRESS", f"127.0.0.1:{port}")
        lookout = Lookout(await connect(KeyRing("11" * 32), lazy=True), "any")
        sure = []
        for _ in range(2):
            await lookout.look()
            sure.append(lookout.temporal_is_away)
        assert sure == [False, True]
        assert (lookout.workforce, lookout.idle) == (None, None)


class Refusing:
    """A client whose server answers each call with an error."""

    namespace = "default"

    def __init__(self, status: RPCStatusCode) -> None:
        self._status = status
        self.workflow_service = self

    async def describe_task_queue(self, _request: object, timeout: object) -> None:
        raise RPCError("planted", self._status, b"")


@pytest.mark.parametrize(
    ("status", "away"),
    [
        (RPCStatusCode.UNAVAILABLE, True),
        (RPCStatusCode.DEADLINE_EXCEEDED, True),
        (RPCStatusCode.PERMISSION_DENIED, False),
        (RPCStatusCode.RESOURCE_EXHAUSTED, False),
    ],
)
async def test_a_temporal_that_refuses_is_not_away(status: RPCStatusCode, away: bool) -> None:
    client: Any = Refusing(status)
    lookout = Lookout(client, "any")
    for _ in range(3):
        await lookout.look()
    assert (lookout.temporal_is_away, lookout.workforce) == (away, None)


async def test_it_looks_by_itself_and_ends_when_it_is_closed(client: Client) -> None:
    lookout = Lookout(client, f"watched-{uuid4().hex[:8]}", every_s=0.05)
    lookout.start()
    for _ in range(100):
        if lookout.workforce is not None:
            break
        await asyncio.sleep(0.05)
    await lookout.close()
    assert lookout.idle == NO_WORKER


PATIENCE_S = TAKEN_WITHIN.total_seconds()


@pytest.mark.parametrize(
    ("found", "says"),
    [
        (Workforce(workers=2, oldest_task_s=0), None),
        (Workforce(workers=2, oldest_task_s=PATIENCE_S - 1), None),
        (Workforce(workers=2, oldest_task_s=PATIENCE_S + 1), "has waited for 16 s"),
        (Workforce(workers=0, oldest_task_s=0), "No worker asks for work"),
        (Workforce(workers=0, oldest_task_s=900), "No worker asks for work"),
    ],
)
def test_it_says_in_words_what_keeps_work_waiting(found: Workforce, says: str | None) -> None:
    said = idle(found)
    assert says in said if says and said else said == says
