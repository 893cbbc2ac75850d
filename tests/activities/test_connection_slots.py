"""Deliveries to a server that hangs keep a worker's slots from nobody else."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from temporalio.exceptions import ApplicationError

from activities.connection_slots import ACTIVITIES_AT_ONCE, AT_ONCE, MOST, WAITING, ConnectionSlots
from connectors.policy import ConnectorPolicy
from connectors.port import Attempt, OnProgress
from domain.delivery import Delivery, FenceOutcome, StagedFile, StageResult
from domain.transport import TransportCode, TransportError
from storage.database import Database
from tests.activities.delivery_world import DeliveryWorld, Shaky, delivery_world

HERE, THERE = UUID(int=1), UUID(int=2)


async def refused(slots: ConnectionSlots, connection_id: UUID = HERE, attempt: int = 1) -> ApplicationError:
    with pytest.raises(ApplicationError) as caught:
        async with slots.one(connection_id, attempt):
            raise AssertionError("there was a place")
    return caught.value


async def test_one_connection_holds_some_places_and_leaves_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("activities.connection_slots.WAIT_S", 0.01)
    slots = ConnectionSlots(at_once=2, waiting=1)
    async with slots.one(HERE, 1):
        async with slots.one(HERE, 1):
            busy = await refused(slots)
            assert (busy.type, busy.non_retryable) == ("CONNECTION_BUSY", False)
            async with slots.one(THERE, 1):
                pass
        async with slots.one(HERE, 1):
            pass


async def test_a_try_that_waits_takes_the_place_that_becomes_free_and_no_more_wait_than_may() -> None:
    slots = ConnectionSlots(at_once=1, waiting=1)
    async with AsyncExitStack() as first:
        await first.enter_async_context(slots.one(HERE, 1))
        second = AsyncExitStack()
        waiting = asyncio.create_task(second.enter_async_context(slots.one(HERE, 1)))
        await asyncio.sleep(0)
        await refused(slots)  # at once: there is no room to wait either
    await waiting
    await second.aclose()


async def test_all_connections_together_leave_slots_for_everything_else() -> None:
    assert MOST + AT_ONCE < ACTIVITIES_AT_ONCE
    assert AT_ONCE + WAITING < MOST
    slots = ConnectionSlots(most=3)
    async with AsyncExitStack() as stack:
        for _ in range(3):
            await stack.enter_async_context(slots.one(uuid4(), 1))
        await refused(slots)
    async with slots.one(HERE, 1):
        pass


@pytest.mark.parametrize(("attempt", "longest"), [(1, 2), (2, 4), (4, 16), (5, 30), (50, 30)])
async def test_who_is_sent_away_stays_away_longer_each_time(attempt: int, longest: float) -> None:
    busy = await refused(ConnectionSlots(most=0), attempt=attempt)
    assert busy.next_retry_delay is not None
    assert longest / 2 <= busy.next_retry_delay.total_seconds() <= longest


async def test_a_try_that_is_cancelled_while_it_waits_leaves_its_place() -> None:
    slots = ConnectionSlots(at_once=1, waiting=1)
    async with slots.one(HERE, 1):
        waiting = asyncio.create_task(refused(slots))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
    async with slots.one(HERE, 1):
        pass
    assert slots._connections == {}


class Hanging(Shaky):
    """Neither takes an upload nor refuses it, until the test ends."""

    def __init__(self, policy: ConnectorPolicy) -> None:
        super().__init__(policy)
        self.hanging = 0
        self.over = asyncio.Event()

    async def stage(
        self, delivery: Delivery, config: Any, on_progress: OnProgress, attempt: Attempt | None = None
    ) -> StagedFile:
        self.hanging += 1
        await self.over.wait()
        raise TransportError(TransportCode.CONNECTION_TIMEOUT)

    async def fence(self, staged: StagedFile, config: Any, *, surely_unsent: bool = False) -> FenceOutcome:
        self.hanging += 1
        await self.over.wait()
        raise TransportError(TransportCode.CONNECTION_TIMEOUT)


@pytest_asyncio.fixture
async def world(database: Database, tmp_path: Path) -> AsyncIterator[DeliveryWorld]:
    connector = Hanging(ConnectorPolicy(filesystem_roots=(tmp_path,)))
    values = {"mode": "filesystem", "export_path": str(tmp_path / "orders")}
    async with delivery_world(database, tmp_path, connector, **values) as running:
        yield running


async def hangs(world: DeliveryWorld, count: int) -> None:
    async with asyncio.timeout(20):
        while world.connector.hanging < count:
            await asyncio.sleep(0.01)


async def test_a_try_too_many_goes_away_and_leaves_no_row_in_the_push_log(world: DeliveryWorld) -> None:
    world.slots = ConnectionSlots(at_once=2, waiting=0)
    hanging = [asyncio.create_task(world.stage()) for _ in range(2)]
    await hangs(world, 2)
    with pytest.raises(ApplicationError) as caught:
        await world.stage()
    assert (caught.value.type, caught.value.non_retryable) == ("CONNECTION_BUSY", False)
    assert caught.value.next_retry_delay is not None
    assert caught.value.next_retry_delay > timedelta(seconds=1) / 2
    assert len(await world.log()) == 2
    world.connector.over.set()
    ends = await asyncio.gather(*hanging, return_exceptions=True)
    assert {each.type for each in ends if isinstance(each, ApplicationError)} <= {"CONNECTION_TIMEOUT"}


async def test_a_fence_too_many_comes_again_much_later(world: DeliveryWorld) -> None:
    world.slots = ConnectionSlots(at_once=1, waiting=0)
    staged = StageResult(
        staged=StagedFile(temp_name="x.tmp", file_name="x", sha256="0" * 64, size_bytes=1), log_row=1
    )
    world.connector.lose = ["before"]
    with pytest.raises(ApplicationError) as lost:
        await world.publish(staged)
    hanging = asyncio.create_task(world.fence(staged, lost.value))
    await hangs(world, 1)
    with pytest.raises(ApplicationError) as caught:
        await world.fence(staged, lost.value)
    assert caught.value.next_retry_delay is not None
    assert caught.value.next_retry_delay >= timedelta(seconds=15)
    world.connector.over.set()
    await asyncio.gather(hanging, return_exceptions=True)
