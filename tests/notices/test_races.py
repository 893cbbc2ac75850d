"""A draft looks while what it waits for is being added: one of the two sees the other."""

import asyncio

from temporalio import activity

from activities import names
from activities.line_facts import LineLookups
from activities.projection import ProjectionActivities
from domain.line_facts import LineFacts, LinesRequest
from domain.notices import NoticeKind, NoticeOrder
from domain.records import Record
from domain.statuses import LineStatus as L
from tests.notices.world import World

WORKING, AWAITING = L.COLOR_UP_IN_PROGRESS.value, L.AWAITING_LOGO.value


class Gate:
    """Holds whoever comes until it is opened."""

    def __init__(self) -> None:
        self.reached, self.opened = asyncio.Event(), asyncio.Event()

    async def passed(self) -> None:
        self.reached.set()
        await self.opened.wait()


class SlowLook(LineLookups):
    """Holds the first look at a line that awaits its logo, between reading the facts and answering."""

    gate: Gate

    async def _read(self, request: LinesRequest) -> LineFacts:
        facts = await super()._read(request)
        if any(each.status is L.AWAITING_LOGO for each in request.lines):
            await self.gate.passed()
        return facts


class SlowRecord(ProjectionActivities):
    """Holds whatever a draft puts on record."""

    gate: Gate

    @activity.defn(name=names.RECORD)
    async def record(self, records: list[Record]) -> int:
        await self.gate.passed()
        return await super().record(records)


def lookups(world: World) -> SlowLook:
    slow = SlowLook(world.database, world.proofs.start, world.reminders.start)
    slow.gate = Gate()
    return slow


async def logo_noticed(world: World, file: str) -> NoticeOrder:
    return await world.notice(NoticeKind.LOGO, await world.logo(file))


async def comes_to(world: World, draft_id: object, status: str) -> None:
    async with asyncio.timeout(20):
        while await world.line_status(draft_id) != status:  # type: ignore[arg-type]
            await asyncio.sleep(0.02)


async def test_a_draft_that_is_looking_when_the_logo_is_committed_looks_again(world: World) -> None:
    slow, projection = lookups(world), world.projection()
    async with world.worker(activities=[slow.look_up, projection.record]):
        draft = await world.draft("F-1")
        await asyncio.wait_for(slow.gate.reached.wait(), 20)  # it has read that there is none
        assert await world.tell(await logo_noticed(world, "F-1")) == 1
        slow.gate.opened.set()
        await comes_to(world, draft, WORKING)


async def test_a_draft_that_is_not_on_record_yet_when_others_are_told_finds_the_logo(world: World) -> None:
    slow, projection = lookups(world), SlowRecord(world.database, 60)
    slow.gate.opened.set()
    projection.gate = Gate()
    async with world.worker(activities=[slow.look_up, projection.record]):
        draft = await world.draft("F-1")
        await asyncio.wait_for(projection.gate.reached.wait(), 20)
        await asyncio.sleep(0.5)  # a look that did not wait for the record would come now, and find nothing
        assert await world.tell(await logo_noticed(world, "F-1")) == 0
        projection.gate.opened.set()
        await comes_to(world, draft, WORKING)


async def test_drafts_that_wait_for_the_logo_are_told_and_one_that_names_another_file_stays(
    world: World,
) -> None:
    slow, projection = lookups(world), world.projection()
    slow.gate.opened.set()
    async with world.worker(activities=[slow.look_up, projection.record]):
        drafts = [await world.draft("F-1") for _ in range(3)]
        bystander = await world.draft("F-2")
        for draft in (*drafts, bystander):
            await comes_to(world, draft, AWAITING)
        order = await logo_noticed(world, "F-1")
        await world.errands.tell_notice(order)
        await world.handle(order).result()
        for draft in drafts:
            await comes_to(world, draft, WORKING)
        assert await world.line_status(bystander) == AWAITING
