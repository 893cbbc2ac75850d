"""Many orders go to a server that hangs: people who work on other orders do not notice."""

import asyncio

from activities.connection_slots import ConnectionSlots
from domain.statuses import DraftStatus
from domain.transitions import Command
from tests.workflows.harness import CONNECTION, DraftRun, bench

SLOTS = 6  # of the worker
ORDERS = 2 * SLOTS


async def test_an_approve_is_answered_while_a_bulk_retry_hangs() -> None:
    async with bench(max_concurrent_activities=SLOTS) as running:
        slots, over = ConnectionSlots(at_once=2, waiting=1), asyncio.Event()
        hanging: list[str] = []

        async def server(step: str) -> None:
            async with slots.one(CONNECTION, attempt=1):
                hanging.append(step)
                await over.wait()

        drafts = [await (await running.draft()).approved() for _ in range(ORDERS)]
        running.world.gate = server
        pushes = asyncio.gather(*(draft.send(Command.PUSH) for draft in drafts))
        async with asyncio.timeout(60):
            while len(hanging) < 2:
                await asyncio.sleep(0.01)
            await pushes
            other = await (await running.draft()).approved()
        assert other.records[-1].draft.status is DraftStatus.APPROVED
        assert hanging == ["stage"] * 2
        over.set()
        running.world.gate = None
        for draft in drafts[:2]:
            await pushed(draft)


async def pushed(draft: DraftRun) -> None:
    for _ in range(400):
        if draft.records[-1].draft.status is DraftStatus.PUSHED:
            return
        await asyncio.sleep(0.02)
    raise AssertionError(draft.records[-1].draft.status)
