"""500 drafts wait for one decision; the worker is killed while they are told, and more come to wait."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Sequence

import pytest

from local.stack import Stack
from storage.database import Database
from tests.e2e.cascades import DECIDED, SENT, UNSENT, Cascade
from tests.e2e.conftest import Person
from tests.e2e.decorations import color_up_of
from tests.faults.conftest import person

pytestmark = pytest.mark.fault  # minutes

DRAFTS = 500
SUBSCRIBING = 50
KILLS = 5
BYSTANDERS = 4


@pytest.fixture
async def database(fragile: Stack) -> AsyncIterator[Database]:
    opened = Database(fragile.environment["DATABASE_URL"], pool_size=2)
    yield opened
    await opened.dispose()


async def killed(stack: Stack, cascade: Cascade, dice: random.Random) -> list[int]:
    """How many lines had moved at each kill of the worker, which is started again at once."""
    total, moved = len(cascade.drafts), []
    share = total / (KILLS + 1)
    for number in range(KILLS):
        place = int(share * (number + dice.uniform(0.2, 1.0)))
        while await cascade.at(DECIDED[-1]) < place:
            await asyncio.sleep(0.02)
        await stack.kill("worker")
        moved.append(await cascade.at(DECIDED[-1]))
        await stack.start("worker")
    return moved


async def come_to_wait(cascade: Cascade, drafts: Sequence[str], dice: random.Random) -> None:
    """One after the other, from before the decision until its drafts are being told."""

    async def one(draft: str) -> None:
        await asyncio.sleep(dice.uniform(0, 3))
        await cascade.submit_one(draft)

    await asyncio.gather(*(one(draft) for draft in drafts))


async def decide_a_moment_later(cascade: Cascade) -> None:
    await asyncio.sleep(1)
    await cascade.decide()


async def test_a_decision_reaches_500_drafts_once_each_whatever_dies(
    fragile: Stack, clerk: Person, database: Database
) -> None:
    dice = random.Random(7)
    began = time.monotonic()
    cascade = await Cascade.prepared(clerk, database)
    await cascade.waiting(DRAFTS)
    late = await cascade.grow(SUBSCRIBING)
    other_key = cascade.beside(await color_up_of(clerk, cascade.logo, "RED"))
    neighbour = await Cascade.prepared(clerk, database)
    async with person(fragile, "ops", "other") as other:
        stranger = await Cascade.prepared(other, database)
        bystanders = (other_key, neighbour, stranger)
        for bystander in bystanders:
            await bystander.waiting(BYSTANDERS)
        held = cascade.beside(cascade.color_up)
        await held.without_approver(BYSTANDERS, fragile.temporal_address)
        waited, decided = time.monotonic() - began, time.monotonic()

        moved, *_ = await asyncio.gather(
            killed(fragile, cascade, dice), come_to_wait(cascade, late, dice), decide_a_moment_later(cascade)
        )
        await cascade.until(DECIDED[-1], cascade.drafts, within_s=300)
        async with asyncio.timeout(120):
            while await cascade.untold():
                await asyncio.sleep(0.1)
        took = time.monotonic() - decided
        assert max(moved) < len(cascade.drafts)  # each kill was in the middle
        ways = await cascade.ways()
        assert set(ways) == set(cascade.drafts)
        assert {draft: way for draft, way in ways.items() if way != DECIDED} == {}
        assert await cascade.audited() == dict.fromkeys(cascade.drafts, len(DECIDED) - 1)
        for bystander in bystanders:
            assert list((await bystander.ways()).values()) == [SENT] * BYSTANDERS
        assert list((await held.ways()).values()) == [UNSENT] * BYSTANDERS
    print(
        f"\n{len(ways)} lines moved once each within {took:.0f} s of the decision; "
        f"worker killed {len(moved)} times, at {moved} moved; {waited:.0f} s to make the drafts"
    )
