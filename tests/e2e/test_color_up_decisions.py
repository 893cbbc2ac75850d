"""The team decides proofs over HTTP; Temporal carries the decision."""

import asyncio
from uuid import uuid4

import pytest

from tests.e2e.conftest import Body, People, Person

STOPS = [{"stop": 1, "thread_code": "1801"}]
APPROVE = {"decision": "approve", "note": "by phone"}


async def color_up(ops: Person) -> Body:
    customer = (await ops.json("GET", "/customers"))["data"][0]
    logo = await ops.json("POST", "/logos", 201, json={"customer_id": customer["id"], "name": "Crest"})
    body = {"logo_id": logo["id"], "style_number": "14728", "color_code": "BLK", "thread_sequence": STOPS}
    return await ops.json("POST", "/color-ups", 201, json=body)


async def test_an_approval_is_shown_at_once_and_is_in_the_trail(ops: Person) -> None:
    made = await color_up(ops)
    path = f"/color-ups/{made['id']}"
    decided = await ops.json("POST", f"{path}/decision", json=APPROVE)
    assert (decided["status"], decided["approved_by_team_proxy"]) == ("Approved", True)
    assert (decided["decision"], decided["decision_note"]) == ("approve", "by phone")
    assert await ops.json("GET", path) == decided
    trail = (await ops.json("GET", "/audit-log", params={"entity_id": made["id"]}))["data"]
    assert [row["action"] for row in trail] == ["COLOR_UP_CREATED", "PROOF_APPROVED"]
    assert trail[1]["details"]["team_proxy"] is True
    assert (trail[1]["actor_email"], trail[1]["via"]) == ("ops@demo.example", "api")


async def test_asking_for_changes_retires_the_version_and_the_next_one_can_be_approved(ops: Person) -> None:
    made = await color_up(ops)
    body = {"decision": "request_changes", "note": "the rim in red"}
    sent_back = await ops.json("POST", f"/color-ups/{made['id']}/decision", json=body)
    assert (sent_back["status"], sent_back["approved_by_team_proxy"]) == ("Retired", False)
    body = {"thread_sequence": STOPS}
    version = await ops.json("POST", f"/color-ups/{made['id']}/versions", 201, json=body)
    decided = await ops.json("POST", f"/color-ups/{version['id']}/decision", json=APPROVE)
    assert (decided["version"], decided["status"]) == (2, "Approved")


async def test_a_decision_is_taken_once(ops: Person) -> None:
    path = f"/color-ups/{(await color_up(ops))['id']}/decision"
    await ops.json("POST", path, json=APPROVE)
    for decision in ("approve", "request_changes"):
        refused = await ops.json("POST", path, 409, json={"decision": decision, "note": "again"})
        assert refused["detail"] == "Color-up version already approved"
        assert refused["current_status"] == "Approved"


async def test_the_same_key_gets_the_same_answer_and_another_body_422(ops: Person) -> None:
    path = f"/color-ups/{(await color_up(ops))['id']}/decision"
    headers = {"Idempotency-Key": uuid4().hex}
    at_once = await asyncio.gather(*(ops.json("POST", path, json=APPROVE, headers=headers) for _ in range(4)))
    again = await ops.json("POST", path, json=APPROVE, headers=headers)
    assert all(answer == again for answer in at_once)
    await ops.json("POST", path, 422, json={**APPROVE, "note": "another"}, headers=headers)


@pytest.mark.parametrize(
    "body",
    [
        {"decision": "approve"},
        {"decision": "approve", "note": " "},
        {"decision": "approve", "note": None},
        {"decision": "superseded", "note": "x"},
        {"decision": "yes", "note": "x"},
        {"note": "x"},
        {**APPROVE, "by": "me"},
    ],
)
async def test_a_decision_that_does_not_fit_is_refused(ops: Person, body: Body) -> None:
    path = f"/color-ups/{(await color_up(ops))['id']}"
    await ops.json("POST", f"{path}/decision", 422, json=body)
    assert (await ops.json("GET", path))["status"] == "Draft"


async def test_another_orgs_color_up_is_not_there_to_decide(ops: Person, people: People) -> None:
    made = await color_up(ops)
    stranger = await people("admin", "other")
    await stranger.json("POST", f"/color-ups/{made['id']}/decision", 404, json=APPROVE)
    await ops.json("POST", f"/color-ups/{uuid4()}/decision", 404, json=APPROVE)
    assert (await ops.json("GET", f"/color-ups/{made['id']}"))["status"] == "Draft"
