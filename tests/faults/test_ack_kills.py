"""The worker is killed again and again while the ERP's answers come in: each counts once."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from local.seed import demo_password
from local.stack import Stack
from tests.conftest import QUICK
from tests.e2e.conftest import Body, Person, draft_in

pytestmark = pytest.mark.fault  # minutes

KILLS = 4
DRAFTS = 8


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def answering(stack_folder: Path) -> AsyncIterator[Stack]:
    """Reads ack folders every second; the shared fragile one takes a minute."""
    async with Stack(stack_folder / "answering", restart=False, overrides=QUICK) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def clerk(answering: Stack) -> AsyncIterator[Person]:
    async with httpx.AsyncClient(base_url=answering.base_url, timeout=30) as client:
        body = {"org_slug": "demo", "email": "admin@demo.example", "password": demo_password()}
        token = (await client.post("/auth/login", json=body)).json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        yield Person(client, "admin", "demo")


async def test_a_worker_killed_while_it_reads_answers_hears_each_once(
    answering: Stack, clerk: Person
) -> None:
    acks = answering.var / "dropzone" / "demo" / "acks"
    drafts = [await draft_in(clerk, "PUSHED") for _ in range(DRAFTS)]
    for number, draft in enumerate(drafts):
        if number % (DRAFTS // KILLS) == 0 and number:
            await answering.kill("worker")
            await answering.start("worker")
        name = f"ack_{draft['exports'][0]['file_name']}"
        (acks / f"{name}.tmp").write_text(json.dumps({"status": "ACKED", "erp_order_id": f"SO-{number}"}))
        (acks / f"{name}.tmp").rename(acks / name)
        await asyncio.sleep(0.37 * (number % 3))
    for number, draft in enumerate(drafts):
        export = await ended(clerk, draft)
        assert (export["status"], export["erp_order_id"]) == ("ACKED", f"SO-{number}")
        assert [ack["outcome"] for ack in export["acks"]] == ["ACKED"]
        trail = (await clerk.json("GET", "/audit-log", params={"entity_id": draft["id"]}))["data"]
        assert [row["action"] for row in trail].count("EXPORT_ACKED") == 1
    names = sorted(f"ack_{draft['exports'][0]['file_name']}" for draft in drafts)
    assert sorted(path.name for path in (acks / "processed").iterdir()) == names


async def ended(clerk: Person, draft: Body) -> Body:
    for _ in range(600):
        export = await clerk.json("GET", f"/exports/{draft['exports'][0]['id']}")
        if export["status"] == "ACKED" and export["acks"] and export["acks"][0]["moved_to"]:
            return export
        await asyncio.sleep(0.1)
    raise AssertionError(export)
