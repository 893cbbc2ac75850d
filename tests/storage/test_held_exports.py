"""Exports that wait for the end of a pause are found when it is over, whatever became of their rows."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from storage import held_exports, push_log
from storage.database import Database
from tests.activities.delivery_world import DeliveryWorld, delivery_world
from tests.storage.conftest import execute

PAUSED = {"code": "CONNECTION_PAUSED", "message": "paused", "retryable": True}
LOST = {"code": "CONNECTION_LOST", "message": "lost", "retryable": True}


@pytest_asyncio.fixture
async def world(database: Database, tmp_path: Path) -> AsyncIterator[DeliveryWorld]:
    async with delivery_world(database, tmp_path) as running:
        yield running


async def tried(world: DeliveryWorld, error: dict[str, object], ago: timedelta) -> None:
    call, org, export = world.database.call, world.org, world.export.id
    begun = await push_log.begin_try(call, org, export, world.connection, {}, datetime.now(UTC) - ago)
    await push_log.end_try(call, org, export, begun.row, "RETRYING", duration_ms=1, error=error)


async def found(world: DeliveryWorld) -> tuple[bool, bool]:
    """By a release, and by reconcile."""
    async with world.database.transaction(world.org) as connection:
        held = await held_exports.held(connection, world.org, world.connection, besides=[], limit=9)
        forgotten = await held_exports.forgotten(connection, world.org)
    assert {row["id"] for row in held} <= {world.export.id}
    return bool(held), bool(forgotten)


async def test_the_mark_of_a_held_delivery_is_flushed(world: DeliveryWorld) -> None:
    async with world.database.transaction(world.org, flushed=False) as connection:
        setting = text("SHOW synchronous_commit")
        assert await connection.scalar(setting) == "off"
        await push_log.hold_try(connection, world.org, world.export.id, {}, datetime.now(UTC), PAUSED)
        assert await connection.scalar(setting) == "on"
    assert await found(world) == (True, True)


MINUTES = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("pushed", "last_try", "waits"),
    [
        (59 * MINUTES, None, False),  # it may be waiting for its turn
        (61 * MINUTES, None, True),
        (61 * MINUTES, 59 * MINUTES, False),
        (90 * MINUTES, 61 * MINUTES, True),
    ],
)
async def test_an_export_that_nobody_tries_any_more_is_told_although_no_row_says_that_it_waits(
    world: DeliveryWorld, owner: AsyncEngine, pushed: timedelta, last_try: timedelta | None, waits: bool
) -> None:
    aged = "UPDATE erp_export SET created_at = :at WHERE id = :id"
    await execute(owner, aged, at=datetime.now(UTC) - pushed, id=world.export.id)
    if last_try is not None:
        await tried(world, LOST, last_try)
    assert await found(world) == (waits, waits)
    await world.switch("PAUSED")
    assert (await found(world))[1] is False
