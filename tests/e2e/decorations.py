"""Customers with artwork, and decorated orders of theirs, made over HTTP."""

import asyncio
from typing import Any
from uuid import uuid4

from tests.e2e.conftest import Body, Person, good_line

STYLE = "14728"
NAVY = {"stop": 1, "needle": 3, "thread_code": "1243", "thread_name": "Navy", "brand": "Madeira"}
GOLD = {"stop": 2, "needle": None, "thread_code": "1070", "thread_name": "Gold", "brand": "Madeira"}


async def customer_with_approver(ops: Person, *, approver: bool = True, **fields: Any) -> Body:
    mark = uuid4().hex[:10]
    body = {"name": f"Decorated {mark}", "erp_customer_number": f"D-{mark}", "default_currency": "EUR"}
    customer = await ops.json("POST", "/customers", 201, json={**body, **fields})
    if approver:
        await add_approver(ops, customer)
    return customer


async def add_approver(ops: Person, customer: Body) -> Body:
    body = {"name": "Jo Hansen", "email": f"jo-{uuid4().hex[:8]}@hansen.example", "is_primary": True}
    return await ops.json("POST", f"/customers/{customer['id']}/approvers", 201, json=body)


async def logo_of(ops: Person, customer: Body, **fields: Any) -> Body:
    body = {"customer_id": customer["id"], "name": "Crest", "design_number": "D-4711"}
    return await ops.json("POST", "/logos", 201, json={**body, **fields})


async def color_up_of(ops: Person, logo: Body, color_code: str = "BLK", *, approved: bool = False) -> Body:
    body = {"logo_id": logo["id"], "style_number": STYLE, "color_code": color_code}
    made = await ops.json("POST", "/color-ups", 201, json={**body, "thread_sequence": [NAVY, GOLD]})
    if approved:
        await decide(ops, made)
    return made


async def decide(ops: Person, color_up: Body, decision: str = "approve") -> Body:
    body = {"decision": decision, "note": "By telephone with Jo"}
    return await ops.json("POST", f"/color-ups/{color_up['id']}/decision", json=body)


def decoration(logo: Body | None = None, color_code: str = "BLK", **fields: Any) -> Body:
    return {
        "logo_id": None if logo is None else logo["id"],
        "style_number": STYLE,
        "color_code": color_code,
        "placement": "Left Chest",
        "size_quantities": {"M": 6, "L": 4},
        **fields,
    }


async def decorated_order(ops: Person, customer: Body, *decorations: Body | None, **header: Any) -> Body:
    """A draft that validates as it stands; a line for each decoration, None for a plain one."""
    line = await good_line(ops)
    body = {
        "customer_id": customer["id"],
        "external_order_number": f"PO-{uuid4().hex[:10]}",
        "currency": "EUR",
        "lines": [{**line, "decoration": each} for each in decorations],
        **header,
    }
    return await ops.json("POST", "/draft-orders", 201, json=body)


async def lines_at(ops: Person, draft: Body, *statuses: str | None, within_s: float = 20) -> Body:
    """The draft, once its lines have these statuses, in the order of their numbers."""
    until = asyncio.get_running_loop().time() + within_s
    while True:
        now = await ops.json("GET", f"/draft-orders/{draft['id']}")
        found = [line["status"] for line in now["lines"]]
        if found == list(statuses):
            return now
        assert asyncio.get_running_loop().time() < until, f"still {found}, not {list(statuses)}"
        await asyncio.sleep(0.02)


def line_path(draft: Body, line_no: int, command: str) -> str:
    return f"/draft-orders/{draft['id']}/lines/{line_no}/{command}"


async def line_in(ops: Person, status: str) -> tuple[Body, Body, Body]:
    """A draft whose only line is decorated and stands at `status`, with its logo and its color-up."""
    customer = await customer_with_approver(
        ops, approver=status != "Needs Approver", internal_review_default=status == "Internal Review"
    )
    logo = await logo_of(ops, customer)
    repeat = status in {"Pending Production Approval", "Production Ready", "In Production", "Complete"}
    color_up = await color_up_of(ops, logo, approved=repeat)
    draft = await decorated_order(ops, customer, decoration(None if status == "Awaiting Logo" else logo))
    first = "Pending Production Approval" if repeat else "Color-Up In Progress"
    if status == "Awaiting Logo":
        first = status
    await lines_at(ops, draft, first)
    if first == "Color-Up In Progress" and status != first:
        await ops.json("POST", line_path(draft, 1, "color-up"), json={"color_up_id": color_up["id"]})
        await ops.json("POST", line_path(draft, 1, "submit"))
    if status == "Revision In Progress":
        await lines_at(ops, draft, "Sent for Approval")
        await decide(ops, color_up, "request_changes")
    if status in {"Production Ready", "In Production", "Complete"}:
        await ops.json("POST", f"/draft-orders/{draft['id']}/production-approve")
    for step in {"In Production": ["In Production"], "Complete": ["In Production", "Complete"]}.get(
        status, []
    ):
        await ops.json("POST", line_path(draft, 1, "floor"), json={"to": step})
    return await lines_at(ops, draft, status), logo, color_up
