"""Lines move by themselves when what they wait for appears, in every draft that waits and in no other."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest_asyncio
from sqlalchemy import text

from domain.notices import NoticeKind
from local.stack import Stack
from storage.database import Database
from storage.logos import create_logo
from storage.notices import add_notice
from tests.e2e.conftest import Body, People, Person
from tests.e2e.decorations import (
    NAVY,
    add_approver,
    customer_with_approver,
    decorated_order,
    decoration,
    line_in,
    line_path,
    lines_at,
    logo_of,
)

AWAITING, WORKING, NEEDS = "Awaiting Logo", "Color-Up In Progress", "Needs Approver"
SENT, REVISION = "Sent for Approval", "Revision In Progress"


@pytest_asyncio.fixture
async def database(stack: Stack) -> AsyncIterator[Database]:
    database = Database(stack.database_urls.app, pool_size=2)
    yield database
    await database.dispose()


async def needs_approver(ops: Person, customer: Body, logo: Body, color_up: Body) -> Body:
    draft = await decorated_order(ops, customer, decoration(logo))
    await lines_at(ops, draft, WORKING)
    await ops.json("POST", line_path(draft, 1, "color-up"), json={"color_up_id": color_up["id"]})
    await ops.json("POST", line_path(draft, 1, "submit"))
    return await lines_at(ops, draft, NEEDS)


async def test_an_activated_approver_moves_all_drafts_of_the_customer_and_no_other(
    ops: Person, people: People
) -> None:
    first, logo, color_up = await line_in(ops, NEEDS)
    customer = {"id": first["customer_id"]}
    second = await needs_approver(ops, customer, logo, color_up)
    bystander, _logo, _color_up = await line_in(ops, NEEDS)
    away = await add_approver_inactive(ops, customer)
    await lines_at(ops, first, NEEDS)
    await ops.json("PATCH", away, json={"active": True})
    for draft in (first, second):
        await lines_at(ops, draft, SENT)
    await lines_at(ops, bystander, NEEDS)
    other = await people("ops", "other")
    assert (await other.call("PATCH", away, json={"active": True})).status_code == 404


async def add_approver_inactive(ops: Person, customer: Body) -> str:
    body = {"name": "Jo", "email": f"jo-{uuid4().hex}@hansen.example", "active": False}
    made = await ops.json("POST", f"/customers/{customer['id']}/approvers", 201, json=body)
    return f"/customers/{customer['id']}/approvers/{made['id']}"


async def test_a_new_version_moves_the_lines_that_wait_for_a_revision_of_its_key(ops: Person) -> None:
    draft, _logo, color_up = await line_in(ops, REVISION)
    bystander, _logo, _color_up = await line_in(ops, REVISION)
    versions = f"/color-ups/{color_up['id']}/versions"
    second = await ops.json("POST", versions, 201, json={"thread_sequence": [NAVY]})
    moved = await lines_at(ops, draft, WORKING)
    assert moved["lines"][0]["color_up_id"] == second["id"]
    await lines_at(ops, bystander, REVISION)


async def test_a_logo_of_that_name_elsewhere_moves_nothing(ops: Person, people: People) -> None:
    file = uuid4().hex
    customer = await customer_with_approver(ops)
    draft = await decorated_order(ops, customer, decoration(netsuite_file_cabinet_id=file))
    await lines_at(ops, draft, AWAITING)
    stranger = await people("ops", "other")
    await logo_of(stranger, await customer_with_approver(stranger), netsuite_file_cabinet_id=file)
    await add_approver(ops, customer)
    mine = await logo_of(ops, customer, netsuite_file_cabinet_id=file)
    draft = await lines_at(ops, draft, WORKING)
    assert draft["lines"][0]["decoration"]["logo_id"] == mine["id"]


async def test_a_logo_whose_notice_nobody_started_is_told_by_the_relay(
    ops: Person, database: Database
) -> None:
    """As when the API process dies between the commit and the start."""
    file, logo_id, notice_id = uuid4().hex, uuid4(), uuid4()
    customer = await customer_with_approver(ops)
    draft = await decorated_order(ops, customer, decoration(netsuite_file_cabinet_id=file))
    await lines_at(ops, draft, AWAITING)
    org_id = UUID((await ops.json("GET", "/me"))["org"]["id"])
    values = {"customer_id": UUID(customer["id"]), "name": "Crest", "design_number": None}
    values |= {"netsuite_file_cabinet_id": file, "placement_default": None}
    at = datetime.now(UTC) - timedelta(minutes=1)
    async with database.transaction(org_id) as connection:
        await create_logo(connection, org_id, logo_id, values, at)
        await add_notice(connection, org_id, notice_id, NoticeKind.LOGO, logo_id, at)
    draft = await lines_at(ops, draft, WORKING)
    assert draft["lines"][0]["decoration"]["logo_id"] == str(logo_id)
    async with asyncio.timeout(20):
        while not await told(database, org_id, notice_id):
            await asyncio.sleep(0.05)


async def told(database: Database, org_id: UUID, notice_id: UUID) -> bool:
    query = text("SELECT told_at IS NOT NULL FROM line_notice WHERE id = :id")
    async with database.transaction(org_id) as connection:
        return bool((await connection.execute(query, {"id": notice_id})).scalar_one())
