"""Pause and resume of the org's connection: pushes wait, visibly, and follow in their order."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.e2e.conftest import Body, People, Person, draft_in, files_of, settled


@pytest_asyncio.fixture
async def integrator(people: People) -> AsyncIterator[Person]:
    """Leaves the connection as it was: active."""
    person = await people("integrator")
    yield person
    row = await connection_of(person)
    command = {"PAUSED": "resume", "DISABLED": "enable"}.get(row["status"])
    if command:
        await person.json("POST", f"/connectors/{row['id']}/{command}")


async def connection_of(person: Person) -> Body:
    rows = (await person.json("GET", "/connectors"))["data"]
    first: Body = rows[-1]
    return first


async def waiting(person: Person, draft_id: str, sentence: str) -> Body:
    for _ in range(300):
        draft = await person.json("GET", f"/draft-orders/{draft_id}")
        if sentence in (draft["waiting_message"] or ""):
            return draft
        await asyncio.sleep(0.05)
    raise AssertionError(f"{draft['status']}: {draft['waiting_message']}")


async def pushed_into_the_pause(ops: Person, key: str | None = None) -> tuple[str, str]:
    """Draft and export, once the draft shows what it waits for."""
    draft = await draft_in(ops, "APPROVED")
    headers = {"Idempotency-Key": key} if key else {}
    answer = await ops.json("POST", f"/draft-orders/{draft['id']}/push", headers=headers)
    assert answer["status"] == "PUSHING"
    await waiting(ops, draft["id"], "The connection is paused since")
    return draft["id"], answer["erp_export_id"]


async def actions(ops: Person, entity: str) -> list[str]:
    rows = (await ops.json("GET", f"/audit-log?entity_id={entity}&limit=100"))["data"]
    return [row["action"] for row in rows]


async def test_pushes_into_a_pause_wait_in_sight_and_follow_oldest_first(
    ops: Person, integrator: Person, orders_folder: Path
) -> None:
    connection = await connection_of(integrator)
    path = f"/connectors/{connection['id']}"
    ready = await draft_in(ops, "APPROVED")
    paused = await integrator.json("POST", f"{path}/pause")
    assert (paused["status"], paused["paused_by"]) == ("PAUSED", "integrator@demo.example")
    assert paused["paused_at"]
    again = await integrator.json("POST", f"{path}/pause")
    assert (again["version"], again["paused_at"]) == (paused["version"], paused["paused_at"])

    preview = await ops.json("GET", f"/draft-orders/{ready['id']}/push-preview")
    assert (preview["would_push"], preview["connector"]["paused"]) == (True, True)
    gates = {gate["gate"]: gate for gate in (await ops.json("GET", f"/draft-orders/{ready['id']}"))["gates"]}
    assert gates["connector"]["passed"]
    assert "paused" in gates["connector"]["message"]

    held = [await pushed_into_the_pause(ops) for _ in range(3)]
    for draft_id, export_id in held:
        draft = await ops.json("GET", f"/draft-orders/{draft_id}")
        assert (draft["status"], draft["waiting_for"]) == ("PUSHING", "export")
        assert "by integrator@demo.example" in draft["waiting_message"]
        assert files_of(orders_folder, draft_id) == []
        (row,) = (await ops.json("GET", f"/exports/{export_id}/push-log"))["data"]
        assert (row["status"], row["error"]["code"]) == ("RETRYING", "CONNECTION_PAUSED")
        assert row["next_retry_at"] is None

    assert (await integrator.json("POST", f"{path}/test"))["success"]
    assert (await integrator.json("POST", "/connectors/dropzone-json-v1/test"))["success"]
    refused = await integrator.json("POST", f"{path}/enable", 409)
    assert refused["detail"] == "Connection must be DISABLED to enable (current: PAUSED); resume it instead"

    resumed = await integrator.json("POST", f"{path}/resume")
    assert (resumed["status"], resumed["paused_at"]) == ("ACTIVE", None)
    for draft_id, _export_id in held:
        await settled(ops, draft_id, "PUSHED", within_s=40)
        assert len(files_of(orders_folder, draft_id)) == 1
    began = []
    for _draft_id, export_id in held:
        rows = (await ops.json("GET", f"/exports/{export_id}/push-log"))["data"]
        assert [row["status"] for row in rows] == ["RETRYING", "SUCCESS"]
        began.append(rows[-1]["started_at"])
    assert began == sorted(began)
    told = [each for each in await actions(ops, connection["id"]) if each != "CONNECTION_TESTED"]
    assert told[-2:] == ["CONNECTION_PAUSED", "CONNECTION_RESUMED"]


async def test_a_repeated_push_into_a_pause_is_in_progress_and_a_second_one_refused(
    ops: Person, integrator: Person
) -> None:
    path = f"/connectors/{(await connection_of(integrator))['id']}"
    await integrator.json("POST", f"{path}/pause")
    draft_id, export_id = await pushed_into_the_pause(ops, "pause-key-1")
    push = f"/draft-orders/{draft_id}/push"
    again = await ops.json("POST", push, 202, headers={"Idempotency-Key": "pause-key-1"})
    assert again == {"erp_export_id": export_id, "status": "in_progress"}
    await ops.json("POST", push, 409)
    await integrator.json("POST", f"{path}/resume")
    await settled(ops, draft_id, "PUSHED", within_s=40)


async def test_disabling_a_paused_connection_fails_what_waits_and_a_retry_goes_through_the_next(
    ops: Person, integrator: Person, orders_folder: Path
) -> None:
    path = f"/connectors/{(await connection_of(integrator))['id']}"
    await integrator.json("POST", f"{path}/pause")
    draft_id, _export_id = await pushed_into_the_pause(ops)
    await integrator.json("POST", f"{path}/disable")
    draft = await settled(ops, draft_id, "ERROR", within_s=40)
    assert draft["exports"][0]["error"]["code"] == "CONNECTION_DISABLED"
    assert not draft["exports"][0]["may_have_been_sent"]
    for command in ("pause", "resume"):
        assert "(current: DISABLED)" in (await integrator.json("POST", f"{path}/{command}", 409))["detail"]
    await integrator.json("POST", f"{path}/enable")
    await ops.json("POST", f"/draft-orders/{draft_id}/retry-push")
    await settled(ops, draft_id, "PUSHED")
    assert len(files_of(orders_folder, draft_id)) == 1


async def test_a_paused_connection_keeps_the_orgs_place(integrator: Person, orders_folder: Path) -> None:
    path = f"/connectors/{(await connection_of(integrator))['id']}"
    await integrator.json("POST", f"{path}/pause")
    body = {"mode": "filesystem", "export_path": str(orders_folder)}
    refused = await integrator.json("POST", "/connectors/dropzone-json-v1", 409, json=body)
    assert refused["detail"] == "Only one active connector per org"


@pytest.mark.parametrize("command", ["pause", "resume"])
async def test_only_an_integrator_of_the_org_may(people: People, integrator: Person, command: str) -> None:
    path = f"/connectors/{(await connection_of(integrator))['id']}/{command}"
    await (await people("ops")).json("POST", path, 403)
    await (await people("integrator", "other")).json("POST", path, 404)
