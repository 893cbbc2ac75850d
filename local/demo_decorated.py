"""The demo's order with three decorated lines: from the CSV to the floor, and whom each line waits for.

A customer decides by the link in a mail, and by telephone; production gets a trim sheet.
"""

import asyncio
import json
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from local.demo_client import DONE_WITHIN_S, Person, expect, files_of, new_key, sent
from local.demo_customer import approve_by_mail
from local.seed import EXAMPLES
from local.stack import Stack

CREST, LETTERING = "FC-20931", "FC-20932"
NAVY = {"stop": 1, "needle": 1, "thread_code": "1966", "thread_name": "Navy", "brand": "Madeira"}
GOLD = {"stop": 2, "needle": 2, "thread_code": "1924", "thread_name": "Gold", "brand": "Madeira"}
CAP_GOLD = {**GOLD, "stop": 1, "needle": 1}
OLD_GOLD = {**CAP_GOLD, "thread_code": "1670", "thread_name": "Old gold"}
PENDING, READY = "Pending Production Approval", "Production Ready"
WORKING, SENT = "Color-Up In Progress", "Sent for Approval"


async def decorated_order(
    console: Console, people: dict[str, Person], customer: str, run: str, stack: Stack
) -> None:
    """
    Raises:
        DemoFailed: at the first thing that is not as it must be.
    """
    console.rule("7. Three decorated lines: the customer and production sign too")
    ops = people["ops"]
    jo = {"name": "Jo Muster", "email": f"jo-{run}@muster.example", "is_primary": True}
    await ops.call("POST", f"/customers/{customer}/approvers", 201, json=jo, headers=new_key())
    crest = await _logo(ops, customer, "Crest", f"{CREST}-{run}")
    await _design(console, ops, crest)
    known = await _color_up(ops, crest, "14728", "BLK", [NAVY, GOLD])
    await _decide(ops, known, "approve", "Approved on paper with the last order")
    draft_id = await _import(ops, run)
    path = f"/draft-orders/{draft_id}"
    draft = await _lines(ops, draft_id, PENDING, WORKING, "Awaiting Logo")
    _show(console, draft, "Line 1 was approved before, line 3 waits for a file that nobody knows yet")

    lettering = await _logo(ops, customer, "Lettering", f"{LETTERING}-{run}")
    await _lines(ops, draft_id, PENDING, WORKING, WORKING)
    navy = await _color_up(ops, crest, "14728", "NVY", [NAVY, GOLD])
    cap = await _color_up(ops, lettering, "60100", "BLK", [CAP_GOLD])
    for line_no, color_up in ((2, navy), (3, cap)):
        await ops.call("POST", f"{path}/lines/{line_no}/color-up", 200, json={"color_up_id": color_up["id"]})
        await ops.call("POST", f"{path}/lines/{line_no}/submit", 200)
    draft = await _lines(ops, draft_id, PENDING, SENT, SENT)
    _show(console, draft, "The logo appeared, line 3 found it; both new color-ups are with the customer")

    checked = await ops.call("POST", f"{path}/validate", 200)
    expect(checked["status"], "READY", f"the decorated order after validation ({checked['issues']})")
    await people["ops2"].call("POST", f"{path}/approve", 200)
    held = await ops.call("POST", f"{path}/push", 409, headers=new_key())
    console.print(f"  held back: [yellow]{held['detail']}[/yellow]")
    expect([line["line_no"] for line in held["held_by"]], [2, 3, 1], "the lines that hold the push")
    await approve_by_mail(
        console,
        stack.base_url,
        stack.var / "mail",
        recipient=str(jo["email"]),
        about="NVY",
        who=str(jo["name"]),
        comment="As on the black one",
    )
    await _decide(ops, cap, "request_changes", "Jo wants old gold instead of gold")
    draft = await _lines(ops, draft_id, PENDING, PENDING, "Revision In Progress")
    _show(console, draft, "Jo has decided: one approved on the page, one sent back by telephone")

    versions = f"/color-ups/{cap['id']}/versions"
    second = await ops.call("POST", versions, 201, json={"thread_sequence": [OLD_GOLD]}, headers=new_key())
    await _lines(ops, draft_id, PENDING, PENDING, WORKING)
    await ops.call("POST", f"{path}/lines/3/submit", 200)
    await _decide(ops, second, "approve", "Jo approves version 2 on the phone")
    await _lines(ops, draft_id, PENDING, PENDING, PENDING)
    await _production(console, people, draft_id, stack)


async def _production(console: Console, people: dict[str, Person], draft_id: str, stack: Stack) -> None:
    orders = stack.var / "dropzone" / "demo" / "orders"
    ops, paul, path = people["ops"], people["production"], f"/draft-orders/{draft_id}"
    await ops.call("POST", f"{path}/push", 409, headers=new_key())
    expect(files_of(orders, draft_id), [], "files of an order that production has not approved")
    await paul.call("POST", f"{path}/production-approve", 200, json={"note": "Threads are here"})
    draft = await _lines(ops, draft_id, READY, READY, READY)
    _show(console, draft, f"Production has signed: {draft['line_summary']}")
    await _batches(console, paul, draft_id, stack.var)
    change = {"decoration": {**draft["lines"][0]["decoration"], "placement": "Right Chest"}}
    would = await ops.call("PATCH", f"{path}/lines/1?preview=true", 200, json=change)
    console.print(
        f"  moving the crest now would take back: [yellow]{json.dumps(would['reopened'])}[/yellow]",
        soft_wrap=True,
    )
    expect((await ops.call("GET", path, 200))["version"], draft["version"], "the draft after the preview")
    await ops.call("POST", f"{path}/push", 200, 202, headers=new_key())
    await sent(ops, draft_id)
    (file,) = files_of(orders, draft_id)
    document = json.loads(file.read_text())
    console.print(f"\n  {file.name}: line 3, as the ERP gets it", soft_wrap=True)
    console.print_json(json.dumps(document["lines"][2]["decoration"]))
    found = [
        (line["decoration"]["logo"], line["decoration"]["color_up_version"]) for line in document["lines"]
    ]
    expect(
        found, [("Crest", 1), ("Crest", 1), ("Lettering", 2)], "logos and color-up versions in the document"
    )
    expect(document["lines"][2]["decoration"]["thread_sequence"], [OLD_GOLD], "threads in the document")
    for to in ("In Production", "Complete"):
        await paul.call("POST", f"{path}/lines/1/floor", 200, json={"to": to})
    draft = await _lines(ops, draft_id, "Complete", READY, READY)
    table = Table("from", "to", "by proxy", "note", title="How line 3 came where it is")
    for move in draft["lines"][2]["status_history"]:
        proxy = "yes" if move["team_proxy"] else ""
        table.add_row(move["from"] or "", move["to"], proxy, move["note"] or "")
    console.print(table)


async def _design(console: Console, ops: Person, logo: dict[str, Any]) -> None:
    kind = {"Content-Type": "application/octet-stream"}
    content = (EXAMPLES / "crest.dst").read_bytes()
    path = f"/logos/{logo['id']}/design?file_name=crest.dst"
    design = (await ops.call("POST", path, 200, content=content, headers=kind))["design"]
    size = f"{design['width_mm']:.0f} × {design['height_mm']:.0f} mm"
    console.print(f"  crest.dst: {design['stitches']:,} stitches, {design['stops']} threads, {size}")


async def _batches(console: Console, paul: Person, draft_id: str, var: Path) -> None:
    """Two garments with one logo, place and threads are one run of the machine, on one trim sheet."""
    found = (await paul.call("GET", "/production/batches?limit=200", 200))["data"]
    mine = [one for one in found if draft_id in {line["draft_order_id"] for line in one["lines"]}]
    table = Table("logo", "placement", "threads", "lines", "units", title="What the floor may sew in one go")
    for one in mine:
        threads = ", ".join(stop["thread_name"] for stop in one["thread_sequence"])
        lines = ", ".join(str(line["line_no"]) for line in one["lines"])
        table.add_row(one["logo"]["name"], one["placement"], threads, lines, str(one["total_units"]))
    console.print(table)
    units = {one["logo"]["name"]: one["total_units"] for one in mine}
    expect(units, {"Crest": 42, "Lettering": 40}, "units of this order by batch")
    key = next(one["key"] for one in mine if one["logo"]["name"] == "Crest")
    pdf = await paul.download(f"/production/batches/{key}/trim-sheet.pdf")
    expect(pdf[:5], b"%PDF-", "the beginning of the trim sheet")
    file = var / f"trim-sheet-{key[:8]}.pdf"
    file.write_bytes(pdf)
    console.print(f"  the trim sheet of the crest's batch: {file}", soft_wrap=True)


async def _import(ops: Person, run: str) -> str:
    order = (EXAMPLES / "decorated_order.csv").read_text()
    for name in ("PO-2026-0421", CREST, LETTERING):
        order = order.replace(name, f"{name}-{run}")
    csv = {"Content-Type": "text/csv"}
    report = await ops.call("POST", "/imports/draft-orders", 200, content=order, headers=csv)
    expect((report["errors"], report["created"]), ([], 1), "the import of decorated_order.csv")
    found = (await ops.call("GET", f"/draft-orders?q=PO-2026-0421-{run}", 200))["data"]
    return str(found[0]["id"])


async def _logo(ops: Person, customer: str, name: str, file: str) -> dict[str, Any]:
    body = {"customer_id": customer, "name": name, "netsuite_file_cabinet_id": file}
    body["design_number"] = f"DST-{name.upper()}"
    made: dict[str, Any] = await ops.call("POST", "/logos", 201, json=body, headers=new_key())
    return made


async def _color_up(
    ops: Person, logo: dict[str, Any], style: str, color: str, threads: list[dict[str, Any]]
) -> dict[str, Any]:
    body = {"logo_id": logo["id"], "style_number": style, "color_code": color, "thread_sequence": threads}
    made: dict[str, Any] = await ops.call("POST", "/color-ups", 201, json=body, headers=new_key())
    return made


async def _decide(ops: Person, color_up: dict[str, Any], decision: str, note: str) -> None:
    body = {"decision": decision, "note": note}
    await ops.call("POST", f"/color-ups/{color_up['id']}/decision", 200, json=body, headers=new_key())


async def _lines(ops: Person, draft_id: str, *statuses: str) -> dict[str, Any]:
    """The draft, once its lines have come there; what moves them may take a moment."""
    for _ in range(DONE_WITHIN_S * 4):
        draft: dict[str, Any] = await ops.call("GET", f"/draft-orders/{draft_id}", 200, quiet=True)
        found = [line["status"] for line in draft["lines"]]
        if found == list(statuses):
            break
        await asyncio.sleep(0.25)
    expect(found, list(statuses), "the statuses of the lines")
    return draft


def _show(console: Console, draft: dict[str, Any], title: str) -> None:
    table = Table("line", "what", "status", "waits", title=title)
    for line in draft["lines"]:
        table.add_row(str(line["line_no"]), line["description"], line["status"], line["waiting"] or "")
    console.print(table)
