"""Every command in every status, over HTTP: what the contract says, and nothing changed by a refusal."""

import asyncio
from collections.abc import AsyncIterator
from ipaddress import ip_network
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from temporalio.client import Client
from temporalio.testing import ActivityEnvironment

from activities.delivery import DeliveryActivities
from config.keys import KeyRing
from connectors.policy import ConnectorPolicy
from connectors.registry import build_connectors
from domain.delivery import PublishOrder, PublishOutcome, StagedFile
from domain.statuses import DraftStatus
from domain.transitions import Command, is_allowed, refusal
from local.stack import Stack
from storage.database import Database
from storage.documents import Documents
from tests.e2e.conftest import People, Person, draft_in, files_of, good_line, order, settled

CALLS: dict[Command, tuple[str, str, Any]] = {
    Command.EDIT: ("PATCH", "", {"notes": "changed"}),
    Command.VALIDATE: ("POST", "/validate", None),
    Command.APPROVE: ("POST", "/approve", None),
    Command.REVOKE_APPROVAL: ("DELETE", "/approval", None),
    Command.PRODUCTION_APPROVE: ("POST", "/production-approve", None),
    Command.PRODUCTION_REJECT: ("POST", "/production-reject", {"line_nos": [1], "reason": "no thread"}),
    Command.PUSH: ("POST", "/push", None),
    Command.RETRY_PUSH: ("POST", "/retry-push", None),
    Command.REJECT: ("POST", "/reject", {"reason": "ordered twice"}),
}
SETTLED = [
    DraftStatus.EXTRACTED,
    DraftStatus.NEEDS_REVIEW,
    DraftStatus.READY,
    DraftStatus.APPROVED,
    DraftStatus.PUSHED,
    DraftStatus.REJECTED,
    DraftStatus.ERROR,
]
UNCHANGED = ("status", "version", "lines", "approved_at", "exports", "updated_at")


@pytest_asyncio.fixture
async def broken_dropzone(stack: Stack, people: People) -> AsyncIterator[None]:
    """The connection names a folder that is not there, so that a push fails at once."""
    integrator = await people("integrator")
    connection = (await integrator.json("GET", "/connectors"))["data"][-1]
    path = f"/connectors/{connection['id']}"
    await integrator.json("PATCH", path, json={"export_path": "/nowhere"})
    yield
    await integrator.json("PATCH", path, json={"export_path": "/orders"})


@pytest.mark.parametrize("status", SETTLED)
async def test_each_status_takes_exactly_its_commands(
    people: People, broken_dropzone: None, status: DraftStatus
) -> None:
    admin = await people("admin")
    if status is DraftStatus.PUSHED:
        integrator = await people("integrator")
        connection = (await integrator.json("GET", "/connectors"))["data"][-1]
        await integrator.json("PATCH", f"/connectors/{connection['id']}", json={"export_path": "/orders"})
    draft = await draft_in(admin, status)
    for command, (method, path, body) in CALLS.items():
        if is_allowed(status, command):
            continue
        response = await admin.call(method, f"/draft-orders/{draft['id']}{path}", json=body)
        assert response.status_code == 409, (status, command, response.text)
        problem = response.json()
        assert problem["detail"] == refusal(status, command)
        assert problem["code"] == "CONFLICT"
        if command in {Command.PUSH, Command.RETRY_PUSH} and draft["exports"]:
            assert problem["erp_export_id"] == draft["exports"][0]["id"]
        after = await admin.json("GET", f"/draft-orders/{draft['id']}")
        assert {name: after[name] for name in UNCHANGED} == {name: draft[name] for name in UNCHANGED}
        assert command.value not in after["allowed_actions"]


@pytest.mark.parametrize("status", [status for status in SETTLED if status is not DraftStatus.ERROR])
async def test_allowed_actions_are_taken(people: People, status: DraftStatus) -> None:
    admin = await people("admin")
    listed = (await draft_in(admin, status))["allowed_actions"]
    for action in listed:
        method, path, body = CALLS[Command(action)]
        draft = await draft_in(admin, status)
        response = await admin.call(method, f"/draft-orders/{draft['id']}{path}", json=body)
        assert response.status_code == 200, (status, action, response.text)


async def test_a_draft_is_answered_as_it_was_sent(ops: Person) -> None:
    body = await order(
        ops,
        notes="Rampe 3\nbitte klingeln",
        ship_to={
            "name": "Muster GmbH",
            "street": "Hauptstr. 1",
            "zip": "12345",
            "city": "Köln",
            "country": "DE",
        },
        source_document={"document_id": "d-1", "file_name": "order.pdf", "sha256": "a" * 64},
    )
    body["lines"].append({"customer_sku_raw": "AB-123", "qty": 2.5, "unit_price": 0.1})
    response = await ops.call("POST", "/draft-orders", json=body)
    assert response.status_code == 201
    draft = response.json()
    assert response.headers["location"] == f"/draft-orders/{draft['id']}"
    assert response.headers["etag"] == '"1"'
    assert draft["status"] == "EXTRACTED"
    assert draft["number"].startswith("D-")
    for name in ("customer_id", "notes", "ship_to", "source_document", "currency", "order_date"):
        assert draft[name] == {**body, "ship_to": body["ship_to"]}[name]
    first, second = draft["lines"]
    assert (first["line_no"], first["qty"], first["unit_price"]) == (1, "10", "1.2300")
    assert (second["line_no"], second["qty"], second["unit_price"]) == (2, "2.5", "0.1")
    assert draft["waiting_for"] == "validation"
    assert {"edit", "validate"} == set(draft["allowed_actions"])


async def test_the_whole_way_to_one_file(ops: Person, orders_folder: Any) -> None:
    draft = await draft_in(ops, "READY")
    path = f"/draft-orders/{draft['id']}"
    approved = await ops.json("POST", f"{path}/approve")
    me = (await ops.json("GET", "/me"))["user"]
    assert approved["status"] == "APPROVED"
    assert approved["approved_by_user_id"] == me["id"]
    preview = await ops.json("GET", f"{path}/push-preview")
    assert preview["would_push"] is True
    key = {"Idempotency-Key": "a-key"}
    pushed = await ops.json("POST", f"{path}/push", headers=key)
    assert pushed["status"] == "PUSHING"
    draft = await settled(ops, draft["id"], "PUSHED")
    again = await ops.json("POST", f"{path}/push", headers=key)
    assert again == {"erp_export_id": pushed["erp_export_id"], "status": "SENT"}
    (export,) = draft["exports"]
    assert files_of(orders_folder, draft["id"]) == [export["file_name"]]
    written = (orders_folder / export["file_name"]).read_bytes()
    document = await ops.call("GET", f"/exports/{export['id']}/document")
    assert document.content == written
    assert preview["sha256"] == export["sha256"]
    log = (await ops.json("GET", f"/exports/{export['id']}/push-log"))["data"]
    assert [(row["attempt_number"], row["status"]) for row in log] == [(1, "SUCCESS")]
    trail = (await ops.json("GET", "/audit-log", params={"entity_id": draft["id"]}))["data"]
    assert [row["action"] for row in trail] == [
        "DRAFT_CREATED",
        "DRAFT_VALIDATED",
        "DRAFT_APPROVED",
        "DRAFT_PUSHED",
        "EXPORT_SENT",
    ]
    assert [row["entity_seq"] for row in trail] == [1, 2, 3, 4, 5]
    assert draft["waiting_for"] == "ack"


async def test_a_failed_export_says_why_and_a_retry_delivers(
    people: People, ops: Person, orders_folder: Any
) -> None:
    integrator = await people("integrator")
    connection = (await integrator.json("GET", "/connectors"))["data"][-1]
    await integrator.json("PATCH", f"/connectors/{connection['id']}", json={"export_path": "/nowhere"})
    try:
        draft = await draft_in(ops, "ERROR")
    finally:
        await integrator.json("PATCH", f"/connectors/{connection['id']}", json={"export_path": "/orders"})
    (failed,) = draft["exports"]
    assert failed["status"] == "FAILED"
    assert failed["error"]["code"] == "FOLDER_NOT_FOUND"
    assert failed["may_have_been_sent"] is False
    assert draft["waiting_for"] == "retry"
    assert "Folder not found" in draft["waiting_message"]
    assert "retry_push" in draft["allowed_actions"]
    key = {"Idempotency-Key": "again"}
    retried = await ops.json("POST", f"/draft-orders/{draft['id']}/retry-push", headers=key)
    assert retried["erp_export_id"] != failed["id"]
    draft = await settled(ops, draft["id"], "PUSHED")
    assert [export["status"] for export in draft["exports"]] == ["SENT", "FAILED"]
    assert files_of(orders_folder, draft["id"]) == [draft["exports"][0]["file_name"]]
    repeat = await ops.json("POST", f"/draft-orders/{draft['id']}/retry-push", headers=key)
    assert repeat == {"erp_export_id": retried["erp_export_id"], "status": "SENT"}


async def test_an_edit_takes_the_approval_back(ops: Person) -> None:
    for method, path, body, status in (
        ("PATCH", "", {"notes": "n"}, 200),
        ("POST", "/lines", await good_line(ops), 201),
        ("PATCH", "/lines/1", {"qty": "12"}, 200),
    ):
        draft = await draft_in(ops, "APPROVED")
        changed = await ops.json(method, f"/draft-orders/{draft['id']}{path}", status, json=body)
        assert changed["status"] == "NEEDS_REVIEW"
        assert changed["approved_at"] is None
        assert changed["version"] == draft["version"] + 1


async def test_if_match_signs_exactly_what_was_read(ops: Person) -> None:
    draft = await draft_in(ops, "READY")
    path = f"/draft-orders/{draft['id']}"
    await ops.json("PATCH", path, json={"notes": "meanwhile"})
    stale = await ops.json("POST", f"{path}/approve", 412, headers={"If-Match": f'"{draft["version"]}"'})
    assert stale["code"] == "PRECONDITION_FAILED"
    etag = (await ops.call("GET", path)).headers["etag"]
    await ops.json("POST", f"{path}/approve", headers={"If-Match": etag})


async def test_without_connection_a_push_is_400(people: People) -> None:
    ops = await people("ops", "other")
    draft = await draft_in(ops, "APPROVED")
    problem = await ops.json("POST", f"/draft-orders/{draft['id']}/push", 400)
    assert (problem["code"], problem["detail"]) == (
        "NO_ACTIVE_CONNECTOR",
        "No active ERP connector configured",
    )


async def test_gates_and_four_eyes_follow_the_settings(people: People) -> None:
    admin, ops = await people("admin", "other"), await people("ops", "other")
    production = await people("production", "other")
    await admin.json("PATCH", "/org/settings", json={"production_gate": "always", "four_eyes": True})
    try:
        draft = await draft_in(ops, "READY")
        path = f"/draft-orders/{draft['id']}"
        await ops.json("PATCH", path, json={"notes": "edited by ops"})  # creating alone does not count
        own = await ops.json("POST", f"{path}/approve", 403)
        assert "four_eyes" in own["detail"]
        ops2 = await people("ops2", "other")
        await ops2.json("POST", f"{path}/approve")
        held = await ops2.json("POST", f"{path}/push", 409)
        assert "production" in held["detail"]
        assert held["held_by"] == [{"line_no": None, "status": "Waiting for production approval"}]
        assert (await ops.json("GET", path))["waiting_for"] == "production_approval"
        listed = await ops.json("GET", "/draft-orders", params={"waiting_for": "production_approval"})
        assert draft["id"] in {row["id"] for row in listed["data"]}
        await production.json("POST", f"{path}/production-approve", json={"note": "checked"})
        assert (await ops.json("GET", path))["waiting_for"] == "push"
    finally:
        await admin.json("PATCH", "/org/settings", json={"production_gate": "decorated", "four_eyes": False})


async def test_a_patch_that_names_nothing_changes_nothing(ops: Person) -> None:
    draft = await draft_in(ops, "APPROVED")
    for path in ("", "/lines/1"):
        same = await ops.json("PATCH", f"/draft-orders/{draft['id']}{path}", json={})
        assert (same["status"], same["version"]) == ("APPROVED", draft["version"])


async def test_an_approval_by_signal_bears_the_persons_address_and_strangers_are_refused(
    stack: Stack, people: People, ops: Person
) -> None:
    draft = await draft_in(ops, "READY")
    client = await Client.connect(stack.temporal_address)
    handle = client.get_workflow_handle(draft["workflow"]["id"], run_id=draft["workflow"]["run_id"])
    stranger = (await (await people("ops", "other")).json("GET", "/me"))["user"]["id"]
    await handle.signal("approve", {"actor_user_id": stranger})
    for _ in range(100):  # signals are handled side by side: the second could be the first to be recorded
        trail = (await ops.json("GET", "/audit-log", params={"entity_id": draft["id"]}))["data"]
        if trail[-1]["action"] == "COMMAND_REFUSED":
            break
        await asyncio.sleep(0.1)
    me = (await ops.json("GET", "/me"))["user"]
    await handle.signal("approve", {"actor_user_id": me["id"], "key": None})
    approved = await settled(ops, draft["id"], "APPROVED")
    assert (approved["approved_by"], approved["approved_by_user_id"]) == (me["email"], me["id"])
    trail = (await ops.json("GET", "/audit-log", params={"entity_id": draft["id"]}))["data"]
    assert [(row["action"], row["via"], row["actor_email"]) for row in trail[-2:]] == [
        ("COMMAND_REFUSED", "temporal", None),
        ("DRAFT_APPROVED", "temporal", me["email"]),
    ]


async def test_a_reset_of_the_publish_does_not_stage_again(
    stack: Stack, ops: Person, orders_folder: Any
) -> None:
    """Somebody resets the activity in the Web UI while it fails: its attempts start again at 1."""
    draft = await draft_in(ops, "PUSHED")
    export, org_id = draft["exports"][0], UUID(draft["org_id"])
    (tried,) = (await ops.json("GET", f"/exports/{export['id']}/push-log"))["data"]
    database = Database(stack.environment["DATABASE_URL"], pool_size=1)
    delivery = DeliveryActivities(
        database,
        Documents(stack.environment["COUNTERSIGN_DOCUMENTS_URL"]),
        KeyRing(stack.environment["ENCRYPTION_MASTER_KEY"]),
        build_connectors(ConnectorPolicy(allowed_networks=(ip_network("127.0.0.0/8"),))),
    )
    (orders_folder / export["file_name"]).unlink()  # the ERP has taken it
    order = PublishOrder(
        org_id=org_id,
        connection_id=UUID(export["connection_id"]),
        export_id=UUID(export["id"]),
        staged=StagedFile(
            temp_name=tried["response"]["staged_as"],
            file_name=export["file_name"],
            sha256=export["sha256"],
            size_bytes=export["size_bytes"],
        ),
        log_row=1,
    )
    result = await ActivityEnvironment().run(delivery.publish, order)  # attempt 1, as after a reset
    await database.dispose()
    assert result.outcome is PublishOutcome.UNCONFIRMED
    rows = (await ops.json("GET", f"/exports/{export['id']}/push-log"))["data"]
    assert [(row["attempt_number"], row["status"]) for row in rows] == [(1, "SUCCESS"), (2, "SUCCESS")]
