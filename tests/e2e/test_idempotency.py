"""The same key, another key, no key: one draft makes one export, and an answer lost is an answer found."""

import asyncio
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from tests.e2e.conftest import Body, People, Person, draft_in, files_of, order, settled
from tests.e2e.decorations import (
    color_up_of,
    customer_with_approver,
    decorated_order,
    decoration,
    line_path,
    lines_at,
    logo_of,
)


@pytest.mark.parametrize("keys", ["one", "none", "twenty"])
async def test_twenty_pushes_at_once_make_one_export(ops: Person, orders_folder: Path, keys: str) -> None:
    draft = await draft_in(ops, "APPROVED")
    one = uuid4().hex

    def headers(number: int) -> dict[str, str]:
        return {
            "one": {"Idempotency-Key": one},
            "none": {},
            "twenty": {"Idempotency-Key": f"{one}-{number}"},
        }[keys]

    path = f"/draft-orders/{draft['id']}/push"
    answers = await asyncio.gather(*(ops.call("POST", path, headers=headers(n)) for n in range(20)))
    statuses = sorted(answer.status_code for answer in answers)
    if keys == "one":
        assert statuses.count(200) >= 1
        assert set(statuses) <= {200, 202}
    else:
        assert statuses == [200] + [409] * 19
    assert len({answer.json()["erp_export_id"] for answer in answers}) == 1
    draft = await settled(ops, draft["id"], "PUSHED")
    assert len(draft["exports"]) == 1
    assert len(files_of(orders_folder, draft["id"])) == 1


async def test_creation_by_key_makes_one_draft(ops: Person) -> None:
    body = await order(ops)
    headers = {"Idempotency-Key": f'"{uuid4()}"'}
    answers = await asyncio.gather(
        *(ops.call("POST", "/draft-orders", json=body, headers=headers) for _ in range(10))
    )
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert len({answer.json()["number"] for answer in answers}) == 1
    bare = {"Idempotency-Key": headers["Idempotency-Key"].strip('"')}
    again = await ops.json("POST", "/draft-orders", 201, json=body, headers=bare)
    assert again["id"] == answers[0].json()["id"]
    other = await ops.json("POST", "/draft-orders", 422, json={**body, "notes": "x"}, headers=bare)
    assert "Idempotency-Key" in other["detail"]


async def test_a_key_counts_for_one_line_and_for_a_repeat_on_it(ops: Person, people: People) -> None:
    production = await people("production")
    customer = await customer_with_approver(ops)
    logo = await logo_of(ops, customer)
    await color_up_of(ops, logo, approved=True)
    draft = await decorated_order(ops, customer, decoration(logo), decoration(logo))
    await lines_at(ops, draft, *["Pending Production Approval"] * 2)
    await production.json("POST", f"/draft-orders/{draft['id']}/production-approve")
    for _ in range(2):
        options: Body = {"json": {"to": "In Production"}, "headers": {"Idempotency-Key": "k" * 255}}
        moved = [await production.json("POST", line_path(draft, n, "floor"), **options) for n in (1, 2)]
        assert [line["status"] for line in moved] == ["In Production"] * 2
    other = {**options, "json": {"to": "Complete"}}
    refused = await production.json("POST", line_path(draft, 2, "floor"), 422, **other)
    assert "Idempotency-Key" in refused["detail"]


async def test_an_answer_lost_after_the_decision_is_found_again(ops: Person) -> None:
    draft = await draft_in(ops, "READY")
    path = f"/draft-orders/{draft['id']}/approve"
    headers = {"Idempotency-Key": uuid4().hex}
    with pytest.raises(httpx.TimeoutException):
        await ops.call("POST", path, headers=headers, timeout=0.004)
    found = await ops.json("POST", path, headers=headers)
    assert found["status"] == "APPROVED"
    assert await ops.json("POST", path, headers=headers) == found
    trail = (await ops.json("GET", "/audit-log", params={"entity_id": draft["id"]}))["data"]
    assert [row["action"] for row in trail].count("DRAFT_APPROVED") == 1


COMMANDS = [
    ("EXTRACTED", "validate", None),
    ("READY", "approve", None),
    ("APPROVED", "production-approve", {"note": "n"}),
    ("APPROVED", "push", None),
    ("READY", "reject", {"reason": "r"}),
    ("READY", "lines", {"internal_sku": "X"}),
]


@pytest.mark.parametrize(("status", "command", "body"), COMMANDS, ids=str)
async def test_every_command_answers_a_repeat_and_refuses_another_body(
    people: People, status: str, command: str, body: dict[str, str] | None
) -> None:
    admin = await people("admin")
    draft = await draft_in(admin, status)
    path = f"/draft-orders/{draft['id']}/{command}"
    headers = {"Idempotency-Key": "k" * 255}
    first = await admin.call("POST", path, json=body, headers=headers)
    assert first.status_code in {200, 201}, first.text
    again = await admin.call("POST", path, json=body, headers=headers)
    assert again.status_code in {first.status_code, 202}, again.text
    # the same members in another order and with blanks are the same body
    assert again.json()["id" if command != "push" else "erp_export_id"] == first.json().get(
        "id", first.json().get("erp_export_id")
    )
    other = await admin.call("POST", f"{path}?unused=1", json=body, headers=headers)
    assert other.status_code == 422, other.text


@pytest.mark.parametrize("key", ["", '""', "a b", "k" * 256, "ä".encode().decode("latin-1")])
async def test_a_key_that_is_none_is_refused(ops: Person, key: str) -> None:
    draft = await draft_in(ops, "EXTRACTED")
    headers = {"Idempotency-Key": key.encode("latin-1")}
    answer = await ops.call("POST", f"/draft-orders/{draft['id']}/validate", headers=headers)
    assert answer.status_code == 422, answer.text


async def test_a_refusal_is_not_remembered_under_the_key(people: People) -> None:
    admin, ops = await people("admin", "other"), await people("ops", "other")
    draft = await draft_in(ops, "APPROVED")
    path, headers = f"/draft-orders/{draft['id']}/push", {"Idempotency-Key": uuid4().hex}
    await admin.json("PATCH", "/org/settings", json={"production_gate": "always"})
    try:
        await ops.json("POST", path, 409, headers=headers)
    finally:
        await admin.json("PATCH", "/org/settings", json={"production_gate": "decorated"})
    # the gate is gone and the connector is what is missing now: the same key is judged anew
    assert (await ops.json("POST", path, 400, headers=headers))["code"] == "NO_ACTIVE_CONNECTOR"


async def test_a_connection_test_refuses_its_key_with_another_body(people: People) -> None:
    integrator = await people("integrator")
    headers = {"Idempotency-Key": uuid4().hex}
    path = "/connectors/dropzone-json-v1/test"
    assert (await integrator.json("POST", path, headers=headers))["success"] is True
    assert (await integrator.json("POST", path, headers=headers))["success"] is True
    await integrator.json("POST", path, 422, headers=headers, json={"mode": "filesystem"})
