"""One decision moves every line that waits for it, once, and nobody else's: real drafts, real workers."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from local.stack import Stack
from storage.database import Database
from tests.e2e.cascades import DECIDED, SENT, UNSENT, Cascade
from tests.e2e.conftest import People, Person
from tests.e2e.decorations import color_up_of

DRAFTS = 20
SUBSCRIBING = 6


@pytest.fixture
async def database(stack: Stack) -> AsyncIterator[Database]:
    opened = Database(stack.environment["DATABASE_URL"], pool_size=2)
    yield opened
    await opened.dispose()


async def test_every_waiting_line_moves_once_also_those_that_come_to_wait_meanwhile(
    stack: Stack, ops: Person, people: People, database: Database
) -> None:
    cascade = await Cascade.prepared(ops, database)
    await cascade.waiting(DRAFTS)
    late = await cascade.grow(SUBSCRIBING)
    other_key = cascade.beside(await color_up_of(ops, cascade.logo, "RED"))
    neighbour = await Cascade.prepared(ops, database)
    stranger = await Cascade.prepared(await people("ops", "other"), database)
    for bystander in (other_key, neighbour, stranger):
        await bystander.waiting(1)
    held = cascade.beside(cascade.color_up)
    (unsent,) = await held.without_approver(1, stack.temporal_address)

    await asyncio.gather(
        cascade.submit(late[: SUBSCRIBING // 2]), cascade.decide(), cascade.submit(late[SUBSCRIBING // 2 :])
    )
    await cascade.until(DECIDED[-1], cascade.drafts)
    async with asyncio.timeout(30):
        while await cascade.untold():
            await asyncio.sleep(0.05)
    ways = await cascade.ways()
    assert set(ways) == set(cascade.drafts)
    assert [way for way in ways.values() if way != DECIDED] == []
    assert await cascade.audited() == dict.fromkeys(cascade.drafts, len(DECIDED) - 1)
    for bystander in (other_key, neighbour, stranger):
        assert list((await bystander.ways()).values()) == [SENT]
    assert await held.ways() == {unsent: UNSENT}
