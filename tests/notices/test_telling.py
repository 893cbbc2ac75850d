"""A notice reaches every draft that waits, whatever dies between, and is told once."""

import asyncio
from uuid import UUID

import pytest
from pydantic import BaseModel
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from commands.draft_orders import DraftOrders, TemporalUnavailable, WorkflowGone
from domain.messages import LOOK_AGAIN
from domain.notices import NOTICE_RELAY_WORKFLOW, NoticeKind, NoticeOrder
from domain.statuses import LineStatus as L
from tests.notices.world import World
from tests.storage.conftest import new_org


class Heard(DraftOrders):
    """Stands where drafts are: notes who was told. `away` cannot be reached, `gone` have ended."""

    def __init__(self, world: World) -> None:
        super().__init__(world.client, world.queue, 5)
        self.told: list[UUID] = []
        self.away: set[UUID] = set()
        self.gone: set[UUID] = set()
        self.hangs_after: int | None = None
        self.hanging = asyncio.Event()

    async def tell(self, signal: str, org_id: UUID, draft_id: UUID, message: BaseModel | None = None) -> None:
        assert (signal, message) == (LOOK_AGAIN, None)
        if self.hangs_after is not None and len(self.told) >= self.hangs_after:
            self.hanging.set()
            await asyncio.Event().wait()
        if draft_id in self.away:
            raise TemporalUnavailable("planted")
        if draft_id in self.gone:
            raise WorkflowGone
        self.told.append(draft_id)


async def waiting(world: World, count: int) -> tuple[list[UUID], NoticeOrder]:
    """Drafts that wait for an approver, and the notice of one."""
    drafts = await world.rows(L.NEEDS_APPROVER, count)
    return drafts, await world.notice(NoticeKind.APPROVER, await world.approver())


async def test_every_page_is_told_once_and_then_the_notice_is_marked(world: World) -> None:
    drafts, order = await waiting(world, 250)
    heard = Heard(world)
    async with world.worker(heard):
        await world.errands.tell_notice(order)
        assert (await world.handle(order).result())["drafts"] == 250
    assert sorted(heard.told) == drafts
    assert await world.told_at(order) is not None


async def test_a_worker_that_is_killed_between_two_drafts_leaves_nobody_waiting(world: World) -> None:
    drafts, order = await waiting(world, 3)
    dying, heard = Heard(world), Heard(world)
    dying.hangs_after = 1
    async with world.worker(dying):
        await world.errands.tell_notice(order)
        await asyncio.wait_for(dying.hanging.wait(), 20)
    assert len(dying.told) == 1
    assert await world.told_at(order) is None
    async with world.worker(heard):
        await asyncio.wait_for(world.handle(order).result(), 60)
    assert {*dying.told, *heard.told} == set(drafts)
    assert await world.told_at(order) is not None


async def test_a_draft_that_cannot_be_told_keeps_nobody_after_it_waiting(world: World) -> None:
    drafts, order = await waiting(world, 250)
    heard = Heard(world)
    heard.away = {drafts[0]}
    with pytest.raises(ApplicationError, match="planted"):
        await world.tell(order, heard)
    assert sorted(heard.told) == drafts[1:]
    assert await world.told_at(order) is None
    heard.away = set()
    await world.tell(order, heard)
    assert drafts[0] in heard.told
    assert await world.told_at(order) is not None


async def test_when_nobody_can_be_told_the_rest_is_left_to_the_next_try(world: World) -> None:
    drafts, order = await waiting(world, 150)
    heard = Heard(world)
    heard.away = set(drafts[:100])
    with pytest.raises(ApplicationError, match="planted"):
        await world.tell(order, heard)
    assert heard.told == []
    assert await world.told_at(order) is None


async def test_drafts_that_have_ended_are_passed_over(world: World) -> None:
    drafts, order = await waiting(world, 3)
    heard = Heard(world)
    heard.gone = {drafts[1]}
    assert await world.tell(order, heard) == 2
    assert await world.told_at(order) is not None
    _never_started, order = await waiting(world, 1)
    assert await world.tell(order) == 0  # Temporal itself says so
    assert await world.told_at(order) is not None


async def test_a_notice_that_was_told_tells_nobody_again(world: World) -> None:
    _drafts, order = await waiting(world, 2)
    heard = Heard(world)
    async with world.worker(heard):
        await world.errands.tell_notice(order)
        await world.handle(order).result()
        marked = await world.told_at(order)
        await world.errands.tell_notice(order)
        assert (await world.handle(order).result())["drafts"] == 0
    assert len(heard.told) == 2
    assert await world.told_at(order) == marked


async def test_a_notice_that_is_being_told_is_not_started_beside_itself(world: World) -> None:
    _drafts, order = await waiting(world, 2)
    slow = Heard(world)
    slow.hangs_after = 0
    async with world.worker(slow):
        await world.errands.tell_notice(order)
        await asyncio.wait_for(slow.hanging.wait(), 20)
        run = (await world.handle(order).describe()).run_id
        await world.errands.tell_notice(order)
        assert (await world.handle(order).describe()).run_id == run
        await world.handle(order).terminate()


async def test_the_relay_tells_what_was_left_behind_by_any_org_and_leaves_the_rest(world: World) -> None:
    other = World(world.client, world.database, await new_org(world.database), world.queue)
    await other.settle()
    heard = Heard(world)
    (ours, left), (theirs, left_too) = await waiting(world, 1), await waiting(other, 1)
    approver = await world.approver()
    old = await world.notice(NoticeKind.APPROVER, approver, age_s=3600)
    old_too = await other.notice(NoticeKind.APPROVER, await other.approver(), age_s=3600)
    done = await world.notice(NoticeKind.APPROVER, approver, age_s=3600)
    await world.tell(done, Heard(world))
    async with world.worker(heard):
        await world.client.execute_workflow(
            NOTICE_RELAY_WORKFLOW, id=f"relay-{world.queue}", task_queue=world.queue
        )
        for order in (old, old_too):
            await world.handle(order).result()
    assert sorted(heard.told) == sorted([*ours, *theirs])
    # young ones are still in the hands of the process that added them
    assert [await each.told_at(order) for each, order in ((world, left), (other, left_too))] == [None, None]
    runs = [
        each.id async for each in world.client.list_workflows(f"WorkflowId = 'line-notice/{done.notice_id}'")
    ]
    assert runs == []


async def test_a_relay_that_finds_no_temporal_says_so_and_loses_nothing(world: World) -> None:
    order = await world.notice(NoticeKind.APPROVER, await world.approver(), age_s=3600)

    class Away:
        async def tell_notice(self, _order: NoticeOrder) -> None:
            raise TemporalUnavailable("planted")

    notices = world.notices()
    notices._errands = Away()  # type: ignore[assignment]
    with pytest.raises(ApplicationError, match="planted"):
        await ActivityEnvironment().run(notices.relay)
    assert await world.told_at(order) is None


async def test_a_resend_that_nobody_told_has_its_proof_mailed_by_the_relay_and_tells_no_draft(
    world: World,
) -> None:
    """As when the API process dies between the commit and the signal."""
    (color_up,) = world.ground.versions
    await world.rows(L.SENT_FOR_APPROVAL, color_up=color_up)
    order = await world.notice(NoticeKind.PROOF_RESENT, color_up, age_s=3600)
    looked: list[tuple[UUID, UUID]] = []

    async def look(org_id: UUID, color_up_id: UUID) -> None:
        looked.append((org_id, color_up_id))

    world.proofs.start = look  # type: ignore[method-assign]
    heard = Heard(world)
    async with world.worker(heard):
        await world.client.execute_workflow(
            NOTICE_RELAY_WORKFLOW, id=f"relay-{world.queue}", task_queue=world.queue
        )
        await world.handle(order).result()
    assert looked == [(world.org, color_up)]
    assert heard.told == []
    assert await world.told_at(order) is not None


async def test_a_resend_is_told_until_its_proof_hears_it(world: World) -> None:
    order = await world.notice(NoticeKind.PROOF_RESENT, world.ground.versions[0])

    async def away(_org_id: UUID, _color_up_id: UUID) -> None:
        raise TemporalUnavailable("planted")

    world.proofs.start = away  # type: ignore[method-assign]
    with pytest.raises(ApplicationError, match="planted"):
        await world.tell(order)
    assert await world.told_at(order) is None
