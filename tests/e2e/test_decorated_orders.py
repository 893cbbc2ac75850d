"""Decorated orders the whole way, with real parts: from the order to the ERP's file and the floor."""

import itertools
import json
from typing import Any
from uuid import uuid4

import jsonschema

from domain.export_schema import export_schema
from tests.e2e.conftest import Body, People, Person, files_of, good_line, settled
from tests.e2e.decorations import (
    GOLD,
    NAVY,
    STYLE,
    add_approver,
    color_up_of,
    customer_with_approver,
    decide,
    decorated_order,
    decoration,
    line_in,
    line_path,
    lines_at,
    logo_of,
)

PENDING, READY = "Pending Production Approval", "Production Ready"
WORKING, SENT, REVISION = "Color-Up In Progress", "Sent for Approval", "Revision In Progress"
CSV = {"Content-Type": "text/csv"}


async def submit(ops: Person, draft: Body, line_no: int, color_up: Body) -> None:
    await ops.json("POST", line_path(draft, line_no, "color-up"), json={"color_up_id": color_up["id"]})
    await ops.json("POST", line_path(draft, line_no, "submit"))


async def test_three_decorated_lines_go_the_whole_way_to_the_erp_and_the_floor(
    people: People, ops: Person, orders_folder: Any
) -> None:
    production = await people("production")
    customer = await customer_with_approver(ops)
    logo = await logo_of(ops, customer)
    known = await color_up_of(ops, logo, "BLK", approved=True)
    red, white = await color_up_of(ops, logo, "RED"), await color_up_of(ops, logo, "WHT")
    draft = await decorated_order(
        ops,
        customer,
        decoration(logo, "BLK"),
        decoration(logo, "RED"),
        decoration(logo, "WHT"),
        None,
    )
    path = f"/draft-orders/{draft['id']}"
    draft = await lines_at(ops, draft, PENDING, WORKING, WORKING, None)
    assert draft["lines"][0]["color_up_id"] == known["id"]
    assert draft["line_summary"] == "1 of 4 ready, 2 awaiting approval"
    await submit(ops, draft, 2, red)
    await submit(ops, draft, 3, white)
    await lines_at(ops, draft, PENDING, SENT, SENT, None)
    await ops.json("POST", f"{path}/validate")
    await ops.json("POST", f"{path}/approve")
    assert draft["id"] in await waiting(ops, "customer_approval")

    held = await ops.json("POST", f"{path}/push", 409)
    assert {(each["line_no"], each["status"]) for each in held["held_by"]} == {
        (1, PENDING),
        (2, SENT),
        (3, SENT),
    }
    await decide(ops, red)
    await decide(ops, white, "request_changes")
    draft = await lines_at(ops, draft, PENDING, PENDING, REVISION, None)
    versions = f"/color-ups/{white['id']}/versions"
    second = await ops.json("POST", versions, 201, json={"thread_sequence": [GOLD]})
    draft = await lines_at(ops, draft, PENDING, PENDING, WORKING, None)
    assert draft["lines"][2]["color_up_id"] == second["id"]
    await ops.json("POST", line_path(draft, 3, "submit"))
    await lines_at(ops, draft, PENDING, PENDING, SENT, None)
    await decide(ops, second)
    draft = await lines_at(ops, draft, PENDING, PENDING, PENDING, None)
    assert draft["status"] == "APPROVED"  # no decision on a line takes the operator's approval back
    assert draft["id"] in await waiting(ops, "production_approval")
    assert draft["line_summary"] == "1 of 4 ready"

    some = await production.json("POST", f"{path}/production-approve", json={"line_nos": [2, 3]})
    assert [each["status"] for each in some["lines"]] == [PENDING, READY, READY]
    held = await ops.json("POST", f"{path}/push", 409)
    assert held["held_by"] == [{"line_no": 1, "status": PENDING}]
    await production.json("POST", f"{path}/production-approve")
    draft = await lines_at(ops, draft, READY, READY, READY, None)
    assert draft["id"] in await waiting(ops, "push")
    assert all(gate["passed"] for gate in draft["gates"])

    batches = (await production.json("GET", "/production/batches", params={"logo_id": logo["id"]}))["data"]
    # the longest waiting first: line 1 was signed last
    assert {tuple(line["line_no"] for line in batch["lines"]) for batch in batches} == {(2, 1), (3,)}

    preview = await ops.json("GET", f"{path}/push-preview")
    key = {"Idempotency-Key": "send-it"}
    first = await ops.json("POST", f"{path}/push", headers=key)
    draft = await settled(ops, draft["id"], "PUSHED")
    again = await ops.json("POST", f"{path}/push", headers=key)
    assert again["erp_export_id"] == first["erp_export_id"]
    (name,) = files_of(orders_folder, draft["id"])
    written = (orders_folder / name).read_bytes()
    (export,) = draft["exports"]
    assert preview["sha256"] == export["sha256"]
    document = json.loads(written)
    assert preview["document"] == document
    jsonschema.validate(document, export_schema())
    assert [line["decoration"] for line in document["lines"]] == [
        shown("BLK", 1, [NAVY, GOLD]),
        shown("RED", 1, [NAVY, GOLD]),
        shown("WHT", 2, [GOLD]),
        None,
    ]

    for to in ("In Production", "Complete"):
        moved = await production.json("POST", line_path(draft, 1, "floor"), json={"to": to})
        assert (moved["line_no"], moved["status"]) == (1, to)
    draft = await lines_at(ops, draft, "Complete", READY, READY, None)
    assert_history(draft["lines"][2])
    trail = (await ops.json("GET", "/audit-log", params={"entity_id": draft["id"], "limit": 200}))["data"]
    moves = sum(len(line["status_history"]) for line in draft["lines"])
    first_states = sum(1 for line in draft["lines"] if line["status_history"][:1] and is_first(line))
    actions = [row["action"] for row in trail]
    assert actions.count("LINE_STATUS_CHANGED") in {moves, moves - first_states}
    assert actions.count("DRAFT_PRODUCTION_APPROVED") == 2


def is_first(line: Body) -> bool:
    return line["status_history"][0]["from"] is None


async def waiting(ops: Person, what: str) -> set[str]:
    listed = await ops.json("GET", "/draft-orders", params={"waiting_for": what, "limit": 200})
    return {row["id"] for row in listed["data"]}


def shown(color_code: str, version: int, threads: list[Body]) -> Body:
    return {
        "logo": "Crest",
        "design_number": "D-4711",
        "placement": "Left Chest",
        "style_number": STYLE,
        "color_code": color_code,
        "color_up_version": version,
        "size_quantities": {"M": 6, "L": 4},
        "thread_sequence": threads,
    }


def assert_history(line: Body) -> None:
    """The line that was sent back once: every step joins the one before."""
    history = line["status_history"]
    for before, after in itertools.pairwise(history):
        assert after["from"] == before["to"]
        assert after["at"] >= before["at"]
    way = [WORKING, SENT, REVISION, WORKING, SENT, "Approved", PENDING, READY]
    assert [move["to"] for move in history][-len(way) :] == way
    sent_back = next(move for move in history if move["to"] == REVISION)
    assert (sent_back["team_proxy"], sent_back["note"]) == (True, "By telephone with Jo")
    assert sent_back["actor_user_id"] is not None


async def test_an_imported_line_finds_its_logo_also_when_that_comes_later(ops: Person) -> None:
    customer = await customer_with_approver(ops)
    mark = uuid4().hex[:8]
    await logo_of(ops, customer, netsuite_file_cabinet_id=f"FC-{mark}-1")
    product = await good_line(ops)
    sku, uom = product["internal_sku"], product["uom"]
    head = "external_order_number,erp_customer_number,currency,internal_sku,qty,uom,unit_price,"
    head += "netsuite_file_cabinet_id,style_number,color_code,placement,size_quantities_json\n"
    first = f"PO-{mark},{customer['erp_customer_number']},EUR,{sku},10,{uom},1.00,FC-{mark}-"
    rows = [f'{first}{n},14728,BLK,Back,"{{""M"": 10}}"' for n in (1, 2)]
    content = head + "\n".join(rows) + "\n"
    report = await ops.json("POST", "/imports/draft-orders", content=content, headers=CSV)
    assert (report["errors"], report["created"]) == ([], 1)
    (found,) = (await ops.json("GET", "/draft-orders", params={"q": f"PO-{mark}"}))["data"]
    draft = await lines_at(ops, found, WORKING, "Awaiting Logo")
    assert draft["lines"][0]["decoration"]["size_quantities"] == {"M": 10}
    assert f"FC-{mark}-2" in draft["lines"][1]["waiting"]
    late = await logo_of(ops, customer, netsuite_file_cabinet_id=f"FC-{mark}-2")
    draft = await lines_at(ops, found, WORKING, WORKING)
    assert draft["lines"][1]["decoration"]["logo_id"] == late["id"]


async def test_another_customers_logo_of_that_file_is_not_taken(ops: Person) -> None:
    mine, theirs = await customer_with_approver(ops), await customer_with_approver(ops)
    mark = uuid4().hex[:8]
    await logo_of(ops, theirs, netsuite_file_cabinet_id=mark)
    draft = await decorated_order(ops, mine, decoration(netsuite_file_cabinet_id=mark))
    draft = await lines_at(ops, draft, "Awaiting Logo")
    assert draft["lines"][0]["decoration"]["logo_id"] is None


async def test_a_line_that_nobody_may_approve_goes_on_when_an_approver_is_added(ops: Person) -> None:
    draft, _logo, color_up = await line_in(ops, "Needs Approver")
    await add_approver(ops, {"id": draft["customer_id"]})
    await lines_at(ops, draft, SENT)
    await decide(ops, color_up)
    await lines_at(ops, draft, PENDING)


async def test_send_for_approval_anyway_asks_the_customer_again(ops: Person) -> None:
    customer = await customer_with_approver(ops)
    logo = await logo_of(ops, customer)
    await color_up_of(ops, logo, approved=True)
    draft = await decorated_order(ops, customer, decoration(logo, send_for_approval=True), decoration())
    await lines_at(ops, draft, WORKING, "Awaiting Logo")
    body = {"logo_id": logo["id"], "send_for_approval": True}
    linked = await ops.json("POST", line_path(draft, 2, "logo"), json=body)
    assert (linked["status"], linked["decoration"]["send_for_approval"]) == (WORKING, True)


async def test_internal_review_stands_between_us_and_the_customer(ops: Person) -> None:
    draft, _logo, _color_up = await line_in(ops, "Internal Review")
    body = {"decision": "send_back", "note": "Gold is too dark"}
    line = await ops.json("POST", line_path(draft, 1, "review"), json=body)
    assert (line["status"], line["status_history"][-1]["note"]) == (WORKING, "Gold is too dark")
    await ops.json("POST", line_path(draft, 1, "submit"))
    await ops.json("POST", line_path(draft, 1, "review"), json={"decision": "approve"})
    await lines_at(ops, draft, SENT)


async def test_production_rejects_with_a_reason(people: People, ops: Person) -> None:
    production = await people("production")
    draft, _logo, color_up = await line_in(await people("admin"), READY)
    path = f"/draft-orders/{draft['id']}"
    body = {"line_nos": [1], "reason": "Thread 1070 is out of stock"}
    answer = await production.json("POST", f"{path}/production-reject", json=body)
    assert (answer["id"], answer["lines"]) == (draft["id"], [{"line_no": 1, "status": REVISION}])
    draft = await lines_at(ops, draft, REVISION)
    last = draft["lines"][0]["status_history"][-1]
    assert (last["from"], last["note"]) == (READY, "Thread 1070 is out of stock")
    await ops.json("POST", f"/color-ups/{color_up['id']}/versions", 201, json={"thread_sequence": [NAVY]})
    await lines_at(ops, draft, WORKING)


async def test_an_edit_of_a_signed_line_says_so_first_and_takes_all_back(people: People, ops: Person) -> None:
    draft, _logo, _color_up = await line_in(await people("admin"), READY)
    path = f"/draft-orders/{draft['id']}"
    await ops.json("POST", f"{path}/validate")
    await ops.json("POST", f"{path}/approve")
    moved = {"decoration": {**draft["lines"][0]["decoration"], "placement": "Back"}}
    wanted = {
        "operator_approval": True,
        "production_approval": True,
        "lines": [{"line_no": 1, "from": READY}],
    }
    preview = await ops.json("PATCH", f"{path}/lines/1", json=moved, params={"preview": "true"})
    assert (preview["reopened"], preview["draft"]["lines"][0]["status"]) == (wanted, "New")
    assert (await lines_at(ops, draft, READY))["status"] == "APPROVED"
    done = await ops.json("PATCH", f"{path}/lines/1", json=moved)
    assert done["reopened"] == wanted
    assert (done["status"], done["lines"][0]["production_approved_at"]) == ("NEEDS_REVIEW", None)
    await ops.json("POST", f"{path}/validate")
    draft = await lines_at(ops, draft, PENDING)  # the same key, so the customer is not asked again
    history = draft["lines"][0]["status_history"]
    assert READY in [move["to"] for move in history]


async def test_a_removed_lines_history_stays(ops: Person) -> None:
    customer = await customer_with_approver(ops)
    draft = await decorated_order(ops, customer, decoration(), None)
    draft = await lines_at(ops, draft, "Awaiting Logo", None)
    gone = draft["lines"][0]
    after = await ops.json("DELETE", f"/draft-orders/{draft['id']}/lines/1")
    (kept,) = after["removed_lines"]
    assert (kept["id"], kept["line_no"]) == (gone["id"], 1)
    assert kept["status_history"] == gone["status_history"]
    again = await good_line(ops)
    again |= {"line_no": 1, "decoration": decoration()}
    await ops.json("POST", f"/draft-orders/{draft['id']}/lines", 201, json=again)
    draft = await lines_at(ops, draft, "Awaiting Logo", None)
    assert draft["lines"][0]["id"] != gone["id"]
    assert draft["removed_lines"] == after["removed_lines"]


async def test_one_decision_moves_every_draft_that_waits_on_it(ops: Person) -> None:
    customer = await customer_with_approver(ops)
    logo = await logo_of(ops, customer)
    color_up = await color_up_of(ops, logo)
    drafts = [await decorated_order(ops, customer, decoration(logo)) for _ in range(3)]
    for draft in drafts:
        await lines_at(ops, draft, WORKING)
        await submit(ops, draft, 1, color_up)
        await lines_at(ops, draft, SENT)
    await decide(ops, color_up)
    for draft in drafts:
        await lines_at(ops, draft, PENDING)
    late = await decorated_order(ops, customer, decoration(logo))
    await lines_at(ops, late, PENDING)
