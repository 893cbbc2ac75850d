"""The customer's way, with real parts: an imported order, a mail, the page, a button, and everyone knows."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
import pytest_asyncio
from temporalio.client import Client

from domain.notices import NoticeKind
from local.stack import Stack
from storage import proof_sheets
from storage.database import Database
from storage.notices import add_notice
from tests.e2e.conftest import Body, Person, good_line
from tests.e2e.decorations import (
    STYLE,
    add_approver,
    color_up_of,
    customer_with_approver,
    line_path,
    lines_at,
    logo_of,
)
from tests.e2e.letterbox import Letterbox

WORKING, SENT, REVISION = "Color-Up In Progress", "Sent for Approval", "Revision In Progress"
PENDING = "Pending Production Approval"
HIDDEN = re.compile(r'name="(sheet|csrf)" value="([0-9a-f]+)"')


@pytest.fixture
def letters(stack: Stack) -> Letterbox:
    return Letterbox(stack.var / "mail")


@pytest_asyncio.fixture
async def browser(stack: Stack) -> AsyncIterator[httpx.AsyncClient]:
    """The customer's: no log-in, asks for pages."""
    headers = {"Accept": "text/html,application/xhtml+xml", "Accept-Language": "en"}
    async with httpx.AsyncClient(base_url=stack.base_url, headers=headers, timeout=30) as client:
        yield client


async def imported(ops: Person, customer: Body, cabinet: str) -> Body:
    """A draft with one decorated line, as its CSV has it."""
    line, order = await good_line(ops), f"PO-{uuid4().hex[:10]}"
    head = "external_order_number,erp_customer_number,currency,internal_sku,qty,uom,unit_price,"
    head += "netsuite_file_cabinet_id,style_number,color_code,placement,size_quantities_json\n"
    row = f"{order},{customer['erp_customer_number']},EUR,{line['internal_sku']},10,{line['uom']},1.00,"
    row += f'{cabinet},{STYLE},BLK,Left Chest,"{{""M"": 10}}"\n'
    csv = {"Content-Type": "text/csv"}
    answer = await ops.json("POST", "/imports/draft-orders", content=head + row, headers=csv)
    assert (answer["created"], answer["errors"]) == (1, [])
    (found,) = (await ops.json("GET", "/draft-orders", params={"q": order}))["data"]
    return found


async def sent_proof(ops: Person) -> tuple[Body, Body, Body]:
    """A draft whose line was sent for approval, its color-up, and the approver."""
    customer = await customer_with_approver(ops, approver=False)
    approver = await add_approver(ops, customer)
    cabinet = f"FC-{uuid4().hex[:8]}"
    logo = await logo_of(ops, customer, netsuite_file_cabinet_id=cabinet)
    color_up = await color_up_of(ops, logo)
    draft = await imported(ops, customer, cabinet)
    await lines_at(ops, draft, WORKING)
    await ops.json("POST", line_path(draft, 1, "color-up"), json={"color_up_id": color_up["id"]})
    await ops.json("POST", line_path(draft, 1, "submit"))
    return await lines_at(ops, draft, SENT), color_up, approver


async def form_of(browser: httpx.AsyncClient, path: str) -> dict[str, Any]:
    page = await browser.get(path)
    assert page.status_code == 200, page.text
    return dict(HIDDEN.findall(page.text))


async def trail_of(ops: Person, color_up: Body) -> list[Body]:
    rows: list[Body] = (await ops.json("GET", "/audit-log", params={"entity_id": color_up["id"]}))["data"]
    return rows


@pytest.mark.parametrize(
    ("decision", "comment", "action", "to"),
    [
        ("approve", "", "PROOF_APPROVED", PENDING),
        ("request_changes", "The rim in gold, please", "PROOF_CHANGES_REQUESTED", REVISION),
    ],
)
async def test_the_customer_decides_by_the_link_in_the_mail(
    ops: Person,
    browser: httpx.AsyncClient,
    letters: Letterbox,
    decision: str,
    comment: str,
    action: str,
    to: str,
) -> None:
    draft, color_up, approver = await sent_proof(ops)
    path = await letters.link(approver["email"])
    for method in ("GET", "HEAD", "GET"):  # a mail scanner
        assert (await browser.request(method, path)).status_code == 200
    (line,) = (await lines_at(ops, draft, SENT))["lines"]
    assert line["waiting"].startswith("Waits for Jo Hansen's decision since 2")
    assert [row["action"] for row in await trail_of(ops, color_up)] == ["COLOR_UP_CREATED", "PROOF_SENT"]

    form = {**await form_of(browser, path), "approver_id": approver["id"]}
    form |= {"decision": decision, "comment": comment}
    decided = await browser.post(f"{path}/decision", data=form)
    assert decided.status_code == 200, decided.text
    assert "Your decision is recorded" in decided.text

    draft = await lines_at(ops, draft, to)
    last = draft["lines"][0]["status_history"][-1]
    assert (last["actor_user_id"], last["team_proxy"]) == (None, False)
    if comment:
        assert last["note"] == comment
    mailed, decided_row = (await trail_of(ops, color_up))[1:]
    assert (mailed["action"], mailed["details"]["recipient"]) == ("PROOF_SENT", approver["email"])
    assert (decided_row["action"], decided_row["via"]) == (action, "customer")
    assert decided_row["details"]["by_approver_id"] == approver["id"]
    assert decided_row["details"]["team_proxy"] is False
    assert decided_row["details"]["sheet_sha256"] == form["sheet"]
    (message,) = (await ops.json("GET", "/messages", params={"draft_order_id": draft["id"]}))["data"]
    assert (message["kind"], message["recipient"]) == ("proof", approver["email"])
    assert (message["outcome"], message["attempts"]) == ("SENT", 1)
    assert len(letters.mails(approver["email"])) == 1


async def test_an_approver_who_is_added_while_a_proof_waits_gets_the_mail(
    ops: Person, browser: httpx.AsyncClient, letters: Letterbox
) -> None:
    draft, _color_up, first = await sent_proof(ops)
    await letters.mail(first["email"])
    late = await add_approver(ops, {"id": draft["customer_id"]})
    path = await letters.link(late["email"])
    assert (await browser.get(path)).status_code == 200
    assert len(letters.mails(first["email"])) == 1


async def test_an_approver_who_is_added_while_all_lines_are_at_phone_call_gets_the_mail(
    ops: Person, browser: httpx.AsyncClient, letters: Letterbox, stack: Stack
) -> None:
    draft, color_up, first = await sent_proof(ops)
    await letters.mail(first["email"])
    handle = (await Client.connect(stack.temporal_address)).get_workflow_handle(draft["workflow"]["id"])
    await handle.signal("phone_call", {"color_up_id": color_up["id"]})
    await lines_at(ops, draft, "Phone Call")
    late = await add_approver(ops, {"id": draft["customer_id"]})
    path = await letters.link(late["email"])
    assert len(letters.mails(first["email"])) == 1
    await lines_at(ops, draft, "Phone Call")
    form = {**await form_of(browser, path), "approver_id": late["id"], "decision": "approve", "comment": ""}
    assert (await browser.post(f"{path}/decision", data=form)).status_code == 200
    await lines_at(ops, draft, PENDING)


async def test_a_proof_that_is_sent_again_comes_with_a_new_link_and_ends_the_old_one(
    ops: Person, browser: httpx.AsyncClient, letters: Letterbox
) -> None:
    _draft, color_up, approver = await sent_proof(ops)
    old = await letters.link(approver["email"])
    again = await ops.json("POST", f"/color-ups/{color_up['id']}/resend")
    assert (again["mailing"], again["links_revoked"]) == (2, 1)
    new = await letters.link(approver["email"], count=2)
    assert [(await browser.get(path)).status_code for path in (old, new)] == [410, 200]


async def test_a_resend_whose_api_died_before_it_told_anybody_is_mailed_by_the_relay(
    ops: Person, letters: Letterbox, stack: Stack
) -> None:
    """Its rows as the dead process left them: mailing counted, notice written, nothing started."""
    _draft, color_up, approver = await sent_proof(ops)
    await letters.link(approver["email"])
    org_id, color_up_id = UUID((await ops.json("GET", "/me"))["org"]["id"]), UUID(color_up["id"])
    at = datetime.now(UTC) - timedelta(minutes=1)
    database = Database(stack.database_urls.app, pool_size=1)
    async with database.transaction(org_id) as connection:
        await proof_sheets.next_mailing(connection, org_id, color_up_id)
        await add_notice(connection, org_id, uuid4(), NoticeKind.PROOF_RESENT, color_up_id, at)
    await database.dispose()
    await letters.link(approver["email"], count=2)


async def test_a_draft_says_whom_it_waits_for(ops: Person, letters: Letterbox) -> None:
    draft, _color_up, approver = await sent_proof(ops)
    await letters.mail(approver["email"])
    await ops.json("POST", f"/draft-orders/{draft['id']}/validate")
    await ops.json("POST", f"/draft-orders/{draft['id']}/approve")
    now = await ops.json("GET", f"/draft-orders/{draft['id']}")
    assert now["waiting_for"] == "customer_approval"
    assert now["waiting_message"].startswith("Waiting for Jo Hansen's decision since 2")
    assert now["waiting_message"].endswith("Z")
