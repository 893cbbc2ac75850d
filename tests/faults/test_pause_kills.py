"""Whatever dies while a pause ends, no order waits for ever, and each is delivered once."""

import asyncio
import os
import sys
from pathlib import Path

import pytest
from temporalio.client import Client, WorkflowHandle

from domain.releases import release_workflow_id
from local.child import ROOT
from local.seed import seeded_id
from local.stack import Stack
from tests.e2e.conftest import Body, Person
from tests.faults.pausing import connection_path, delivered_once, held, pushed_into_the_pause

pytestmark = pytest.mark.fault  # minutes

RESUMED = "The connection was resumed"


@pytest.fixture
def folder(fragile: Stack) -> Path:
    return fragile.var / "dropzone" / "demo" / "orders"


async def reconciled(stack: Stack, *options: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "cli.py", "reconcile", "--org", "demo", *options),
        cwd=ROOT,
        env={**os.environ, **stack.environment, "COLUMNS": "400"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await asyncio.wait_for(process.communicate(), 90)
    return process.returncode or 0, out.decode()


async def release_of(stack: Stack, path: str) -> WorkflowHandle[object, object]:
    client = await Client.connect(stack.temporal_address)
    return client.get_workflow_handle(release_workflow_id(seeded_id("demo"), path.rsplit("/", 1)[1]))


async def release_ended(stack: Stack, path: str) -> None:
    release = await release_of(stack, path)
    async with asyncio.timeout(60):
        while (await release.describe()).close_time is None:
            await asyncio.sleep(0.1)


async def left_behind(stack: Stack, clerk: Person, count: int) -> tuple[str, list[Body]]:
    """The connection is active again, and its release was terminated before it told anybody."""
    path = await connection_path(clerk)
    await clerk.json("POST", f"{path}/pause")
    exports = await pushed_into_the_pause(clerk, count)
    await stack.stop("worker")
    await clerk.json("POST", f"{path}/resume")
    await (await release_of(stack, path)).terminate("by a test")
    await stack.start("worker")
    return path, exports


async def test_a_worker_killed_in_the_middle_of_a_resume_leaves_nobody_waiting(
    fragile: Stack, clerk: Person, folder: Path
) -> None:
    path = await connection_path(clerk)
    await clerk.json("POST", f"{path}/pause")
    exports = await pushed_into_the_pause(clerk, 20)
    await clerk.json("POST", f"{path}/resume")
    async with asyncio.timeout(60):
        while len([each for each in folder.iterdir() if _is_of(each, exports)]) < 3:
            await asyncio.sleep(0.02)
    await fragile.kill("worker")
    at_the_kill = len([each for each in folder.iterdir() if _is_of(each, exports)])
    await fragile.start("worker")
    await delivered_once(clerk, exports, folder)
    assert 3 <= at_the_kill < len(exports)
    await release_ended(fragile, path)


def _is_of(file: Path, exports: list[Body]) -> bool:
    return file.name in {export["file_name"] for export in exports}


async def test_a_second_resume_takes_up_a_release_that_was_terminated(
    fragile: Stack, clerk: Person, folder: Path
) -> None:
    path, exports = await left_behind(fragile, clerk, 3)
    for export in exports:
        await held(clerk, export["draft_order_id"], RESUMED)
    before = await clerk.json("GET", path)
    again = await clerk.json("POST", f"{path}/resume")
    assert (again["status"], again["version"]) == ("ACTIVE", before["version"])
    run = (await (await release_of(fragile, path)).describe()).run_id
    await clerk.json("POST", f"{path}/resume")  # while it runs: the same one goes on
    assert (await (await release_of(fragile, path)).describe()).run_id == run
    await delivered_once(clerk, exports, folder)
    await release_ended(fragile, path)
    ended = (await (await release_of(fragile, path)).describe()).run_id
    await clerk.json("POST", f"{path}/resume")  # nothing waits: nothing starts
    assert (await (await release_of(fragile, path)).describe()).run_id == ended


async def test_reconcile_finds_and_releases_what_a_terminated_release_left_behind(
    fragile: Stack, clerk: Person, folder: Path
) -> None:
    path, exports = await left_behind(fragile, clerk, 2)
    drafts = [await clerk.json("GET", f"/draft-orders/{export['draft_order_id']}") for export in exports]
    code, said = await reconciled(fragile, "--dry-run")
    assert code == 1, said
    for draft in drafts:
        assert f"{draft['number']} held_after_pause" in said
    assert folder.exists()
    assert not [each for each in folder.iterdir() if _is_of(each, exports)]
    code, said = await reconciled(fragile)
    assert code == 0, said
    await delivered_once(clerk, exports, folder)
    await release_ended(fragile, path)
    assert "held_after_pause" not in (await reconciled(fragile))[1]


async def test_what_waits_for_a_connection_disabled_in_its_pause_fails_although_nobody_told_it(
    fragile: Stack, clerk: Person
) -> None:
    path = await connection_path(clerk)
    await clerk.json("POST", f"{path}/pause")
    (export,) = await pushed_into_the_pause(clerk, 1)
    await fragile.stop("worker")
    await clerk.json("POST", f"{path}/disable")
    await (await release_of(fragile, path)).terminate("by a test")
    await fragile.start("worker")
    try:
        await clerk.json("POST", f"{path}/disable")
        async with asyncio.timeout(60):
            while (shown := await clerk.json("GET", f"/exports/{export['id']}"))["status"] != "FAILED":
                await asyncio.sleep(0.1)
        assert shown["error"]["code"] == "CONNECTION_DISABLED"
        assert not shown["may_have_been_sent"]
    finally:
        await clerk.json("POST", f"{path}/enable")
