"""Another org's objects do not exist: every route that names one answers 404, for every method it has."""

import re
from typing import Any

from local.stack import Stack
from tests.drawings.designs_of import crest
from tests.e2e.conftest import People, draft_in, order
from tests.e2e.decorations import color_up_of, customer_with_approver, logo_of


async def test_every_route_answers_404_for_another_orgs_objects(stack: Stack, people: People) -> None:
    theirs, ours = await people("admin"), await people("admin", "other")
    draft = await draft_in(theirs, "PUSHED")
    customer = (await theirs.json("GET", "/customers"))["data"][0]["id"]
    bulk = await theirs.json("POST", "/exports/retry", 202, json={"error_code": "DISK_FULL"})
    logo = await logo_of(theirs, await customer_with_approver(theirs))
    color_up = await color_up_of(theirs, logo)
    ids = {
        "logo_id": logo["id"],
        "color_up_id": color_up["id"],
        "bulk_id": bulk["id"],
        "draft_id": draft["id"],
        "export_id": draft["exports"][0]["id"],
        "line_no": 1,
        "key": "0" * 32,
        "connection_id": draft["exports"][0]["connection_id"],
        "customer_id": customer,
        "approver_id": customer,
        "user_id": draft["created_by_user_id"],
        "secret_id": (await theirs.json("GET", "/callback-secrets"))["data"][-1]["id"],
    }
    # products are named by their own number, which two orgs may share: nothing of one shows in the other
    by_name = {"/products/{internal_sku}"}
    bodies: dict[str, Any] = {
        "reject": {"reason": "r"},
        "lines": {},
        "approvers": {"name": "N", "email": "a@b.example"},
        "logo": {"logo_id": logo["id"]},
        "color-up": {"color_up_id": color_up["id"]},
        "review": {"decision": "approve"},
        "floor": {"to": "Complete"},
        "production-reject": {"line_nos": [1], "reason": "r"},
        "versions": {"thread_sequence": color_up["thread_sequence"]},
        "decision": {"decision": "approve", "note": "n"},
    }
    document = (await theirs.http.get("/openapi.json")).json()
    asked = 0
    for path, methods in document["paths"].items():
        if "{" not in path or path in by_name or path.startswith("/proofs/"):  # a link is the right itself
            continue
        address = re.sub(r"{(\w+)(:path)?}", lambda match: str(ids[match[1]]), path)
        for method in methods:
            sent: dict[str, Any] = {
                "json": bodies.get(address.rsplit("/", 1)[1], {} if method in {"patch", "put"} else None)
            }
            if path.endswith("/design"):
                sent = {"content": crest(), "headers": {"Content-Type": "application/octet-stream"}}
            answer = await ours.call(method.upper(), address, **sent)
            assert answer.status_code == 404, (method, path, answer.status_code, answer.text)
            assert draft["number"] not in answer.text
            asked += 1
    assert asked >= 25


async def test_lists_and_search_show_the_own_org_only(people: People) -> None:
    theirs, ours = await people("admin"), await people("admin", "other")
    draft = await draft_in(theirs, "EXTRACTED")
    for path in ("/draft-orders", "/audit-log", "/customers", "/users", "/connectors"):
        listed = (await ours.call("GET", path, params={"limit": 200})).text
        assert draft["id"] not in listed
    found = await ours.json("GET", "/draft-orders", params={"q": draft["external_order_number"]})
    assert found["data"] == []
    trail = await ours.json("GET", "/audit-log", params={"entity_id": draft["id"]})
    assert trail["data"] == []


async def test_another_orgs_customer_in_a_draft_is_unknown(people: People) -> None:
    theirs, ours = await people("admin"), await people("ops", "other")
    body = await order(ours)
    body["customer_id"] = (await theirs.json("GET", "/customers"))["data"][0]["id"]
    draft = await ours.json("POST", "/draft-orders", 201, json=body)
    assert draft["customer_name"] is None
    checked = await ours.json("POST", f"/draft-orders/{draft['id']}/validate")
    assert checked["ready_check"]["blocking_reasons"] == ["MISSING_CUSTOMER"]
