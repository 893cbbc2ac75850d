"""A connection that is mended: what failed for one cause is retried at once, what is repeated goes on."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest
import pytest_asyncio

from local.stack import Stack
from tests.e2e.conftest import Body, People, Person, draft_in, files_of, settled


@pytest.fixture(scope="session")
def password(stack: Stack) -> str:
    """Of the embedded dropzone."""
    lines = (stack.var / "local.env").read_text().splitlines()
    (found,) = (line.split("=", 1)[1] for line in lines if line.startswith("COUNTERSIGN_SFTP_PASSWORD="))
    return found.strip("'\"")


@pytest_asyncio.fixture
async def integrator(people: People, password: str) -> AsyncIterator[Person]:
    """Puts the connection back as it was."""
    person = await people("integrator")
    path, before = await connection(person)
    yield person
    wanted = {name: before[name] for name in ("host", "port", "export_path")}
    await person.json("PATCH", path, json={**wanted, "password": password})


async def connection(person: Person) -> tuple[str, Body]:
    row: Body = (await person.json("GET", "/connectors"))["data"][-1]
    return f"/connectors/{row['id']}", row


async def finished(person: Person, where: str) -> Body:
    for _ in range(400):
        told = await person.json("GET", where)
        if told["status"] == "DONE":
            return told
        await asyncio.sleep(0.05)
    raise AssertionError(told)


async def test_all_drafts_of_one_cause_are_retried_once_after_a_dry_run(
    ops: Person, people: People, integrator: Person, orders_folder: Path
) -> None:
    path, before = await connection(integrator)
    await integrator.json("PATCH", path, json={"export_path": "/nowhere"})
    failed = []
    for _ in range(3):
        draft = await draft_in(ops, "APPROVED")
        await ops.json("POST", f"/draft-orders/{draft['id']}/push")
        failed.append((await settled(ops, draft["id"], "ERROR"))["id"])
    await integrator.json("PATCH", path, json={"export_path": before["export_path"]})

    cause = {"error_code": "FOLDER_NOT_FOUND", "connection_id": before["id"]}
    dry = await ops.json("POST", "/exports/retry", json={**cause, "dry_run": True})
    listed = {row["draft_order_id"]: row for row in dry["results"]}
    assert set(failed) <= set(listed)
    assert dry["total"] == dry["would_retry"] == len(listed)
    assert all(listed[draft_id]["outcome"] == "would_retry" for draft_id in failed)
    assert (await ops.json("GET", f"/draft-orders/{failed[0]}"))["status"] == "ERROR"

    headers = {"Idempotency-Key": f"cause-{uuid4().hex}"}
    answer = await ops.call("POST", "/exports/retry", json=cause, headers=headers)
    assert answer.status_code == 202, answer.text
    where = answer.headers["location"]
    assert where == f"/bulk/{answer.json()['id']}"
    repeat = await ops.call("POST", "/exports/retry", json=cause, headers=headers)
    assert (repeat.status_code, repeat.json(), repeat.headers["location"]) == (202, answer.json(), where)
    await ops.json("POST", "/exports/retry", 422, json={**cause, "dry_run": True}, headers=headers)

    told = await finished(ops, where)
    assert (told["command"], told["pending"], told["counts"]["done"]) == ("retry_push", 0, told["total"])
    results = {row["draft_order_id"]: row for row in told["results"]}
    for draft_id in failed:
        draft = await settled(ops, draft_id, "PUSHED")
        assert [each["attempt"] for each in draft["exports"]] == [2, 1]
        where_exports = f"/draft-orders/{draft_id}/exports"
        first = await ops.json("GET", where_exports, params={"limit": 1})
        rest = await ops.json("GET", where_exports, params={"limit": 1, "cursor": first["next_cursor"]})
        assert (first["data"] + rest["data"], rest["next_cursor"]) == (draft["exports"], None)
        assert results[draft_id]["erp_export_id"] == draft["exports"][0]["id"]
        assert len(files_of(orders_folder, draft_id)) == 1
    again = await ops.call("POST", "/exports/retry", json=cause, headers=headers)
    assert (again.status_code, again.headers["location"]) == (202, where)
    assert (await finished(ops, where)) == told
    await (await people("ops", "other")).json("GET", where, 404)
    await (await people("viewer")).json("POST", "/exports/retry", 403, json=cause)


async def test_bad_requests_change_nothing(ops: Person, people: People) -> None:
    for body in ({}, {"error_code": ""}, {"error_code": 7}, {"error_code": "X", "more": 1}):
        await ops.json("POST", "/exports/retry", 422, json=body)
    unknown = {"error_code": "DISK_FULL", "connection_id": str(uuid4())}
    await ops.json("POST", "/exports/retry", 404, json=unknown)
    _path, row = await connection(await people("integrator"))
    theirs = {"error_code": "DISK_FULL", "connection_id": row["id"]}
    await (await people("ops", "other")).json("POST", "/exports/retry", 404, json=theirs)
    nothing = await ops.json("POST", "/exports/retry", json={"error_code": "NO_SUCH", "dry_run": True})
    assert (nothing["total"], nothing["results"]) == (0, [])
    await ops.json("GET", f"/bulk/{uuid4()}", 404)


async def test_an_export_that_is_being_repeated_goes_on_with_the_changed_connection(
    ops: Person, integrator: Person, orders_folder: Path
) -> None:
    path, before = await connection(integrator)
    await integrator.json("PATCH", path, json={"port": 1})
    draft = await draft_in(ops, "APPROVED")
    export = (await ops.json("POST", f"/draft-orders/{draft['id']}/push"))["erp_export_id"]
    for _ in range(300):
        rows = (await ops.json("GET", f"/exports/{export}/push-log"))["data"]
        if rows and rows[0]["error"]:
            break
        await asyncio.sleep(0.05)
    assert rows[0]["error"]["code"] == "CONNECTION_REFUSED"
    assert rows[0]["error"]["retryable"]
    assert rows[0]["error"]["cause"]
    assert rows[0]["next_retry_at"] > rows[0]["started_at"]
    assert rows[0]["request"]["file_name"].startswith(f"sales_order_{draft['id']}")
    await integrator.json("PATCH", path, json={"port": before["port"]})
    await settled(ops, draft["id"], "PUSHED")
    rows = (await ops.json("GET", f"/exports/{export}/push-log"))["data"]
    assert [row["status"] for row in rows][-1] == "SUCCESS"
    assert len(files_of(orders_folder, draft["id"])) == 1


async def test_a_wrong_password_ends_the_export_and_the_right_one_lets_the_retry_through(
    ops: Person, integrator: Person, orders_folder: Path, password: str
) -> None:
    path, _before = await connection(integrator)
    changed = await integrator.call("PATCH", path, json={"password": "planted-wrong-4713"})
    assert changed.json()["has_password"]
    assert "planted-wrong-4713" not in changed.text
    draft = await draft_in(ops, "APPROVED")
    await ops.json("POST", f"/draft-orders/{draft['id']}/push")
    shown = await settled(ops, draft["id"], "ERROR")
    assert shown["exports"][0]["error"]["code"] == "AUTHENTICATION_FAILED"
    assert "planted-wrong-4713" not in str(shown)
    await integrator.json("PATCH", path, json={"password": password})
    await ops.json("POST", f"/draft-orders/{draft['id']}/retry-push")
    await settled(ops, draft["id"], "PUSHED")
    assert len(files_of(orders_folder, draft["id"])) == 1
