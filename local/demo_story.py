"""What the demo tells: one order with mistakes to one file in the ERP's dropzone, and who may stop it."""

import asyncio
import json
import sys
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from local.demo_client import DONE_WITHIN_S, Person, expect, files_of, new_key, sent
from local.demo_decorated import decorated_order
from local.seed import EXAMPLES, demo_password
from local.stack import Stack

NAMES = ("admin", "ops", "ops2", "production", "viewer")


async def tell(console: Console, stack: Stack) -> None:
    """Walk through the whole story.

    Raises:
        DemoFailed: at the first thing that is not as it must be.
    """
    people = {name: Person(console, stack.base_url, f"{name}@demo.example") for name in NAMES}
    orders = stack.var / "dropzone" / "demo" / "orders"
    # Each run writes its own order numbers, so that repeating the demo finds no duplicates.
    run = datetime.now(UTC).strftime("%H%M%S") + uuid.uuid4().hex[:3]
    try:
        console.rule("1. Five people log in")
        for person in people.values():
            await person.log_in(demo_password())
        customer = await _import_examples(console, people["ops"], run)
        first = await _mistakes_and_mending(console, people["ops"], customer, run)
        await _approve_and_push_once(console, people, first, orders)
        await _edit_takes_approval_back(console, people["ops"], customer, run)
        await _production_gate(console, people, customer, run, orders)
        await decorated_order(console, people, customer, run, stack)
        await _erp_answers(console, people["viewer"], first, stack.var)
        await _show_audit(console, people["viewer"], first)
        draft = await people["viewer"].call("GET", f"/draft-orders/{first}", 200)
        console.print(f"\n  Temporal run of {draft['number']}: {draft['workflow']['url']}", soft_wrap=True)
    finally:
        for person in people.values():
            await person.close()


async def _import_examples(console: Console, ops: Person, run: str) -> str:
    console.rule("2. Olga imports products and a 12-line order")
    csv = {"Content-Type": "text/csv"}
    products = (EXAMPLES / "products.csv").read_text()
    report = await ops.call("POST", "/imports/products?dry_run=true", 200, content=products, headers=csv)
    expect(report["errors"], [], "errors in products.csv")
    await ops.call("POST", "/imports/products", 200, content=products, headers=csv)
    order = (EXAMPLES / "order.csv").read_text().replace("PO-2026-0417", f"PO-2026-0417-{run}")
    report = await ops.call("POST", "/imports/draft-orders", 200, content=order, headers=csv)
    expect(report["errors"], [], "errors in order.csv")
    expect(report["created"], 1, "orders made from order.csv")
    found = (await ops.call("GET", f"/draft-orders?q=PO-2026-0417-{run}", 200))["data"]
    expect(len(found), 1, "imported drafts")
    imported = await ops.call("GET", f"/draft-orders/{found[0]['id']}", 200)
    expect(len(imported["lines"]), 12, "lines of the imported order")
    checked = await ops.call("POST", f"/draft-orders/{imported['id']}/validate", 200)
    expect(checked["status"], "READY", f"the imported order after validation ({checked['issues']})")
    customers = (await ops.call("GET", "/customers", 200))["data"]
    known = {one["erp_customer_number"] for one in customers}
    wanted = {one["erp_customer_number"] for one in json.loads((EXAMPLES / "customers.json").read_text())}
    expect(wanted - known, set(), "customers of examples/customers.json that the stack did not load")
    return str(next(one["id"] for one in customers if one["name"] == "Muster GmbH"))


async def _mistakes_and_mending(console: Console, ops: Person, customer: str, run: str) -> str:
    console.rule("3. An order full of mistakes: validation shows them, Olga mends them")
    body = json.loads((EXAMPLES / "order_with_mistakes.json").read_text())
    body["external_order_number"] += f"-{run}"
    draft = await ops.call("POST", "/draft-orders", 201, json=body, headers=new_key())
    path = f"/draft-orders/{draft['id']}"
    checked = await ops.call("POST", f"{path}/validate", 200)
    expect(checked["status"], "NEEDS_REVIEW", "a draft with mistakes")
    table = Table("severity", "line", "issue", "message", title=f"{draft['number']}: what is wrong")
    for issue in checked["issues"]:
        line = issue["line_no"]
        table.add_row(issue["severity"], "" if line is None else str(line), issue["type"], issue["message"])
    console.print(table)
    errors = {issue["type"] for issue in checked["issues"] if issue["severity"] == "ERROR"}
    wanted = {"MISSING_CUSTOMER", "MISSING_CURRENCY", "UNKNOWN_PRODUCT", "INVALID_QTY", "UOM_INCOMPATIBLE"}
    expect(errors, wanted, "the mistakes that validation finds")
    refused = await ops.call("POST", f"{path}/approve", 409)
    expect(refused["detail"], "Draft must be READY to approve (current: NEEDS_REVIEW)", "approving too early")
    await ops.call("PATCH", path, 200, json={"customer_id": customer, "currency": "EUR"})
    await ops.call("PATCH", f"{path}/lines/2", 200, json={"internal_sku": "FAB-1010"})
    await ops.call("PATCH", f"{path}/lines/3", 200, json={"qty": "3"})
    await ops.call("PATCH", f"{path}/lines/4", 200, json={"uom": "PCE"})
    checked = await ops.call("POST", f"{path}/validate", 200)
    expect(checked["status"], "READY", f"the mended draft ({checked['issues']})")
    return str(draft["id"])


async def _approve_and_push_once(
    console: Console, people: dict[str, Person], draft_id: str, orders: Path
) -> None:
    console.rule("4. Approve, push twice with one Idempotency-Key: one file")
    ops, path = people["ops"], f"/draft-orders/{draft_id}"
    await people["viewer"].call("POST", f"{path}/approve", 403)
    await ops.call("POST", f"{path}/approve", 200)
    key = new_key()
    pushes = [await ops.call("POST", f"{path}/push", 200, 202, headers=key) for _ in range(2)]
    expect(pushes[1]["erp_export_id"], pushes[0]["erp_export_id"], "the export of the repeated push")
    export = await sent(ops, draft_id)
    files = files_of(orders, draft_id)
    expect([file.name for file in files], [export["file_name"]], "files of this draft in the dropzone")
    console.print(f"\n  {files[0]}", soft_wrap=True)
    console.print_json(files[0].read_text())
    document = json.loads(files[0].read_text())
    expect(document["draft_order_id"], draft_id, "the draft in the document")
    expect(len(document["lines"]), 4, "lines in the document")
    again = await ops.call("POST", f"{path}/push", 409, headers=new_key())
    expect(
        again["erp_export_id"], pushes[0]["erp_export_id"], "the export that a push with a new key is shown"
    )


async def _edit_takes_approval_back(console: Console, ops: Person, customer: str, run: str) -> None:
    console.rule("5. A second draft: an edit takes the approval back")
    draft_id = await _plain_draft(ops, customer, f"PO-2026-0419-{run}")
    path = f"/draft-orders/{draft_id}"
    await ops.call("POST", f"{path}/approve", 200)
    edited = await ops.call("PATCH", f"{path}/lines/1", 200, json={"qty": "11"})
    draft = await ops.call("GET", path, 200)
    expect(edited.get("line_no", 1), 1, "the edited line")
    expect((draft["status"], draft["approved_at"]), ("NEEDS_REVIEW", None), "the draft after the edit")
    refused = await ops.call("POST", f"{path}/push", 409, headers=new_key())
    console.print(f"  pushing it now: [yellow]{refused['detail']}[/yellow]")


async def _production_gate(
    console: Console, people: dict[str, Person], customer: str, run: str, orders: Path
) -> None:
    console.rule("6. A third draft under the gate 'always': production signs too")
    admin, ops = people["admin"], people["ops2"]
    before = (await admin.call("GET", "/org/settings", 200))["production_gate"]
    await admin.call("PATCH", "/org/settings", 200, json={"production_gate": "always"})
    try:
        draft_id = await _plain_draft(ops, customer, f"PO-2026-0420-{run}")
        path = f"/draft-orders/{draft_id}"
        await ops.call("POST", f"{path}/approve", 200)
        held = await ops.call("POST", f"{path}/push", 409, headers=new_key())
        console.print(f"  held back: [yellow]{held['detail']}[/yellow]")
        expect(files_of(orders, draft_id), [], "files of a draft that production has not approved")
        await people["production"].call(
            "POST", f"{path}/production-approve", 200, json={"note": "Capacity is there"}
        )
        await ops.call("POST", f"{path}/push", 200, 202, headers=new_key())
        await sent(ops, draft_id)
        expect(len(files_of(orders, draft_id)), 1, "files of the third draft")
    finally:
        await admin.call("PATCH", "/org/settings", 200, json={"production_gate": before})


async def _erp_answers(console: Console, viewer: Person, draft_id: str, var: Path) -> None:
    console.rule("8. The ERP takes the orders in and answers with files")
    zone = var / "dropzone" / "demo"
    folders = ("--orders", zone / "orders", "--acks", zone / "acks", "--state", var / "erp")
    erp = await asyncio.create_subprocess_exec(
        sys.executable, EXAMPLES / "erp_importer.py", *map(str, folders), stdout=asyncio.subprocess.PIPE
    )
    said, _ = await erp.communicate()
    console.print(said.decode().rstrip(), soft_wrap=True, highlight=False)
    expect(erp.returncode, 0, "the exit of examples/erp_importer.py")
    for _ in range(DONE_WITHIN_S * 2):
        export = (await viewer.call("GET", f"/draft-orders/{draft_id}/exports", 200))["data"][0]
        if export["status"] != "SENT":
            break
        await asyncio.sleep(0.5)
    expect(export["status"], "ACKED", f"the export after the ERP's answer ({export['error']})")
    console.print(f"  the ERP's number of the order: [green]{export['erp_order_id']}[/green]")
    answer = (await viewer.call("GET", f"/exports/{export['id']}", 200))["acks"][0]
    expect(answer["outcome"], "ACKED", "what became of the ack file")


async def _show_audit(console: Console, viewer: Person, draft_id: str) -> None:
    console.rule("9. Who did what")
    rows = (await viewer.call("GET", f"/audit-log?entity_id={draft_id}&limit=100", 200))["data"]
    table = Table("#", "at", "action", "by", "via", title="Audit trail of the first draft, oldest first")
    for row in rows:
        who = row["actor_email"] or "the system"
        table.add_row(str(row["entity_seq"]), row["created_at"], row["action"], who, row["via"])
    console.print(table)
    actions = [row["action"] for row in rows]
    for action in (
        "DRAFT_CREATED",
        "DRAFT_VALIDATED",
        "DRAFT_APPROVED",
        "DRAFT_PUSHED",
        "EXPORT_SENT",
        "EXPORT_ACKED",
    ):
        expect(action in actions, True, f"{action} in the audit trail")
    expect(actions.count("DRAFT_PUSHED"), 1, "pushes in the audit trail")


async def _plain_draft(ops: Person, customer: str, number: str) -> str:
    line = {
        "internal_sku": "THR-2001",
        "description": "Sewing thread 120 navy 5000 m",
        "qty": "10",
        "uom": "PCE",
    }
    body: dict[str, Any] = {"customer_id": customer, "external_order_number": number, "currency": "EUR"}
    body["lines"] = [{"line_no": 1, **line, "unit_price": "3.5500"}]
    draft = await ops.call("POST", "/draft-orders", 201, json=body, headers=new_key())
    checked = await ops.call("POST", f"/draft-orders/{draft['id']}/validate", 200)
    expect(checked["status"], "READY", f"a draft without mistakes ({checked['issues']})")
    return str(draft["id"])
