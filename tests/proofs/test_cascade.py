"""One decision, and every draft that waits for it: none missed, whatever dies in between."""

import asyncio
from contextlib import suppress
from uuid import UUID, uuid4

import pytest
from pydantic import BaseModel
from temporalio import activity
from temporalio.client import WorkflowExecutionStatus
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities import heartbeats, names
from activities.proofs import ProofActivities
from commands.draft_orders import DraftOrders, TemporalUnavailable
from domain.color_ups import Decision
from domain.messages import draft_workflow_id
from domain.proofs import DecisionOrder, DecisionOutcome, ProofInput, proof_workflow_id
from domain.refusals import FactsUnavailable, InputRefused, KeyReused, TransitionRejected
from storage.database import Database
from tests.proofs.stand_in import END
from tests.proofs.world import World
from tests.storage.proof_ground import Ground, verdict
from tests.workflows.harness import dev_server
from workflows.policies import TELL_DECISION

DRAFTS = 20


async def crowd(world: World, ground: Ground, size: int = DRAFTS) -> list[UUID]:
    (version,) = ground.versions
    return await asyncio.gather(*(world.waiting(ground, version) for _ in range(size)))


class Dying(DraftOrders):
    """Lets `tells` drafts be told, then hangs until it is cut off, or fails."""

    def __init__(self, world: World, tells: int, *, hangs: bool) -> None:
        super().__init__(world.client, world.queue, 5)
        self.tells, self.hangs, self.dead = tells, hangs, asyncio.Event()

    async def tell(self, signal: str, org_id: UUID, draft_id: UUID, message: BaseModel | None = None) -> None:
        if self.tells <= 0:
            self.dead.set()
            if self.hangs:
                await asyncio.Event().wait()
            raise TemporalUnavailable("planted")
        self.tells -= 1
        await super().tell(signal, org_id, draft_id, message)


async def test_each_waiting_draft_hears_the_decision_once(world: World) -> None:
    ground = await world.ground()
    (version,) = ground.versions
    async with world.worker():
        drafts = await crowd(world, ground)
        made = await world.proofs.decide(world.org, version, verdict())
        assert (await ground.row(version))["status"] == "Approved"
        await world.ended(version)
        for draft in drafts:
            assert await world.heard(draft) == [made.decided]


async def test_drafts_that_subscribe_while_the_decision_is_made_hear_it_or_find_it(world: World) -> None:
    ground = await world.ground()
    (version,) = ground.versions
    await ground.subscribe(version)
    drafts = [await world.draft() for _ in range(DRAFTS)]
    found: dict[UUID, Decision] = {}

    async def look(draft: UUID) -> None:
        known = await ground.subscribe(version, draft)
        if known is not None:
            found[draft] = known.decision

    async with world.worker():
        await asyncio.gather(
            *(look(draft) for draft in drafts[: DRAFTS // 2]),
            world.proofs.decide(world.org, version, verdict()),
            *(look(draft) for draft in drafts[DRAFTS // 2 :]),
        )
        await world.ended(version)
        for draft in drafts:
            heard = [each.decision for each in await world.heard(draft)]
            assert heard == ([] if draft in found else [Decision.APPROVE])


@pytest.mark.fault
@pytest.mark.parametrize("hangs", [True, False], ids=["killed", "Temporal away"])
async def test_a_fan_out_that_dies_in_the_middle_goes_on_with_the_rest(world: World, hangs: bool) -> None:
    ground = await world.ground()
    (version,) = ground.versions
    dying = Dying(world, tells=DRAFTS // 3, hangs=hangs)
    async with world.worker(world.activities(dying)):
        drafts = await crowd(world, ground)
        await world.proofs.decide(world.org, version, verdict())
        await asyncio.wait_for(dying.dead.wait(), 20)
    async with world.worker():
        await world.ended(version, within_s=60)
        for draft in drafts:
            heard = {each.decision for each in await world.heard(draft)}
            assert heard == {Decision.APPROVE}


class Slow(DraftOrders):
    """Takes one draft's signal for as long as it takes to beat thrice."""

    def __init__(self, world: World) -> None:
        super().__init__(world.client, world.queue, 5)
        self.beats = 0

    def beat(self, *_details: object) -> None:
        self.beats += 1

    async def tell(self, signal: str, org_id: UUID, draft_id: UUID, message: BaseModel | None = None) -> None:
        async with asyncio.timeout(20):
            while self.beats < 3:
                await asyncio.sleep(0.01)


async def test_the_teller_shows_that_it_lives_also_while_one_signal_takes_long(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert TELL_DECISION.heartbeat is not None
    assert TELL_DECISION.heartbeat.total_seconds() >= 4 * heartbeats.HEARTBEAT_S
    monkeypatch.setattr(heartbeats, "HEARTBEAT_S", 0.01)
    ground = await world.ground()
    (version,) = ground.versions
    await ground.subscribe(version)
    await ground.decide(version, verdict())
    slow, environment = Slow(world), ActivityEnvironment()
    environment.on_heartbeat = slow.beat
    order = ProofInput(org_id=world.org, color_up_id=version)
    assert (await environment.run(world.activities(slow).tell, order)).told == 1


async def test_a_killed_teller_costs_8_s_and_no_more(world: World) -> None:
    ground = await world.ground()
    (version,) = ground.versions
    async with world.worker():
        await world.proofs.decide(world.org, version, verdict())
        await world.ended(version)
    handle = world.client.get_workflow_handle(proof_workflow_id(version))
    scheduled = [
        event.activity_task_scheduled_event_attributes
        async for event in handle.fetch_history_events()
        if event.HasField("activity_task_scheduled_event_attributes")
    ]
    told = {
        each.heartbeat_timeout.seconds for each in scheduled if each.activity_type.name == names.TELL_DECISION
    }
    assert told == {8}


async def test_a_draft_that_has_ended_is_counted_as_told(world: World) -> None:
    ground = await world.ground()
    (version,) = ground.versions
    async with world.worker():
        ended, open_one = [await world.waiting(ground, version) for _ in range(2)]
        handle = world.client.get_workflow_handle(draft_workflow_id(world.org, ended))
        await handle.signal(END)
        await handle.result()
        await ground.subscribe(version, uuid4())  # one that never had a workflow
        await world.proofs.decide(world.org, version, verdict())
        await world.ended(version)
        assert len(await world.heard(open_one)) == 1


async def test_a_decision_tells_nobody_of_another_key_customer_or_org(world: World) -> None:
    ours, neighbour = await world.ground(versions=2), await world.ground()
    async with world.worker():
        bystander = await world.waiting(neighbour, neighbour.versions[0])
        await world.proofs.decide(world.org, ours.versions[0], verdict())
        await world.ended(ours.versions[0])
        stranger = World(world.client, world.database, uuid4(), world.queue)
        for color_up_id in (neighbour.versions[0], ours.versions[1]):  # with an open workflow, without
            with pytest.raises((InputRefused, TemporalUnavailable)):
                await stranger.proofs.decide(stranger.org, color_up_id, verdict())
        assert await world.heard(bystander) == []
    assert await neighbour.statuses() == ["Pending Approval"]
    assert await ours.statuses() == ["Approved", "Draft"]


@pytest.mark.parametrize("by", ["sending", "deciding"])
async def test_drafts_of_an_older_version_hear_that_a_newer_one_overtook_it(world: World, by: str) -> None:
    ground = await world.ground(versions=2)
    older, newer = ground.versions
    async with world.worker():
        early = await world.waiting(ground, older)
        if by == "sending":
            late = await world.waiting(ground, newer)
            assert await world.heard(late) == []
        else:
            await world.proofs.decide(world.org, newer, verdict())
        await world.ended(older)
        heard = await world.heard(early)
        assert [(each.color_up_id, each.decision) for each in heard] == [(older, Decision.SUPERSEDED)]


async def test_a_proof_waits_in_words_until_it_is_decided_and_then_ends(world: World) -> None:
    ground = await world.ground()
    (version,) = ground.versions
    handle = world.client.get_workflow_handle(proof_workflow_id(version))
    async with world.worker():
        await world.waiting(ground, version)
        words = ""
        async with asyncio.timeout(20):
            while "waiting for the customer" not in words:
                await asyncio.sleep(0.05)
                described = await handle.describe()
                words = await described.static_details() or ""
                with suppress(KeyError):
                    words = await handle.query("__temporal_workflow_metadata") or ""
                words = str(words)
        assert "Crest on style 14728, colour BLK, version 1" in words
        assert (await handle.describe()).status is WorkflowExecutionStatus.RUNNING
        await world.proofs.decide(world.org, version, verdict())
        await world.ended(version)


@pytest.mark.parametrize("open_still", [True, False])
async def test_a_repeat_gets_the_same_decision_also_when_the_workflow_has_ended(
    world: World, open_still: bool
) -> None:
    ground = await world.ground()
    (version,) = ground.versions
    message = verdict(key="k-1", digest="d")
    async with world.worker():
        first = await world.proofs.decide(world.org, version, message)
        if not open_still:
            await world.ended(version)
        again = await world.proofs.decide(
            world.org, version, message.model_copy(update={"token": uuid4().hex})
        )
        assert (again.decided, again.repeated) == (first.decided, True)
        with pytest.raises(KeyReused):
            await world.proofs.decide(world.org, version, verdict(key="k-1", digest="e"))
        with pytest.raises(TransitionRejected, match="already approved"):
            await world.proofs.decide(world.org, version, verdict())
    assert len(await ground.trail(version)) == 1


async def test_many_who_decide_at_once_make_one_decision(world: World) -> None:
    ground = await world.ground()
    (version,) = ground.versions
    decisions = [Decision.APPROVE, Decision.REQUEST_CHANGES] * 6
    async with world.worker():
        await world.waiting(ground, version)
        answers = await asyncio.gather(
            *(world.proofs.decide(world.org, version, verdict(each)) for each in decisions),
            return_exceptions=True,
        )
        refused = [each for each in answers if isinstance(each, TransitionRejected)]
        assert len(refused) == len(decisions) - 1
        await world.ended(version)
    assert len(await ground.trail(version)) == 1


async def test_without_a_worker_a_decision_is_unavailable_and_nothing_is_decided(world: World) -> None:
    ground = await world.ground()
    (version,) = ground.versions
    world.proofs._answer_within_s = 0.5
    message = verdict(key="k-1")
    with pytest.raises(TemporalUnavailable):
        await world.proofs.decide(world.org, version, message)
    assert await ground.statuses() == ["Draft"]
    world.proofs._answer_within_s = 20
    async with world.worker():
        await world.proofs.decide(world.org, version, message)
    assert await ground.statuses() == ["Approved"]


class AnswerLost(ProofActivities):
    @activity.defn(name=names.DECIDE_COLOR_UP)
    async def decide(self, order: DecisionOrder) -> DecisionOutcome:
        await super().decide(order)
        raise ApplicationError("planted")


async def test_a_decision_whose_answer_was_lost_is_told_all_the_same(world: World) -> None:
    ground = await world.ground()
    (version,) = ground.versions
    async with world.worker(AnswerLost(world.database, world.drafts, world.proofs)):
        draft = await world.waiting(ground, version)
        with pytest.raises(FactsUnavailable):
            await world.proofs.decide(world.org, version, verdict())
        await world.ended(version)
        assert [each.decision for each in await world.heard(draft)] == [Decision.APPROVE]


async def test_a_proof_that_is_asked_again_and_again_moves_on_to_new_runs(
    database: Database, org: UUID
) -> None:
    knob = "limit.historyCount.suggestContinueAsNew=30"
    async with dev_server(knob) as server:
        world = World(server.client, database, org, "proofs")
        ground = await world.ground()
        (version,) = ground.versions
        handle = world.client.get_workflow_handle(proof_workflow_id(version))
        async with world.worker():
            draft = await world.waiting(ground, version)
            first_run = (await handle.describe()).run_id
            async with asyncio.timeout(20):
                while (await handle.describe()).run_id == first_run:
                    await world.proofs.start(org, version)
                    await asyncio.sleep(0.1)
            first = world.client.get_workflow_handle(handle.id, run_id=first_run)
            assert (await first.describe()).status is WorkflowExecutionStatus.CONTINUED_AS_NEW
            await world.proofs.decide(org, version, verdict())
            await world.ended(version)
            assert [each.decision for each in await world.heard(draft)] == [Decision.APPROVE]
