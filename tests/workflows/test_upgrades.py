"""A new version beside the old one: drafts that are open go over, and none breaks (ADR 0007)."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from pydantic import SecretStr, ValidationError
from temporalio.api.deployment.v1 import WorkerDeploymentVersion as Version
from temporalio.api.workflowservice.v1 import (
    SetWorkerDeploymentCurrentVersionRequest,
    SetWorkerDeploymentRampingVersionRequest,
)
from temporalio.client import Client
from temporalio.common import VersioningBehavior
from temporalio.service import RPCError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker, WorkerDeploymentConfig

from config.settings import Settings
from domain import messages as msg
from domain.statuses import DraftStatus
from domain.transitions import Command
from tests.workflows.changed_workflows import Patched
from tests.workflows.harness import Bench, DraftRun, World, a_worker, dev_server
from worker import deployment
from workflows.draft_order import DraftOrderWorkflow

NAME = "countersign"
DRAFTS = 50


def settings(**given: str | None) -> Settings:
    return Settings(
        database_url=SecretStr("postgresql+asyncpg://nobody@localhost/nothing"),
        jwt_secret=SecretStr("x" * 32),
        encryption_master_key=SecretStr("00" * 32),
        documents_url="file:///nowhere",
        **given,  # type: ignore[arg-type]
    )


def versioned(build_id: str) -> WorkerDeploymentConfig:
    config = deployment(settings(deployment_name=NAME, build_id=build_id))
    assert config is not None
    return config


async def routed(client: Client, request_kind: type, build_id: str, **more: float) -> None:
    """Tell Temporal where tasks go, as soon as it knows the version."""
    request = request_kind(
        namespace="default", deployment_name=NAME, build_id=build_id, identity="test", **more
    )
    service = client.workflow_service
    call = service.set_worker_deployment_current_version
    if request_kind is SetWorkerDeploymentRampingVersionRequest:
        call = service.set_worker_deployment_ramping_version
    for _ in range(100):
        try:
            await call(request)
        except RPCError:
            await asyncio.sleep(0.1)
        else:
            return
    raise AssertionError(f"Temporal never knew version {build_id}")


@pytest.fixture
async def server() -> AsyncIterator[WorkflowEnvironment]:
    async with dev_server() as env:
        yield env


async def versions(run: DraftRun) -> str:
    info = (await run.handle.describe()).raw_description.workflow_execution_info
    version: Version = info.versioning_info.deployment_version
    return version.build_id


async def pushed(run: DraftRun) -> None:
    for _ in range(400):
        if run.records[-1].draft.status is DraftStatus.PUSHED:
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"still {run.records[-1].draft.status}")


async def finish(run: DraftRun) -> None:
    await run.send(Command.PUSH, key="push", digest="d")
    await pushed(run)
    export = run.records[-1].draft.exports[-1]
    await run.handle.signal(msg.ACKNOWLEDGE, {"export_id": str(export.id), "status": "ACKED"})
    assert await run.handle.result() == DraftStatus.PUSHED


async def at_once(work: list[DraftRun], verb: str) -> None:
    """Ten at a time."""
    places = asyncio.Semaphore(10)

    async def one(run: DraftRun) -> None:
        async with places:
            await (finish(run) if verb == "finish" else run.send(Command(verb)))

    await asyncio.gather(*(one(run) for run in work))


def on(server: WorkflowEnvironment, world: World, build_id: str, kind: type) -> Worker:
    return a_worker(
        server.client, world, workflows=[kind], deployment_config=versioned(build_id), identity=build_id
    )


async def test_fifty_open_drafts_go_over_to_a_new_version_and_none_breaks(
    server: WorkflowEnvironment,
) -> None:
    world = World()
    bench = Bench(server, world)
    old, new = on(server, world, "old", DraftOrderWorkflow), on(server, world, "new", Patched)
    async with new:
        async with old:
            await routed(server.client, SetWorkerDeploymentCurrentVersionRequest, "old")
            drafts = [await bench.draft() for _ in range(DRAFTS)]
            await at_once(drafts, "validate")
            assert {await versions(run) for run in drafts} == {"old"}
            # both run side by side: a part of the drafts goes over first
            await routed(server.client, SetWorkerDeploymentRampingVersionRequest, "new", percentage=30)
            await at_once(drafts, "approve")
            assert {await versions(run) for run in drafts} == {"old", "new"}
            await at_once(drafts[:10], "finish")
            await routed(server.client, SetWorkerDeploymentCurrentVersionRequest, "new")
        # the old version is gone
        drafts += [await bench.draft()]
        await at_once(drafts[-1:], "validate")
        await at_once(drafts[-1:], "approve")
        await at_once(drafts[10:], "finish")
        assert {await versions(run) for run in drafts[10:]} == {"new"}
    assert not world.conflicts
    for run in drafts:
        assert [record.sequence for record in run.records] == [1, 2, 3, 4, 5, 6]
    for run in drafts:
        events = (await run.handle.fetch_history()).events
        assert not [event for event in events if event.HasField("workflow_task_failed_event_attributes")]


def test_a_worker_without_a_build_id_is_not_versioned() -> None:
    assert deployment(settings()) is None


def test_drafts_follow_the_current_version() -> None:
    config = versioned("2026-11-21")
    assert config.use_worker_versioning
    assert config.default_versioning_behavior is VersioningBehavior.AUTO_UPGRADE


def test_half_a_deployment_is_refused() -> None:
    with pytest.raises(ValidationError, match="both, or neither"):
        settings(deployment_name=NAME)
