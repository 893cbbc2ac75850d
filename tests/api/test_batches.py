"""`GET /production/batches`: what may be sewn now, by whom it may be read, page by page."""

from typing import Any

import httpx
import pytest

from domain.statuses import DraftStatus, LineStatus, Role
from storage.database import Database
from tests.api.conftest import ClientFor, TestOrg
from tests.api.floor_ground import approve, decorated, make_order
from tests.api.test_color_ups import make_color_up, make_logo

BATCHES = "/production/batches"


@pytest.fixture
def floor_client(client_for: ClientFor, fresh_org: TestOrg) -> httpx.AsyncClient:
    return client_for(Role.PRODUCTION, fresh_org)


async def approved(
    client_for: ClientFor, database: Database, org: TestOrg, **fields: Any
) -> tuple[dict[str, Any], str]:
    """A color-up that is Approved, and its customer."""
    logo = await make_logo(client_for, org) if "logo" not in fields else fields.pop("logo")
    color_up = await make_color_up(client_for, org, logo_id=logo["id"], **fields)
    await approve(database, org, color_up)
    return color_up, logo["customer_id"]


async def test_lines_of_two_orders_on_two_styles_are_one_batch(
    client_for: ClientFor, database: Database, fresh_org: TestOrg, floor_client: httpx.AsyncClient
) -> None:
    logo = await make_logo(client_for, fresh_org, design_number="HS-1")
    one, customer = await approved(client_for, database, fresh_org, logo=logo)
    other, _ = await approved(client_for, database, fresh_org, logo=logo, style_number="99")
    await make_order(database, fresh_org, customer, [decorated(other, minutes=5)], number="D-000002")
    first = await make_order(
        database, fresh_org, customer, [decorated(one, size_quantities={"XL": 3, "S": 1})]
    )

    page = (await floor_client.get(BATCHES)).json()
    (batch,) = page["data"]
    assert (batch["customer"]["id"], batch["logo"]["design_number"]) == (customer, "HS-1")
    assert [(line["number"], line["line_no"], line["units"]) for line in batch["lines"]] == [
        ("D-000001", 1, 4),
        ("D-000002", 1, 24),
    ]
    assert batch["total_units"] == 28
    line = batch["lines"][0]
    assert (line["draft_order_id"], line["external_order_number"]) == (str(first), "PO-12345")
    assert (line["requested_delivery_date"], line["color_up_id"]) == ("2026-12-01", one["id"])
    assert list(line["size_quantities"]) == ["S", "XL"]
    assert batch["thread_sequence"] == one["thread_sequence"]
    assert (page["left_out"], page["left_out_total"], page["next_cursor"]) == ([], 0, None)


async def test_only_production_ready_lines_of_drafts_that_are_not_rejected_count(
    client_for: ClientFor, database: Database, fresh_org: TestOrg, floor_client: httpx.AsyncClient
) -> None:
    color_up, customer = await approved(client_for, database, fresh_org)
    for status in LineStatus:
        line = decorated(color_up, status=status)
        await make_order(database, fresh_org, customer, [line], number=f"D-{status}")
    for draft_status in DraftStatus:
        lines = [decorated(color_up)]
        await make_order(
            database, fresh_org, customer, lines, number=f"D-{draft_status}", status=draft_status
        )
    (batch,) = (await floor_client.get(BATCHES)).json()["data"]
    expected = {f"D-{each}" for each in DraftStatus if each is not DraftStatus.REJECTED}
    assert {line["number"] for line in batch["lines"]} == expected | {"D-Production Ready"}


async def test_a_line_whose_version_was_retired_is_left_out_with_the_reason(
    client_for: ClientFor, database: Database, fresh_org: TestOrg, floor_client: httpx.AsyncClient
) -> None:
    color_up, customer = await approved(client_for, database, fresh_org)
    await make_order(database, fresh_org, customer, [decorated(color_up), decorated(None)])
    await approve(database, fresh_org, color_up, "Retired")
    page = (await floor_client.get(BATCHES)).json()
    assert page["data"] == []
    assert [(each["number"], each["line_no"]) for each in page["left_out"]] == [
        ("D-000001", 1),
        ("D-000001", 2),
    ]
    assert "is Retired, not Approved; send it back with production-reject" in page["left_out"][0]["reason"]
    assert page["left_out_total"] == 2


async def test_filters_leave_one_customer_or_one_logo_also_among_those_left_out(
    client_for: ClientFor, database: Database, fresh_org: TestOrg, floor_client: httpx.AsyncClient
) -> None:
    known = [await approved(client_for, database, fresh_org) for _ in range(2)]
    for color_up, customer in known:
        retired = await make_color_up(client_for, fresh_org, logo_id=color_up["logo_id"], style_number="2")
        await make_order(database, fresh_org, customer, [decorated(color_up), decorated(retired)])
    assert len((await floor_client.get(BATCHES)).json()["data"]) == 2
    color_up, customer = known[0]
    for query in ({"customer_id": customer}, {"logo_id": color_up["logo_id"]}):
        page = (await floor_client.get(BATCHES, params=query)).json()
        assert [batch["logo"]["id"] for batch in page["data"]] == [color_up["logo_id"]]
        assert page["left_out_total"] == 1


async def test_pages_come_longest_waiting_first_and_hold_each_batch_once(
    client_for: ClientFor, database: Database, fresh_org: TestOrg, floor_client: httpx.AsyncClient
) -> None:
    color_up, customer = await approved(client_for, database, fresh_org)
    places = [f"Place {n}" for n in range(5)]
    lines = [decorated(color_up, placement=place, minutes=9 - n // 2) for n, place in enumerate(places)]
    await make_order(database, fresh_org, customer, lines)
    everything = (await floor_client.get(BATCHES)).json()["data"]
    found: list[dict[str, Any]] = []
    cursor = None
    while cursor is not None or not found:
        query = {"limit": 2, **({"cursor": cursor} if cursor else {})}
        page = (await floor_client.get(BATCHES, params=query)).json()
        found += page["data"]
        cursor = page["next_cursor"]
    assert found == everything
    assert [batch["waiting_since"] for batch in found] == sorted(batch["waiting_since"] for batch in found)
    assert {batch["placement"] for batch in found} == set(places)
    bad = await floor_client.get(BATCHES, params={"cursor": "eyJ9"})
    assert bad.status_code == 422


async def test_another_org_sees_nothing_of_it(
    client_for: ClientFor, database: Database, fresh_org: TestOrg
) -> None:
    color_up, customer = await approved(client_for, database, fresh_org)
    await make_order(database, fresh_org, customer, [decorated(color_up)])
    mine = (await client_for(Role.ADMIN, fresh_org).get(BATCHES)).json()
    assert len(mine["data"]) == 1
    theirs = await client_for(Role.PRODUCTION, "other").get(BATCHES, params={"customer_id": customer})
    assert theirs.json()["data"] == []
