"""A stage waits for its push's record without asking PostgreSQL, and never for long."""

import asyncio
from uuid import uuid4

import pytest

from activities import recorded as module
from activities.recorded import Recorded


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a busy machine does not end a wait that shall go on."""
    monkeypatch.setattr(module, "_BEGINS_WITHIN_S", 5)
    monkeypatch.setattr(module, "_ENDS_WITHIN_S", 5)


@pytest.mark.parametrize("stage_first", [True, False])
async def test_a_stage_goes_on_when_the_record_beside_it_is_written(stage_first: bool) -> None:
    recorded, export_id = Recorded(), uuid4()
    if stage_first:
        stage = asyncio.create_task(recorded.wait(export_id))
        await asyncio.sleep(0)
    with recorded.being_written([export_id]):
        if not stage_first:
            stage = asyncio.create_task(recorded.wait(export_id))
        await asyncio.sleep(0.01)
        assert not stage.done()
    async with asyncio.timeout(2):
        await stage


async def test_a_stage_that_comes_after_its_record_goes_on_at_once() -> None:
    recorded, export_id = Recorded(), uuid4()
    with recorded.being_written([export_id]):
        pass
    async with asyncio.timeout(2):
        await recorded.wait(export_id)


async def test_a_record_that_fails_lets_the_stage_look_for_itself() -> None:
    recorded, export_id = Recorded(), uuid4()
    stage = asyncio.create_task(recorded.wait(export_id))
    with pytest.raises(OSError, match="away"), recorded.being_written([export_id]):
        raise OSError("away")
    async with asyncio.timeout(2):
        await stage


async def test_a_record_that_another_worker_writes_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_BEGINS_WITHIN_S", 0.01)
    async with asyncio.timeout(2):
        await Recorded().wait(uuid4())


async def test_a_record_that_hangs_is_not_waited_for_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_ENDS_WITHIN_S", 0.01)
    recorded, export_id = Recorded(), uuid4()
    with recorded.being_written([export_id]):
        async with asyncio.timeout(2):
            await recorded.wait(export_id)


async def test_pushes_of_long_ago_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_REMEMBERED", 3)
    recorded = Recorded()
    for _ in range(10):
        with recorded.being_written([uuid4()]):
            pass
    assert len(recorded._records) == 3
