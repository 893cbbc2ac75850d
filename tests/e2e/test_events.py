"""Server-Sent Events: one per recorded change, of the own org, resumable, as long as the token."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import jwt
import pytest

from local.stack import Stack
from tests.e2e.conftest import People, Person, draft_in, settled


class Feed:
    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._lines = response.aiter_lines()

    async def next(self, within_s: float = 5) -> tuple[str, dict[str, Any]]:
        """The next event's id and data."""
        fields: dict[str, str] = {}
        async with asyncio.timeout(within_s):
            async for line in self._lines:
                if not line and "data" in fields:
                    return fields["id"], json.loads(fields["data"])
                name, _, value = line.partition(": ")
                fields[name] = value
        raise AssertionError("the stream has ended")


@asynccontextmanager
async def feed(person: Person, path: str, after: str | None = None) -> AsyncIterator[Feed]:
    headers = {} if after is None else {"Last-Event-ID": after}
    async with person.http.stream("GET", path, headers=headers) as response:
        assert response.status_code == 200, await response.aread()
        assert response.headers["content-type"].startswith("text/event-stream")
        yield Feed(response)


async def test_a_draft_tells_every_change_and_resumes_after_the_last_one_seen(ops: Person) -> None:
    draft = await draft_in(ops, "READY")
    path = f"/draft-orders/{draft['id']}"
    async with feed(ops, f"{path}/events") as live:
        assert [(await live.next())[1]["status"] for _ in range(2)] == ["EXTRACTED", "READY"]
        await ops.json("POST", f"{path}/approve")
        place, change = await live.next()
        assert change == {
            "draft_order_id": draft["id"],
            "version": 3,
            "number": draft["number"],
            "status": "APPROVED",
            "waiting_for": "push",
            "actions": ["DRAFT_APPROVED"],
            "at": change["at"],
        }
    await ops.json("POST", f"{path}/push")
    await settled(ops, draft["id"], "PUSHED")
    async with feed(ops, f"{path}/events", place) as later:
        assert [(await later.next())[1]["version"] for _ in range(2)] == [4, 5]


async def test_a_place_after_the_drafts_end_is_taken_back(ops: Person) -> None:
    draft = await draft_in(ops, "READY")
    async with feed(ops, f"/draft-orders/{draft['id']}/events", "1-7") as later:
        assert (await later.next())[1]["version"] == 2


async def test_the_org_feed_tells_all_drafts_and_nobody_elses(people: People) -> None:
    ops, other = await people("ops"), await people("ops", "other")
    async with feed(ops, "/events") as live:
        foreign = await draft_in(other, "READY")
        drafts = await asyncio.gather(*(draft_in(ops, "READY") for _ in range(5)))
        seen = []
        place = ""
        for _ in range(10):
            place, change = await live.next()
            seen.append((change["draft_order_id"], change["version"]))
    assert sorted(seen) == sorted((draft["id"], version) for draft in drafts for version in (1, 2))
    assert foreign["id"] not in {draft_id for draft_id, _ in seen}
    missed = await draft_in(ops, "READY")
    async with feed(ops, "/events", place) as resumed:
        assert (await resumed.next())[1]["draft_order_id"] == missed["id"]


async def test_the_stream_ends_with_the_token(stack: Stack, ops: Person) -> None:
    secret = stack.environment["JWT_SECRET"]
    token = ops.http.headers["Authorization"].removeprefix("Bearer ")
    claims = jwt.decode(token, options={"verify_signature": False})
    claims["exp"] = datetime.now(UTC) + timedelta(seconds=2)
    short = {"Authorization": f"Bearer {jwt.encode(claims, secret, algorithm='HS256')}"}
    async with asyncio.timeout(8), ops.http.stream("GET", "/events", headers=short) as response:
        assert response.status_code == 200
        async for _ in response.aiter_lines():
            pass


@pytest.mark.parametrize("place", ["x", "-1", "1-", "1-2-3", "9" * 30, "٣"])
async def test_a_place_that_is_none_is_422(ops: Person, place: str) -> None:
    draft = await draft_in(ops, "EXTRACTED")
    for path in ("/events", f"/draft-orders/{draft['id']}/events"):
        headers = {"Last-Event-ID": place.encode()}
        assert (await ops.call("GET", path, headers=headers)).status_code == 422
