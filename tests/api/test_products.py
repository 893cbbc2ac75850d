import asyncio
from typing import Any
from urllib.parse import quote
from uuid import uuid4, uuid5

import pytest
from sqlalchemy import text

from domain.statuses import Role
from storage.database import Database
from tests.api.conftest import AuditOf, ClientFor, TestOrg

CONTENT = {"name": "Polo", "base_uom": "PCE"}


def sku() -> str:
    return f"INT-{uuid4().hex}"


async def test_a_created_product_can_be_read_by_anyone_and_is_in_the_trail(
    client_for: ClientFor, orgs: dict[str, TestOrg], audit_of: AuditOf
) -> None:
    sent = {**CONTENT, "internal_sku": sku(), "uom_conversions": {"KAR": 12, "PAL": "0.5"}, "price": 1.230}
    made = await client_for(Role.OPS).post("/products", json=sent)
    assert made.status_code == 201
    expected = {**sent, "uom_conversions": {"KAR": "12", "PAL": "0.5"}, "active": True, "price": "1.23"}
    assert expected.items() <= made.json().items()
    read = await client_for(Role.VIEWER).get(made.headers["location"])
    assert read.json() == made.json()
    assert read.headers["etag"] == made.headers["etag"] == '"1"'
    trail = await audit_of(orgs["demo"], uuid5(orgs["demo"].id, str(sent["internal_sku"])))
    assert [(row["action"], row["after"]) for row in trail] == [("PRODUCT_CREATED", expected)]
    again = await client_for(Role.OPS).post("/products", json=sent)
    assert again.status_code == 409
    assert (await client_for(Role.OPS, "other").post("/products", json=sent)).status_code == 201


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": None},
        {"name": "a\x00"},
        {"base_uom": ""},
        {"base_uom": None},
        {"active": None},
        {"price": "NaN"},
        {"price": -1},
        {"price": "1e400"},
        {"price": 10**12},
        {"uom_conversions": {"KAR": 0}},
        {"uom_conversions": {"KAR": -1}},
        {"uom_conversions": {"KAR": "NaN"}},
        {"uom_conversions": {"KAR": "Infinity"}},
        {"uom_conversions": {"KAR": "a lot"}},
        {"uom_conversions": {"KAR": True}},
        {"uom_conversions": {"KAR": None}},
        {"uom_conversions": {"K\x00": 1}},
        {"uom_conversions": {"": 1}},
        {"uom_conversions": {str(number): 1 for number in range(51)}},
        {"uom_conversions": []},
        {"uom_conversions": None},
        {"version": 1},
    ],
)
async def test_a_product_that_does_not_fit_is_refused(client_for: ClientFor, wrong: dict[str, Any]) -> None:
    ops = client_for(Role.OPS)
    name = sku()
    assert (await ops.post("/products", json={**CONTENT, "internal_sku": name, **wrong})).status_code == 422
    assert (await ops.put(f"/products/{name}", json={**CONTENT, **wrong})).status_code == 422
    assert (await ops.get(f"/products/{name}")).status_code == 404


@pytest.mark.parametrize(
    "body", ['{"price": NaN}', '{"price": 1e999999999}', '{"price": ' + "9" * 5000 + "}"]
)
async def test_a_number_that_is_none_is_refused(client_for: ClientFor, body: str) -> None:
    headers = {"Content-Type": "application/json"}
    answer = await client_for(Role.OPS).put(f"/products/{sku()}", content=body, headers=headers)
    assert answer.status_code == 422


async def test_put_creates_then_replaces(
    client_for: ClientFor, orgs: dict[str, TestOrg], audit_of: AuditOf
) -> None:
    name = sku()
    ops = client_for(Role.OPS)
    made = await ops.put(
        f"/products/{name}", json={**CONTENT, "uom_conversions": {"KAR": "12"}, "price": "2"}
    )
    assert (made.status_code, made.headers["location"]) == (201, f"/products/{name}")
    replaced = await ops.put(f"/products/{name}", json={**CONTENT, "name": "New", "internal_sku": name})
    assert replaced.status_code == 200
    assert (replaced.json()["name"], replaced.json()["uom_conversions"]) == ("New", {})
    assert replaced.json()["price"] is None
    assert replaced.headers["etag"] == '"2"'
    assert (await ops.get(f"/products/{name}")).json() == replaced.json()
    trail = await audit_of(orgs["demo"], uuid5(orgs["demo"].id, name))
    assert [row["action"] for row in trail] == ["PRODUCT_CREATED", "PRODUCT_UPDATED"]
    assert trail[1]["before"]["name"] == "Polo"


async def test_put_honours_if_match(client_for: ClientFor) -> None:
    address = f"/products/{sku()}"
    ops = client_for(Role.OPS)
    current = {"If-Match": '"1"'}
    assert (await ops.put(address, json=CONTENT, headers=current)).status_code == 412
    assert (await ops.get(address)).status_code == 404
    await ops.put(address, json=CONTENT)
    assert (await ops.put(address, json=CONTENT, headers=current)).status_code == 200
    assert (await ops.put(address, json=CONTENT, headers=current)).status_code == 412


async def test_put_refuses_another_sku_in_the_body(client_for: ClientFor) -> None:
    body = {**CONTENT, "internal_sku": "B"}
    assert (await client_for(Role.OPS).put(f"/products/{sku()}", json=body)).status_code == 422


async def test_puts_of_a_new_sku_at_once_make_one_product(client_for: ClientFor) -> None:
    ops = client_for(Role.OPS)
    address = f"/products/{sku()}"
    answers = await asyncio.gather(*(ops.put(address, json=CONTENT) for _ in range(6)))
    assert sorted(answer.status_code for answer in answers) == [200] * 5 + [201]
    assert (await ops.get(address)).json()["version"] == 6


@pytest.mark.parametrize("odd", ["A/B", "A B", "Ä%2F", "a?b#c", "..a", "=1+1", "a/approvers", "ß'\";--"])
async def test_an_odd_sku_has_an_address(client_for: ClientFor, odd: str) -> None:
    name = f"{odd}{uuid4().hex}"
    ops = client_for(Role.OPS)
    made = await ops.put(f"/products/{quote(name, safe='')}", json=CONTENT)
    assert made.status_code == 201
    read = await ops.get(made.headers["location"])
    assert read.json()["internal_sku"] == name


@pytest.mark.parametrize("bad", ["%00", "a%00b", "%0A", "%1B", "", "x" * 101])
async def test_a_sku_that_cannot_be_one_is_refused(client_for: ClientFor, bad: str) -> None:
    ops = client_for(Role.OPS)
    assert (await ops.get(f"/products/{bad}")).status_code == 422
    assert (await ops.put(f"/products/{bad}", json=CONTENT)).status_code == 422


async def test_another_orgs_product_is_not_there(
    client_for: ClientFor, database: Database, orgs: dict[str, TestOrg]
) -> None:
    address = f"/products/{sku()}"
    await client_for(Role.OPS).put(address, json=CONTENT)
    stranger = client_for(Role.OPS, "other")
    assert (await stranger.get(address)).status_code == 404
    assert (await stranger.put(address, json={**CONTENT, "name": "Theirs"})).status_code == 201
    assert (await client_for(Role.OPS).get(address)).json()["name"] == "Polo"
    async with database.transaction(orgs["other"].id) as connection:
        seen = set((await connection.execute(text("SELECT org_id FROM product"))).scalars())
    assert seen == {orgs["other"].id}


async def test_the_list_is_newest_first_and_pages_do_not_overlap(
    client_for: ClientFor, fresh_org: TestOrg
) -> None:
    ops = client_for(Role.OPS, fresh_org)
    await ops.put("/products/OLD", json=CONTENT)
    rows = "".join(f"S-{number},Polo,PCE\n" for number in range(5))
    headers = {"Content-Type": "text/csv"}
    await ops.post("/imports/products", content=f"internal_sku,name,base_uom\n{rows}", headers=headers)
    await ops.put("/products/NEW", json=CONTENT)
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        params = {"limit": "2", **({"cursor": cursor} if cursor else {})}
        page = (await ops.get("/products", params=params)).json()
        seen += [product["internal_sku"] for product in page["data"]]
        cursor = page["next_cursor"]
    assert seen == ["NEW", "S-0", "S-1", "S-2", "S-3", "S-4", "OLD"]
    found = (await ops.get("/products", params={"q": "s-3"})).json()["data"]
    assert [product["internal_sku"] for product in found] == ["S-3"]


async def test_the_same_key_gives_the_same_answer(client_for: ClientFor) -> None:
    ops = client_for(Role.OPS)
    body = {**CONTENT, "internal_sku": sku()}
    headers = {"Idempotency-Key": sku()}
    first = await ops.post("/products", json=body, headers=headers)
    again = await ops.post("/products", json=body, headers=headers)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
