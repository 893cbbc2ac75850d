"""What the export document says of a line's logo and threads, and how the line came where it is."""

from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.facts import Artwork, FactsRequest
from domain.statuses import LineStatus
from storage.database import Database
from storage.draft_orders import get_draft
from storage.facts import read_facts
from tests.storage.conftest import AT, execute, new_org
from tests.storage.test_bulk_commands import stored

CUSTOMER = (
    "INSERT INTO customer (id, org_id, name, created_at, updated_at) VALUES (:logo, :org, 'C', :at, :at)"
)
LOGO = """
INSERT INTO logo (id, org_id, customer_id, name, design_number, created_at, updated_at)
VALUES (:logo, :org, :logo, 'Anchor', 'DST-7', :at, :at)
"""
COLOR_UP = """
INSERT INTO color_up (id, org_id, customer_id, logo_id, style_number, color_code, version, thread_sequence,
                      status, created_at, updated_at)
VALUES (:color_up, :org, :logo, :logo, '14728', 'BLK', 4,
        '[{"stop": 1, "needle": null, "thread_code": "1243", "thread_name": "Navy", "brand": "Madeira"}]',
        'Approved', :at, :at)
"""
MOVE = """
INSERT INTO line_status_history (draft_order_id, sequence, n, org_id, line_id, line_no, from_status,
                                 to_status, team_proxy, at)
VALUES (:draft, :sequence, :n, :org, :line, 1, :from_status, :to_status, false, :at)
"""


@pytest_asyncio.fixture
async def artwork(owner: AsyncEngine, org: UUID) -> AsyncIterator[tuple[UUID, UUID]]:
    """A logo and a color-up of it."""
    ids = {"logo": uuid4(), "color_up": uuid4()}
    await execute(owner, CUSTOMER, LOGO, COLOR_UP, org=org, at=AT, **ids)
    yield ids["logo"], ids["color_up"]


async def read(database: Database, org: UUID, artwork: tuple[UUID, UUID]) -> Artwork:
    request = FactsRequest(
        org_id=org, draft_id=uuid4(), logo_ids=[artwork[0], uuid4()], color_up_ids=[artwork[1], uuid4()]
    )
    async with database.transaction(org) as connection:
        return (await read_facts(connection, request, 0)).artwork


async def test_logos_and_threads_are_read_by_their_ids(
    database: Database, org: UUID, artwork: tuple[UUID, UUID]
) -> None:
    found = await read(database, org, artwork)
    logo, color_up = found.logos[artwork[0]], found.color_ups[artwork[1]]
    assert (logo.name, logo.design_number, color_up.version) == ("Anchor", "DST-7", 4)
    assert color_up.thread_sequence[0]["thread_code"] == "1243"
    assert (len(found.logos), len(found.color_ups)) == (1, 1)


async def test_another_orgs_artwork_is_not_there(database: Database, artwork: tuple[UUID, UUID]) -> None:
    assert await read(database, await new_org(database), artwork) == Artwork()


async def test_a_draft_is_read_with_the_moves_of_its_lines_in_order(
    database: Database, owner: AsyncEngine, org: UUID
) -> None:
    of, line = await stored(database, org), uuid4()
    ways = [(LineStatus.AWAITING_LOGO, LineStatus.COLOR_UP_IN_PROGRESS), (None, LineStatus.NEW)]
    ways.append((LineStatus.NEW, LineStatus.AWAITING_LOGO))
    for place, (from_status, to_status) in zip([(2, 0), (1, 0), (1, 1)], ways, strict=True):
        values = {"draft": of.id, "org": org, "line": line, "at": AT}
        values |= {"sequence": place[0], "n": place[1], "from_status": from_status, "to_status": to_status}
        await execute(owner, MOVE, **values)
    async with database.transaction(org) as connection:
        found = await get_draft(connection, org, of.id, "decorated")
    assert found is not None
    assert [move.to_status for move in found.moves] == [
        LineStatus.NEW,
        LineStatus.AWAITING_LOGO,
        LineStatus.COLOR_UP_IN_PROGRESS,
    ]
    assert {move.line_id for move in found.moves} == {line}
