"""An answer that comes after the draft's workflow has ended is told in the event feeds, once."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from local.postgres import DatabaseUrls
from storage import changes
from storage.database import Database, Row
from tests.activities.ack_world import AckWorld, Played, ack_world

ALL = (0, 0)


@pytest.fixture
async def world(database: Database, tmp_path: Path) -> AsyncIterator[AckWorld]:
    async with ack_world(database, tmp_path) as made:
        yield made


def place(row: Row) -> tuple[int, int]:
    first, _, second = row["place"].partition("-")
    return int(first), int(second or 0)


async def told(world: AckWorld, draft: Played, after: tuple[int, int] = ALL) -> list[Row]:
    async with world.database.transaction(world.org) as connection:
        return await changes.of_draft(connection, world.org, draft.draft.id, after, 100)


async def notes(world: AckWorld, draft: Played, wanted: int = 1) -> list[Row]:
    """What is told after the draft's last record; it may wait for other tests' transactions."""
    async with asyncio.timeout(10):
        while True:
            found = await told(world, draft, (draft.draft.version, 0))
            if len(found) >= wanted:
                return found
            await asyncio.sleep(0.05)


async def test_a_late_answer_comes_after_the_drafts_last_change_and_changes_nothing(world: AckWorld) -> None:
    draft = await world.draft("SENT, window over")
    before = await told(world, draft)
    world.answer(draft.export)
    await world.poll()
    (note,) = await notes(world, draft)
    assert note["sequence"] == draft.draft.version
    assert note["place"].startswith(f"{draft.draft.version}-")
    assert note["change"]["actions"] == ["EXPORT_ACKED"]
    unchanged = ("number", "status", "waiting_for")
    assert [note["change"][name] for name in unchanged] == [before[-1]["change"][name] for name in unchanged]
    assert [row["place"] for row in await told(world, draft)] == [
        *(str(number) for number in range(1, draft.draft.version + 1)),
        note["place"],
    ]


async def test_who_has_seen_it_is_not_told_again_and_the_next_one_follows(world: AckWorld) -> None:
    draft = await world.draft("SENT, window over")
    world.answer(draft.export)
    await world.poll()
    await world.poll()
    (first,) = await notes(world, draft)
    assert await told(world, draft, place(first)) == []
    world.answer(draft.export, "FAILED")
    await world.poll()
    (_, second) = await notes(world, draft, 2)
    assert [row["place"] for row in await told(world, draft, place(first))] == [second["place"]]
    assert second["change"]["actions"] == ["EXPORT_REJECTED"]


async def test_the_organisations_feed_tells_it_once_and_no_other_organisations_does(world: AckWorld) -> None:
    draft = await world.draft("SENT, window over")
    await told(world, draft)

    async def of(connection: AsyncConnection, org: UUID) -> list[Row]:
        return await changes.of_org(connection, org, ALL, 1000)

    world.answer(draft.export)
    await world.poll()
    (note,) = await notes(world, draft)
    async with world.database.transaction(world.org) as connection:
        rows = await of(connection, world.org)
        last = rows[-1]
        assert (last["draft_order_id"], last["change"]) == (draft.draft.id, note["change"])
        assert await changes.of_org(connection, world.org, place(last), 10) == []
    stranger = UUID(int=1)
    async with world.database.transaction(stranger) as connection:
        assert await of(connection, world.org) == []
        assert await changes.of_draft(connection, world.org, draft.draft.id, ALL, 10) == []


async def test_an_answer_to_an_open_draft_is_told_by_the_draft_alone(world: AckWorld) -> None:
    draft = await world.draft("SENT")
    world.answer(draft.export)
    await world.poll()
    places = [row["place"] for row in await told(world, draft)]
    assert places == [str(number) for number in range(1, draft.draft.version + 1)]


async def test_a_late_answer_rings_for_whoever_listens(world: AckWorld, postgres: DatabaseUrls) -> None:
    draft = await world.draft("SENT, window over")
    bell = changes.Bell(postgres.app)
    try:
        with bell.heard(world.org) as news:
            await asyncio.wait_for(news.wait(), 5)  # it rings for all when it begins to listen
            news.clear()
            world.answer(draft.export)
            await world.poll()
            await asyncio.wait_for(news.wait(), 5)
    finally:
        await bell.close()
