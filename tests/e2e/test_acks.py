"""The ERP answers with files: the draft hears it, the console shows it, the folder is cleared."""

import asyncio
import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from temporalio.client import Client

from local.stack import Stack
from tests.e2e.conftest import Body, People, Person, draft_in, settled

POLLED_WITHIN_S = 20


@pytest.fixture
def folder(stack: Stack) -> Path:
    return stack.var / "dropzone" / "demo" / "acks"


def answer(folder: Path, export: Body, status: str = "ACKED", **fields: Any) -> str:
    """As an ERP should: under another name first."""
    name = f"{'ack' if status == 'ACKED' else 'error'}_{export['file_name']}"
    (folder / f"{name}.tmp").write_text(json.dumps({"status": status, **fields}))
    (folder / f"{name}.tmp").rename(folder / name)
    return name


async def ended(person: Person, export: Body, count: int = 1) -> Body:
    """The export, once `count` ack files have come to their end and were put away."""
    until = asyncio.get_running_loop().time() + POLLED_WITHIN_S
    while True:
        found = await person.json("GET", f"/exports/{export['id']}")
        ends = [ack for ack in found["acks"] if ack["outcome"] != "PENDING" and ack["moved_to"]]
        if len(ends) >= count:
            return found
        assert asyncio.get_running_loop().time() < until, found
        await asyncio.sleep(0.1)


async def test_an_ack_is_read_recorded_and_put_away(ops: Person, folder: Path) -> None:
    draft = await draft_in(ops, "PUSHED")
    (export,) = draft["exports"]
    said = {"erp_order_id": "SO-4711", "processed_at": "2026-11-21T07:00:00Z"}
    name = answer(folder, export, **said)
    export = await ended(ops, export)
    assert (export["status"], export["erp_order_id"], export["ack_overdue"]) == ("ACKED", "SO-4711", False)
    assert export["acked_at"] is not None
    (ack,) = export["acks"]
    assert (ack["file_name"], ack["outcome"], ack["moved_to"]) == (name, "ACKED", f"processed/{name}")
    assert ack["content"]["processed_at"] == "2026-11-21T07:00:00Z"
    draft = await ops.json("GET", f"/draft-orders/{draft['id']}")
    assert (draft["status"], draft["waiting_for"], draft["erp_order_id"]) == ("PUSHED", None, "SO-4711")
    listed = (await ops.json("GET", f"/draft-orders/{draft['id']}/exports"))["data"][0]
    assert (listed["status"], listed["acked_at"]) == ("ACKED", export["acked_at"])
    assert not (folder / name).exists()
    assert (folder / "processed" / name).exists()
    # the workflow has ended; what comes now changes nothing, and is on record
    answer(folder, export, "FAILED", error_code="E1")
    export = await ended(ops, export, 2)
    assert [ack["outcome"] for ack in export["acks"]] == ["ACKED", "CONTRADICTING"]
    trail = (await ops.json("GET", "/audit-log", params={"entity_id": draft["id"]}))["data"]
    told = [(row["action"], row["details"].get("changed", True)) for row in trail[-2:]]
    assert told == [("EXPORT_ACKED", True), ("EXPORT_REJECTED", False)]
    assert trail[-2]["details"]["ack_file"] == name


async def test_a_refusal_makes_an_error_that_is_mended_and_pushed_again(ops: Person, folder: Path) -> None:
    draft = await draft_in(ops, "PUSHED")
    path = f"/draft-orders/{draft['id']}"
    answer(folder, draft["exports"][0], "FAILED", error_code="E42", message="Unknown article INT-1")
    draft = await settled(ops, draft["id"], "ERROR")
    (export,) = draft["exports"]
    assert (export["status"], export["may_have_been_sent"]) == ("FAILED", False)
    assert (export["error"]["code"], export["error"]["message"]) == ("E42", "Unknown article INT-1")
    assert "Unknown article INT-1" in draft["waiting_message"]
    await ops.json("POST", f"{path}/retry-push")
    draft = await settled(ops, draft["id"], "PUSHED")
    answer(folder, draft["exports"][0], erp_order_id="SO-2")
    await ended(ops, draft["exports"][0])
    draft = await ops.json("GET", path)
    assert [export["status"] for export in draft["exports"]] == ["ACKED", "FAILED"]


async def test_an_ack_is_an_event_of_the_stream(ops: Person, folder: Path) -> None:
    draft = await draft_in(ops, "PUSHED")
    heard: list[Body] = []

    async def listen() -> None:
        async with ops.http.stream("GET", f"/draft-orders/{draft['id']}/events") as stream:
            async for line in stream.aiter_lines():
                if line.startswith("data: "):
                    heard.append(json.loads(line.removeprefix("data: ")))
                    if "EXPORT_ACKED" in heard[-1]["actions"]:
                        return

    listening = asyncio.create_task(listen())
    answer(folder, draft["exports"][0])
    await asyncio.wait_for(listening, POLLED_WITHIN_S)
    assert (heard[-1]["status"], heard[-1]["waiting_for"]) == ("PUSHED", None)


async def test_hostile_files_hurt_nobody_and_are_shown_to_the_integrator(
    people: People, ops: Person, folder: Path
) -> None:
    integrator = await people("integrator")
    draft = await draft_in(ops, "PUSHED")
    (export,) = draft["exports"]
    half = f"ack_{export['file_name']}"
    (folder / half).write_text('{"status": "ACK')
    unknown = f"ack_{uuid4().hex}.json"
    (folder / unknown).write_text('{"status": "ACKED"}')
    strange = folder / "ack_line\nbreak.json"
    strange.write_text('{"status": "ACKED"}')
    export = await ended(ops, export)
    assert (export["status"], export["acks"][0]["outcome"]) == ("SENT", "MALFORMED")
    assert export["acks"][0]["message"] == "The file is not JSON, or not all of it"
    connector = (await integrator.json("GET", "/connectors"))["data"][-1]
    shown = (await integrator.json("GET", f"/connectors/{connector['id']}/acks"))["data"]
    outcomes = {ack["file_name"]: ack["outcome"] for ack in shown}
    assert (outcomes[half], outcomes[unknown]) == ("MALFORMED", "UNKNOWN_EXPORT")
    assert strange.exists()
    strange.unlink()
    page = await integrator.json("GET", f"/connectors/{connector['id']}/acks", params={"limit": 1})
    cursor = {"limit": 1, "cursor": page["next_cursor"]}
    second = await integrator.json("GET", f"/connectors/{connector['id']}/acks", params=cursor)
    assert [ack["file_name"] for ack in page["data"] + second["data"]] == [
        ack["file_name"] for ack in shown[:2]
    ]


async def test_nobody_else_sees_the_answers(people: People, ops: Person, folder: Path) -> None:
    draft = await draft_in(ops, "PUSHED")
    stranger = await people("integrator", "other")
    connector = (await (await people("integrator")).json("GET", "/connectors"))["data"][-1]
    for path in (f"/exports/{draft['exports'][0]['id']}", f"/connectors/{connector['id']}/acks"):
        assert (await stranger.call("GET", path)).status_code == 404
    assert (await ops.call("GET", f"/connectors/{connector['id']}/acks")).status_code == 403
    assert (await ops.call("GET", f"/exports/{draft['exports'][0]['id']}")).status_code == 200


async def polls_of(temporal: Client) -> set[str]:
    return {each.id async for each in await temporal.list_schedules() if each.id.startswith("ack-poll/")}


async def test_schedules_follow_the_connections_and_a_failing_poll_is_said(
    stack: Stack, people: People, tmp_path: Path
) -> None:
    integrator = await people("integrator", "other")
    temporal = await Client.connect(stack.temporal_address)
    zone = stack.var / "dropzone" / f"other-{uuid4().hex[:6]}"
    for name in ("orders", "acks"):
        (zone / name).mkdir(parents=True)
    body = {"mode": "filesystem", "export_path": str(zone / "orders"), "ack_path": str(zone / "acks")}
    made = await integrator.json("POST", "/connectors/dropzone-json-v1", 201, json=body)
    path, poll = f"/connectors/{made['id']}", f"ack-poll/{made['id']}"
    assert (made["last_ack_poll_at"], made["last_ack_poll_error"]) == (None, None)
    try:
        assert await becomes(lambda: shows(integrator, path, "last_ack_poll_at"))
        assert poll in await polls_of(temporal)
        (zone / "acks").rename(zone / "away")
        error = await becomes(lambda: shows(integrator, path, "last_ack_poll_error"))
        assert error["code"] == "FOLDER_NOT_FOUND"
        (zone / "away").rename(zone / "acks")
        await becomes(lambda: lacks(integrator, path, "last_ack_poll_error"))
    finally:
        await integrator.json("POST", f"{path}/disable")

    async def gone() -> bool:
        return poll not in await polls_of(temporal)

    await becomes(gone)


async def shows(person: Person, path: str, field: str) -> Any:
    return (await person.json("GET", path))[field]


async def lacks(person: Person, path: str, field: str) -> bool:
    return await shows(person, path, field) is None


async def becomes(look: Any) -> Any:
    for _ in range(300):
        found = await look()
        if found:
            return found
        await asyncio.sleep(0.1)
    raise AssertionError("it did not come to that")


async def test_an_overdue_ack_is_said_on_the_draft_the_export_and_the_list(
    stack: Stack, ops: Person, people: People
) -> None:
    from sqlalchemy import text
    from sqlalchemy.ext.asyncio import create_async_engine

    draft = await draft_in(ops, "PUSHED")
    assert (draft["ack_overdue"], draft["exports"][0]["ack_overdue"]) == (False, False)
    engine = create_async_engine(stack.database_urls.owner)
    async with engine.begin() as connection:
        await connection.execute(
            text("UPDATE erp_export SET sent_at = sent_at - interval '25 hours' WHERE draft_order_id = :id"),
            {"id": draft["id"]},
        )
    await engine.dispose()
    late = await ops.json("GET", f"/draft-orders/{draft['id']}")
    assert (late["ack_overdue"], late["exports"][0]["ack_overdue"]) == (True, True)
    assert "overdue" in late["waiting_message"]
    rows = (await ops.json("GET", "/draft-orders", params={"q": draft["number"]}))["data"]
    assert [row["ack_overdue"] for row in rows] == [True]
    async with httpx.AsyncClient(base_url=stack.base_url) as client:
        for _ in range(200):  # counted at most every 15 s
            page = (await client.get("/metrics")).text
            (line,) = [line for line in page.splitlines() if line.startswith("countersign_acks_overdue ")]
            if float(line.split()[1]) >= 1:
                break
            await asyncio.sleep(0.1)
        assert float(line.split()[1]) >= 1
    admin = await people("admin")
    await admin.json("PATCH", "/org/settings", json={"ack_overdue_hours": 26})
    try:
        patient = await ops.json("GET", f"/draft-orders/{draft['id']}")
        assert patient["ack_overdue"] is False
    finally:
        await admin.json("PATCH", "/org/settings", json={"ack_overdue_hours": 24})
