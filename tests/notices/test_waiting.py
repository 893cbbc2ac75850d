"""Which drafts a notice is told to: exactly those of its customer whose lines on record wait for it."""

from uuid import UUID, uuid4

import pytest

from domain.color_ups import Decision
from domain.notices import NoticeKind, NoticeOrder
from domain.statuses import LineStatus as L
from storage.notices import untold, waiting_drafts
from tests.notices.world import World
from tests.storage.conftest import new_org
from tests.storage.proof_ground import Ground, verdict

WAITS = {
    NoticeKind.APPROVER: {L.NEEDS_APPROVER, L.SENT_FOR_APPROVAL, L.PHONE_CALL},
    NoticeKind.LOGO: {L.NEW, L.AWAITING_LOGO},
    NoticeKind.COLOR_UP: {L.REVISION_IN_PROGRESS},
}


async def waiting(
    world: World, order: NoticeOrder, after: UUID | None = None, limit: int = 1000
) -> list[UUID]:
    async with world.database.transaction(world.org) as connection:
        notice = await untold(connection, world.org, order.notice_id)
        assert notice is not None
        return await waiting_drafts(connection, world.org, notice, after=after, limit=limit)


async def appeared(world: World, kind: NoticeKind, file: str = "F-1") -> NoticeOrder:
    """The thing itself and its notice."""
    match kind:
        case NoticeKind.APPROVER:
            entity = await world.approver()
        case NoticeKind.LOGO:
            entity = await world.logo(file)
        case NoticeKind.COLOR_UP:
            entity = await world.ground.add_version()
    return await world.notice(kind, entity)


@pytest.mark.parametrize("kind", WAITS)
async def test_lines_wait_for_it_in_these_statuses_only(world: World, kind: NoticeKind) -> None:
    fits = {"file": "F-1", "color_up": world.ground.versions[0]}
    drafts = {status: (await world.rows(status, **fits))[0] for status in L}
    found = set(await waiting(world, await appeared(world, kind)))
    assert {status for status, draft in drafts.items() if draft in found} == WAITS[kind]


@pytest.mark.parametrize("kind", WAITS)
async def test_nobody_of_another_customer_or_org_is_told_and_no_closed_draft(
    world: World, kind: NoticeKind
) -> None:
    (status, *_) = sorted(WAITS[kind])
    fits = {"file": "F-1", "color_up": world.ground.versions[0]}
    (ours,) = await world.rows(status, **fits)
    neighbour = await Ground(world.database, world.org).lay()
    await world.rows(status, **{**fits, "customer": neighbour.customer})
    await world.rows(status, **{**fits, "draft_status": "REJECTED"})
    stranger = World(world.client, world.database, await new_org(world.database), world.queue)
    await stranger.rows(status, **{**fits, "customer": world.ground.customer})
    order = await appeared(world, kind)
    assert await waiting(world, order) == [ours]
    async with world.database.transaction(stranger.org) as connection:
        assert await untold(connection, stranger.org, order.notice_id) is None
        assert await untold(connection, world.org, order.notice_id) is None  # row security alone


async def test_a_logo_is_told_to_lines_that_name_its_file_and_no_other(world: World) -> None:
    (fits,) = await world.rows(L.AWAITING_LOGO, file="F-1")
    for file in ("f-1", "F-1 ", "F-12", None):
        await world.rows(L.AWAITING_LOGO, file=file)
    assert await waiting(world, await appeared(world, NoticeKind.LOGO)) == [fits]


async def test_a_version_is_told_to_lines_on_an_older_one_of_its_key_and_no_other(world: World) -> None:
    first = world.ground.versions[0]
    second = await world.ground.add_version()
    await world.ground.decide(first, verdict(Decision.REQUEST_CHANGES))
    on_another_colour = await world.color_up("RED")
    on_first, on_second = [
        (await world.rows(L.REVISION_IN_PROGRESS, color_up=each))[0] for each in (first, second)
    ]
    for other in (on_another_colour, uuid4(), None):
        await world.rows(L.REVISION_IN_PROGRESS, color_up=other)
    order = await world.notice(NoticeKind.COLOR_UP, second)
    assert await waiting(world, order) == [on_first]
    third = await world.notice(NoticeKind.COLOR_UP, await world.ground.add_version())
    assert await waiting(world, third) == sorted([on_first, on_second])


async def test_pages_follow_each_other_without_gap_or_repeat_and_name_a_draft_once(world: World) -> None:
    drafts = await world.rows(L.NEEDS_APPROVER, 250, lines=3)
    order = await appeared(world, NoticeKind.APPROVER)
    found: list[UUID] = []
    while page := await waiting(world, order, found[-1] if found else None, limit=100):
        found += page
    assert found == drafts
