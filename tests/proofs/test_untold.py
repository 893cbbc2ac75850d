"""Decisions that came behind their workflow's look, and orders that came too late to be decided."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.untold_decisions import UntoldDecisions
from connectors.mail_server import MailNotSent
from domain.mails import DECIDED_FIRST
from domain.proofs import DecisionOrder, DecisionOutcome, proof_workflow_id
from storage import subscriptions
from tests.proofs.test_cascade import Dying
from tests.proofs.test_mailing import outcome
from tests.proofs.world import Post, World
from tests.storage.proof_ground import AT, verdict
from tests.workflows.resting import rests


async def listed(world: World, version: UUID) -> bool:
    rows = await subscriptions.untold_of_all(world.database, datetime.now(UTC), 10_000)
    return (world.org, version) in {(row["org_id"], row["color_up_id"]) for row in rows}


async def test_a_decision_that_came_behind_the_workflows_look_is_told_by_the_relay(world: World) -> None:
    """As by a commit that was on its way when the workflow's time for it was over."""
    ground = await world.ground()
    (version,) = ground.versions
    async with world.worker():
        draft = await world.waiting(ground, version)
        await world.says(version, "mails: 0 sent")
        await rests(world.client.get_workflow_handle(proof_workflow_id(version)))
        assert not await listed(world, version)
        await ground.decide(version)
        assert await listed(world, version)
        assert await UntoldDecisions(world.database, world.proofs).relay() >= 1
        await world.ended(version)
        assert len(await world.heard(draft)) == 1
    assert not await listed(world, version)


async def test_a_proof_that_is_telling_its_drafts_is_not_woken(world: World) -> None:
    ground = await world.ground()
    (version,) = ground.versions
    dying = Dying(world, 0, hangs=True)
    async with world.worker(world.activities(dying)):
        await world.waiting(ground, version)
        await world.proofs.decide(world.org, version, verdict())
        await asyncio.wait_for(dying.dead.wait(), 20)
        assert not await world.proofs.wake(world.org, version)


@pytest.mark.parametrize(("lain_s", "decides"), [(0.5, True), (2.0, False), (3600, False)])
async def test_an_order_that_lay_in_the_queue_for_longer_than_anyone_waits_decides_nothing(
    world: World, lain_s: float, decides: bool
) -> None:
    ground = await world.ground()
    (version,) = ground.versions
    order = DecisionOrder(org_id=world.org, color_up_id=version, message=verdict(), at=AT)
    late = ActivityEnvironment()
    ordered = late.info.started_time - timedelta(seconds=lain_s)
    late.info = replace(late.info, current_attempt_scheduled_time=ordered)
    if decides:
        decided: DecisionOutcome = await late.run(world.activities().decide, order)
        assert decided.made is not None
    else:
        with pytest.raises(ApplicationError, match="did not answer in time"):
            await late.run(world.activities().decide, order)
    assert await ground.statuses() == ["Approved" if decides else "Draft"]


async def test_a_failed_mail_is_closed_in_the_log_also_by_a_run_that_never_tried_it(world: World) -> None:
    """A decision may arrive as a run moves on, and the next one finds it decided."""
    ground = await world.ground()
    (version,) = ground.versions
    await ground.approver("Jo Muster")
    post = Post(fails=[MailNotSent("away")] * 100)
    async with world.worker(mails=world.mails(post)):
        await world.waiting(ground, version)
        await world.says(version, "mail not sent: away")
        await world.client.get_workflow_handle(proof_workflow_id(version)).terminate()
    await ground.decide(version)
    async with world.worker(mails=world.mails(post)):
        await world.proofs.start(world.org, version)
        await world.ended(version)
    assert await outcome(world, version) == [("FAILED", DECIDED_FIRST)]
