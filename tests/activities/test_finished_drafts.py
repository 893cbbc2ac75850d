"""Answers of the ERP that come when their draft is finished and its workflow has ended."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from domain.statuses import ExportStatus
from domain.transitions import Command
from storage.database import Database
from tests.activities.ack_world import AckWorld, Played, ack_world, acked, sent
from tests.domain.orders import CONNECTION, decided, facts

ANOTHER = "finished by another export"
TWICE = f"{ANOTHER}; the ERP may have it twice"


@pytest_asyncio.fixture
async def world(database: Database, tmp_path: Path) -> AsyncIterator[AckWorld]:
    async with ack_world(database, tmp_path) as running:
        yield running


async def finished_by_a_retry(world: AckWorld) -> Played:
    draft = await world.draft("FAILED, may have been sent")
    known = facts(connection=CONNECTION.model_copy(update={"id": world.connection}))
    retry: dict[str, Any] = {"known": known, "confirm_may_duplicate": True}
    await draft.then(*decided(Command.RETRY_PUSH, draft.draft, **retry))
    await draft.then(sent(draft.export))
    await draft.then(acked(draft.export))
    assert draft.closed
    return draft


@pytest.mark.parametrize(
    ("status", "action", "said"),
    [("ACKED", "EXPORT_ACKED", TWICE), ("FAILED", "EXPORT_REJECTED", ANOTHER)],
)
async def test_an_answer_to_an_earlier_export_is_late_and_ends(
    world: AckWorld, status: str, action: str, said: str
) -> None:
    draft = await finished_by_a_retry(world)
    first = draft.draft.exports[0]
    name = world.answer(first, status)
    await world.poll()
    (row,) = await world.ledger()
    assert (row["status"], row["outcome"]) == ("SETTLED", "LATE")
    assert said in row["message"]
    assert world.names() == {"acks": [], "processed": [name], "error": []}
    assert (await world.trail(draft))[-1] == (action, False)
    assert await world.state_of(draft) == ("PUSHED", "ACKED")
    assert first.status is ExportStatus.FAILED
