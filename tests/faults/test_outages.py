"""A part is away: a clear answer in time, nothing lost, and on by itself when it is back."""

import asyncio
import time
from typing import Any
from uuid import uuid4

import pytest

from local.stack import Stack
from tests.e2e.conftest import Person, draft_in, settled

pytestmark = pytest.mark.fault  # minutes

PATIENCE_S = 3.0


async def timed(person: Person, method: str, path: str, **options: Any) -> tuple[int, dict[str, Any]]:
    started = time.monotonic()
    answer = await person.call(method, path, **options)
    assert time.monotonic() - started < PATIENCE_S + 0.5, "the answer came too late"
    return answer.status_code, answer.json()


async def back(person: Person, method: str, path: str, **options: Any) -> dict[str, Any]:
    """The answer, once the outage is over; 503 until then."""
    for _ in range(60):
        answer = await person.call(method, path, **options)
        if answer.status_code != 503:
            assert answer.status_code == 200, answer.text
            body: dict[str, Any] = answer.json()
            return body
        await asyncio.sleep(0.5)
    raise AssertionError("it did not come back")


# What an open draft says while a part is away; without PostgreSQL there is no page to say it.
SAID = {"temporal": ("Temporal does not answer",), "worker": ("No worker asks", "Workers take up no work")}


async def says_why(person: Person, draft_id: str, words: tuple[str, ...]) -> None:
    """Within a minute; every page comes in time meanwhile."""
    until = time.monotonic() + 60
    while True:
        status, draft = await timed(person, "GET", f"/draft-orders/{draft_id}")
        assert status == 200
        if any(each in draft["waiting_message"] for each in words):
            return
        assert time.monotonic() < until, f"after a minute it says {draft['waiting_message']}"
        await asyncio.sleep(0.5)


@pytest.mark.parametrize("how", ["pause", "stop"])
@pytest.mark.parametrize("what", ["postgres", "temporal", "worker"])
async def test_an_outage_is_a_503_in_time_and_a_repeat_is_done_once(
    fragile: Stack, clerk: Person, what: str, how: str
) -> None:
    draft = await draft_in(clerk, "READY")
    path, headers = f"/draft-orders/{draft['id']}/approve", {"Idempotency-Key": uuid4().hex}
    if how == "pause":
        fragile.pause(what)
    else:
        await fragile.stop(what)
    try:
        for _ in range(2):
            status, problem = await timed(clerk, "POST", path, headers=headers)
            assert status == 503, problem
            assert problem["code"] == "DEPENDENCY_ERROR"
        if what != "worker":
            assert (await timed(clerk, "GET", "/readyz"))[0] == 503
        assert (await timed(clerk, "GET", "/livez"))[0] == 200
        if what in SAID:
            await says_why(clerk, draft["id"], SAID[what])
    finally:
        if how == "pause":
            fragile.resume(what)
        else:
            await fragile.start(what)
    answer = await back(clerk, "POST", path, headers=headers)
    assert answer["status"] == "APPROVED"
    trail = (await back(clerk, "GET", "/audit-log", params={"entity_id": draft["id"]}))["data"]
    assert [row["action"] for row in trail].count("DRAFT_APPROVED") == 1


async def test_a_stopped_dropzone_is_said_on_the_draft_and_delivery_goes_on_by_itself(
    fragile: Stack, clerk: Person
) -> None:
    draft = await draft_in(clerk, "APPROVED")
    await fragile.stop("sftp")
    try:
        await clerk.json("POST", f"/draft-orders/{draft['id']}/push")
        for _ in range(100):
            waiting = await clerk.json("GET", f"/draft-orders/{draft['id']}")
            if "refused" in (waiting["waiting_message"] or ""):
                break
            await asyncio.sleep(0.05)
        assert waiting["status"] == "PUSHING"
        assert waiting["waiting_for"] == "export"
        assert "Connection refused" in waiting["waiting_message"]
        export = waiting["exports"][0]["id"]
        log = (await clerk.json("GET", f"/exports/{export}/push-log"))["data"]
        assert log[0]["status"] == "RETRYING"
        assert log[0]["next_retry_at"] is not None
    finally:
        await fragile.start("sftp")
    done = await settled(clerk, draft["id"], "PUSHED", within_s=60)
    log = (await clerk.json("GET", f"/exports/{done['exports'][0]['id']}/push-log"))["data"]
    assert log[-1]["status"] == "SUCCESS"


async def test_a_database_that_goes_away_during_an_export_loses_nothing(
    fragile: Stack, clerk: Person
) -> None:
    draft = await draft_in(clerk, "APPROVED")
    await clerk.json("POST", f"/draft-orders/{draft['id']}/push")
    await fragile.stop("postgres")
    await asyncio.sleep(1)
    await fragile.start("postgres")
    for _ in range(60):
        answer = await clerk.call("GET", f"/draft-orders/{draft['id']}")
        if answer.status_code == 200:
            break
        await asyncio.sleep(0.5)
    await settled(clerk, draft["id"], "PUSHED", within_s=60)
    folder = fragile.var / "dropzone" / "demo" / "orders"
    # a try that could not note its end leaves a temporary file at most
    assert len([path for path in folder.glob("*.json") if draft["id"] in path.name]) == 1
