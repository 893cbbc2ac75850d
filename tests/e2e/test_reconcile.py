"""`countersign reconcile`: finds what differs between workflows and rows, mends the rows, and says so."""

import asyncio
import os
import sys
from datetime import timedelta
from pathlib import Path

import asyncpg
from temporalio.client import Client

from local.stack import Stack
from tests.e2e.commands import countersign
from tests.e2e.conftest import People, draft_in

ROOT = Path(__file__).parents[2]


async def reconcile(stack: Stack, *options: str) -> tuple[int, str]:
    return await countersign(stack, "reconcile", "--org", "other", *options)


async def test_rows_that_were_lost_or_changed_are_written_again(stack: Stack, people: People) -> None:
    ops = await people("ops", "other")
    draft = await draft_in(ops, "APPROVED")
    lost = await draft_in(ops, "READY")
    assert (await reconcile(stack))[0] == 0
    owner = await asyncpg.connect(stack.database_urls.owner.replace("+asyncpg", ""))
    try:
        await owner.execute(
            "UPDATE draft_order SET status = 'READY', version = 2, "
            'snapshot = snapshot || \'{"status": "READY", "version": 2}\' WHERE id = $1',
            draft["id"],
        )
        await owner.execute("DELETE FROM draft_order_line WHERE draft_order_id = $1", lost["id"])
        await owner.execute("DELETE FROM draft_order WHERE id = $1", lost["id"])
    finally:
        await owner.close()
    code, said = await reconcile(stack, "--dry-run")
    assert code == 1
    assert draft["number"] in said
    assert "row_behind" in said
    assert "missing_row" in said
    assert (await ops.json("GET", f"/draft-orders/{draft['id']}"))["status"] == "READY"
    code, said = await reconcile(stack)
    assert (code, "2 differences, 0 left" in said) == (0, True), said
    assert await ops.json("GET", f"/draft-orders/{draft['id']}") == draft
    assert await ops.json("GET", f"/draft-orders/{lost['id']}") == lost
    assert "0 differences" in (await reconcile(stack))[1]
    trail = (await ops.json("GET", "/audit-log", params={"entity_id": draft["id"]}))["data"]
    assert (trail[-1]["action"], trail[-1]["via"]) == ("ROWS_REPAIRED", "system")
    # and the draft goes on as if nothing had been
    await ops.json("DELETE", f"/draft-orders/{draft['id']}/approval")


async def test_a_draft_whose_workflow_is_gone_is_reported_and_answers_503(
    stack: Stack, people: People
) -> None:
    ops = await people("ops", "other")
    draft = await draft_in(ops, "READY")
    client = await Client.connect(stack.temporal_address)
    await client.get_workflow_handle(draft["workflow"]["id"]).terminate("by a test")
    code, said = await reconcile(stack)
    assert code == 1
    assert f"{draft['number']} workflow_missing" in said
    problem = await ops.json("POST", f"/draft-orders/{draft['id']}/approve", 503)
    assert problem["code"] == "DEPENDENCY_ERROR"
    owner = await asyncpg.connect(stack.database_urls.owner.replace("+asyncpg", ""))
    await owner.execute("UPDATE draft_order SET status = 'REJECTED' WHERE id = $1", draft["id"])
    await owner.close()


async def test_the_schedule_is_there(stack: Stack) -> None:
    client = await Client.connect(stack.temporal_address)
    described = await client.get_schedule_handle("reconcile").describe()
    assert described.schedule.spec.intervals[0].every == timedelta(hours=1)


async def test_an_organisation_that_is_misspelt_is_no_clean_report(stack: Stack) -> None:
    """As a process of its own, as an operator has it."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "cli.py", "reconcile", "--org", "othr"),
        cwd=ROOT,
        env={**os.environ, **stack.environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await asyncio.wait_for(process.communicate(), 60)
    assert (process.returncode, "no such organisation" in out.decode()) == (2, True), out
