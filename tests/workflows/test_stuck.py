"""The ways in which a draft can stand still: each is seen in what Temporal says of it, without a worker."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import PauseActivityRequest
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from commands.open_drafts import OpenDrafts
from config.codec import encrypted_converter
from config.keys import KeyRing
from domain.pulse import PATIENCE, SENTENCES, Pulse, Trouble, trouble
from domain.transitions import Command
from domain.transport import TRANSPORT_RULES, TransportCode
from tests.workflows.changed_workflows import Buggy, Unpatched
from tests.workflows.harness import ORG, Bench, DraftRun, World, a_worker, dev_server
from tests.workflows.test_upgrades import versioned
from workflows.policies import FINAL_DELIVERY_ERRORS

WITHIN_S = 60


@pytest.fixture(scope="module")
async def server() -> AsyncIterator[WorkflowEnvironment]:
    async with dev_server() as env:
        yield env


async def shows(run: DraftRun, kind: Trouble, *, later: timedelta = timedelta()) -> str:
    """The sentence, as soon as there is one; `later`: as if so much time had gone by."""
    drafts, recorded_at = OpenDrafts(run.client), run.records[-1].draft.updated_at
    for _ in range(WITHIN_S * 4):
        pulse: Pulse = await drafts.pulse(ORG, run.draft_id)
        found = trouble(pulse, recorded_at, datetime.now(UTC) + later)
        if found is not None:
            assert found[0] is kind, found
            return found[1]
        await asyncio.sleep(0.25)
    raise AssertionError(f"nothing to be seen of {kind} within {WITHIN_S} s: {pulse}")


async def ready(server: WorkflowEnvironment, world: World) -> DraftRun:
    async with a_worker(server.client, world):
        return await (await Bench(server, world).draft()).ready()


Way = Callable[[WorkflowEnvironment, World, DraftRun], Awaitable[str]]


async def no_worker(server: WorkflowEnvironment, world: World, run: DraftRun) -> str:
    await run.handle.signal("approve")
    return await shows(run, Trouble.NO_WORKER, later=PATIENCE)


async def worker_of_another_version(server: WorkflowEnvironment, world: World, run: DraftRun) -> str:
    async with a_worker(server.client, world, deployment_config=versioned("not-current")):
        await run.handle.signal("approve")
        return await shows(run, Trouble.NO_WORKER, later=PATIENCE)


async def worker_that_cannot_replay(server: WorkflowEnvironment, world: World, run: DraftRun) -> str:
    async with a_worker(server.client, world, workflows=[Unpatched]):
        await run.handle.signal("approve")
        return await shows(run, Trouble.TASK_FAILS)


async def bug_in_workflow_code(server: WorkflowEnvironment, world: World, run: DraftRun) -> str:
    async with a_worker(server.client, world, workflows=[Buggy]):
        await run.handle.signal("approve")
        return await shows(run, Trouble.TASK_FAILS)


async def key_missing_in_the_worker(server: WorkflowEnvironment, world: World, run: DraftRun) -> str:
    config = server.client.config()
    config["data_converter"] = encrypted_converter(KeyRing("11" * 32, []))
    with_another_key = Client(**config)
    config["data_converter"] = encrypted_converter(KeyRing("22" * 32, []))
    sender = Client(**config)
    async with a_worker(with_another_key, world):
        await sender.get_workflow_handle(run.handle.id).signal("approve", {"key": "k"})
        return await shows(run, Trouble.TASK_FAILS)


async def database_away(server: WorkflowEnvironment, world: World, run: DraftRun) -> str:
    world.record_fails = 1000
    async with a_worker(server.client, world):
        await run.handle.signal("approve")
        return await shows(run, Trouble.NOT_RECORDED)


async def activity_paused(server: WorkflowEnvironment, world: World, run: DraftRun) -> str:
    world.stage_errors += ["SERVER_ERROR"] * 50
    async with a_worker(server.client, world):
        await run.send(Command.APPROVE)
        await run.send(Command.PUSH)
        await shows(run, Trouble.STEP_FAILS)
        await _pause(run, "export-1-stage")
        return await shows(run, Trouble.PAUSED)


async def _pause(run: DraftRun, activity_id: str) -> None:
    execution = WorkflowExecution(workflow_id=run.handle.id)
    request = PauseActivityRequest(namespace="default", execution=execution, id=activity_id)
    await run.client.workflow_service.pause_activity(request)


async def terminated(server: WorkflowEnvironment, world: World, run: DraftRun) -> str:
    await run.handle.terminate("by a test")
    return await shows(run, Trouble.ENDED)


WAYS: dict[Way, str] = {
    no_worker: "No worker has taken up",
    worker_of_another_version: "No worker has taken up",
    worker_that_cannot_replay: "its step failed",
    bug_in_workflow_code: "its step failed",
    key_missing_in_the_worker: "its step failed",
    database_away: "not on record yet (DatabaseUnavailable",
    activity_paused: "The step stage is paused",
    terminated: "No workflow runs for this draft any more",
}


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__.replace("_", " "))
async def test_a_draft_that_stands_still_says_why(server: WorkflowEnvironment, way: Way) -> None:
    world = World()
    run = await ready(server, world)
    sentence = await way(server, world, run)
    assert WAYS[way] in sentence
    assert "{" not in sentence
    print(f"{way.__name__}: {sentence}")
    if way is not terminated:
        await run.handle.terminate("the test is over")


REPEATED = [
    code
    for code, rule in TRANSPORT_RULES.items()
    if rule.retryable and code.value not in FINAL_DELIVERY_ERRORS
]


@pytest.mark.fault  # a minute and more
@pytest.mark.parametrize("code", REPEATED)
@pytest.mark.parametrize("step", ["stage", "publish"])
async def test_a_delivery_that_is_repeated_says_which_step_fails_and_why(
    server: WorkflowEnvironment, step: str, code: TransportCode
) -> None:
    world = World()
    run = await ready(server, world)
    (world.stage_errors if step == "stage" else world.publish_errors).extend([code.value] * 50)
    async with a_worker(server.client, world):
        await run.send(Command.APPROVE)
        await run.send(Command.PUSH)
        sentence = await shows(run, Trouble.STEP_FAILS)
    assert f"The step {step} fails ({code.value}, tried " in sentence
    await run.handle.terminate("the test is over")


async def test_a_draft_that_waits_for_a_person_is_not_stuck(server: WorkflowEnvironment) -> None:
    world = World()
    run = await ready(server, world)
    late, found = datetime.now(UTC) + timedelta(days=30), None
    async with a_worker(server.client, world):
        for _ in range(200):  # the task that hears of its record may still be under way
            pulse = await OpenDrafts(run.client).pulse(ORG, run.draft_id)
            found = trouble(pulse, run.records[-1].draft.updated_at, late)
            if found is None:
                break
            await asyncio.sleep(0.05)
    assert found is None


def test_every_trouble_has_its_sentence() -> None:
    assert set(SENTENCES) == set(Trouble)
