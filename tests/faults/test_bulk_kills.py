"""A bulk command whose worker or workflow dies: one result and one new export a draft, and no silence."""

import asyncio
from uuid import uuid4

import pytest
from temporalio.client import Client

from local.stack import Stack
from tests.e2e.conftest import Body, Person, draft_in, files_of, settled
from tests.faults.pausing import connection_path

pytestmark = pytest.mark.fault  # minutes

DRAFTS = 40
CAUSE = {"error_code": "FOLDER_NOT_FOUND"}


async def failed_drafts(clerk: Person, path: str) -> list[str]:
    before = await clerk.json("GET", path)
    await clerk.json("PATCH", path, json={"export_path": "/nowhere"})
    drafts = [(await draft_in(clerk, "ERROR"))["id"] for _ in range(DRAFTS)]
    await clerk.json("PATCH", path, json={"export_path": before["export_path"]})
    return drafts


async def asked(clerk: Person, where: str, enough: int = 0, status: str = "RUNNING") -> Body:
    async with asyncio.timeout(90):
        while True:
            told = await clerk.json("GET", where)
            if told["status"] == status and told["total"] - told["pending"] >= enough:
                return told
            await asyncio.sleep(0.01)


async def retried(clerk: Person) -> str:
    headers = {"Idempotency-Key": uuid4().hex}
    answer = await clerk.call("POST", "/exports/retry", json=CAUSE, headers=headers)
    assert answer.status_code == 202, answer.text
    return answer.headers["location"]


async def test_a_bulk_command_survives_its_worker_and_says_when_its_workflow_was_ended(
    fragile: Stack, clerk: Person
) -> None:
    failed = await failed_drafts(clerk, await connection_path(clerk))
    await fragile.stop("worker")
    ended = await retried(clerk)
    assert (await clerk.json("GET", ended))["status"] == "RUNNING"
    client = await Client.connect(fragile.temporal_address)
    await client.get_workflow_handle(ended.removeprefix("/")).terminate("by a test")
    stopped = await asked(clerk, ended, status="STOPPED")
    assert (stopped["pending"], stopped["finished_at"]) == (stopped["total"], None)
    await fragile.start("worker")
    assert (await clerk.json("GET", f"/draft-orders/{failed[0]}"))["status"] == "ERROR"

    where = await retried(clerk)
    await asked(clerk, where, enough=3)
    await fragile.kill("worker")
    at_the_kill = await clerk.json("GET", where)
    await fragile.start("worker")
    assert (at_the_kill["status"], at_the_kill["pending"] > 0) == ("RUNNING", True)
    told = await asked(clerk, where, status="DONE")
    assert (told["pending"], told["counts"]["done"]) == (0, told["total"])
    results = {row["draft_order_id"]: row["erp_export_id"] for row in told["results"]}
    assert set(failed) <= set(results)
    assert len(results) == len(told["results"])
    folder = fragile.var / "dropzone" / "demo" / "orders"
    for draft_id in failed:
        draft = await settled(clerk, draft_id, "PUSHED", within_s=60)
        assert [each["attempt"] for each in draft["exports"]] == [2, 1]
        assert results[draft_id] == draft["exports"][0]["id"]
        files = [name for name in files_of(folder, draft_id) if not name.endswith(".tmp")]
        assert files == [draft["exports"][0]["file_name"]]

    pages, cursor = [], None
    while True:
        query = {"limit": 25} | ({"cursor": cursor} if cursor else {})
        page = await clerk.json("GET", where, params=query)
        assert (page["total"], page["counts"]) == (told["total"], told["counts"])
        pages += page["results"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert pages == told["results"]
    await clerk.json("GET", where, 422, params={"cursor": "nonsense"})
    await clerk.json("GET", where, 422, params={"limit": 0})
