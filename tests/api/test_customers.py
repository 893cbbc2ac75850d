import asyncio
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from domain.statuses import Role
from storage.database import Database
from tests.api.conftest import AuditOf, ClientFor, TestOrg

DEFAULTS = {
    "erp_customer_number": None,
    "default_currency": None,
    "time_zone": "UTC",
    "language": "en",
    "internal_review_default": False,
    "reminder_days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"],
    "holidays": [],
}


def number() -> str:
    return f"C-{uuid4().hex}"


async def make_customer(client_for: ClientFor, org: str | TestOrg = "demo", **fields: Any) -> dict[str, Any]:
    made = await client_for(Role.OPS, org).post("/customers", json={"name": "Hansen", **fields})
    assert made.status_code == 201, made.text
    customer: dict[str, Any] = made.json()
    return customer


async def test_a_created_customer_can_be_read_by_anyone_and_is_in_the_trail(
    client_for: ClientFor, orgs: dict[str, TestOrg], audit_of: AuditOf
) -> None:
    sent = {
        "name": "Hansen Golf",
        "erp_customer_number": number(),
        "default_currency": "EUR",
        "time_zone": "Europe/Berlin",
        "language": "de",
        "internal_review_default": True,
        "reminder_days": ["mon", "tue"],
        "holidays": ["2026-12-25", "2027-01-01"],
    }
    made = await client_for(Role.OPS).post("/customers", json=sent)
    assert made.status_code == 201
    assert sent.items() <= made.json().items()
    assert made.json()["created_at"].endswith("Z")
    read = await client_for(Role.VIEWER).get(made.headers["location"])
    assert read.json() == made.json()
    assert read.headers["etag"] == made.headers["etag"] == '"1"'
    trail = await audit_of(orgs["demo"], made.json()["id"])
    assert [(row["action"], row["entity_type"], row["after"]) for row in trail] == [
        ("CUSTOMER_CREATED", "customer", sent)
    ]
    assert trail[0]["actor_user_id"] == orgs["demo"].users[Role.OPS]
    assert trail[0]["request_id"] == made.headers["x-request-id"]


async def test_only_the_name_is_needed(client_for: ClientFor) -> None:
    assert DEFAULTS.items() <= (await make_customer(client_for)).items()


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": None},
        {"name": " "},
        {"name": "x" * 201},
        {"name": "a\x00"},
        {"erp_customer_number": "a\x00"},
        {"erp_customer_number": ""},
        {"default_currency": "EURO"},
        {"default_currency": "XYZ"},
        {"default_currency": "eur"},
        {"time_zone": "Mars/Olympus"},
        {"time_zone": "../../etc/passwd"},
        {"time_zone": "europe/berlin"},
        {"time_zone": ""},
        {"time_zone": None},
        {"internal_review_default": "perhaps"},
        {"reminder_days": []},
        {"reminder_days": ["Monday"]},
        {"reminder_days": None},
        {"holidays": ["2026-02-30"]},
        {"holidays": ["2026-01-01"] * 401},
        {"holidays": None},
        {"id": str(uuid4())},
    ],
)
async def test_a_customer_that_does_not_fit_is_refused(client_for: ClientFor, wrong: dict[str, Any]) -> None:
    ops = client_for(Role.OPS)
    assert (await ops.post("/customers", json={"name": "X", **wrong})).status_code == 422
    customer = await make_customer(client_for)
    assert (await ops.patch(f"/customers/{customer['id']}", json=wrong)).status_code == 422


async def test_an_erp_number_belongs_to_one_customer_of_the_org(client_for: ClientFor) -> None:
    taken = number()
    first = await make_customer(client_for, erp_customer_number=taken)
    second = await make_customer(client_for)
    ops = client_for(Role.OPS)
    sent = {"name": "X", "erp_customer_number": taken}
    refused = await ops.post("/customers", json=sent)
    assert refused.status_code == 409
    assert taken in refused.json()["detail"]
    patch = {"erp_customer_number": taken}
    assert (await ops.patch(f"/customers/{second['id']}", json=patch)).status_code == 409
    await make_customer(client_for, "other", erp_customer_number=taken)
    emptied = await ops.patch(f"/customers/{first['id']}", json={"erp_customer_number": None})
    assert emptied.json()["erp_customer_number"] is None
    assert (await ops.post("/customers", json=sent)).status_code == 201


async def test_a_patch_changes_what_it_names_and_is_in_the_trail(
    client_for: ClientFor, orgs: dict[str, TestOrg], audit_of: AuditOf
) -> None:
    customer = await make_customer(client_for)
    ops = client_for(Role.OPS)
    address = f"/customers/{customer['id']}"
    changed = await ops.patch(address, json={"time_zone": "Asia/Tokyo"}, headers={"If-Match": '"1"'})
    assert changed.json()["time_zone"] == "Asia/Tokyo"
    assert changed.json()["name"] == "Hansen"
    assert changed.headers["etag"] == '"2"'
    stale = await ops.patch(address, json={"name": "Y"}, headers={"If-Match": '"1"'})
    assert stale.status_code == 412
    assert (await ops.get(address)).json() == changed.json()
    trail = await audit_of(orgs["demo"], customer["id"])
    assert (trail[1]["action"], trail[1]["before"], trail[1]["after"]) == (
        "CUSTOMER_UPDATED",
        {"time_zone": "UTC"},
        {"time_zone": "Asia/Tokyo"},
    )


async def test_another_orgs_customer_is_not_there(client_for: ClientFor, orgs: dict[str, TestOrg]) -> None:
    customer = await make_customer(client_for)
    address = f"/customers/{customer['id']}"
    stranger = client_for(Role.ADMIN, "other")
    approver = {"name": "A", "email": "a@b.example"}
    for answer in (
        await stranger.get(address),
        await stranger.patch(address, json={"name": "Y"}),
        await stranger.get(f"{address}/approvers"),
        await stranger.post(f"{address}/approvers", json=approver),
    ):
        assert answer.status_code == 404
        assert answer.json()["code"] == "NOT_FOUND"
    listed = await stranger.get("/customers", params={"limit": 200})
    assert customer["id"] not in listed.text


async def test_row_security_hides_other_orgs_without_any_condition(
    client_for: ClientFor, database: Database, orgs: dict[str, TestOrg]
) -> None:
    made = [await make_customer(client_for, slug) for slug in orgs]
    for customer in made:
        address = f"/customers/{customer['id']}/approvers"
        ops = client_for(Role.OPS, "demo" if customer is made[0] else "other")
        await ops.post(address, json={"name": "A", "email": "a@b.example"})
    for org in orgs.values():
        for table in ("customer", "approver", "audit_log"):
            async with database.transaction(org.id) as connection:
                seen = set((await connection.execute(text(f"SELECT org_id FROM {table}"))).scalars())
            assert seen == {org.id}, table


async def test_the_list_is_newest_first_and_pages_do_not_overlap(
    client_for: ClientFor, fresh_org: TestOrg
) -> None:
    made = [(await make_customer(client_for, fresh_org))["id"] for _ in range(5)]
    viewer = client_for(Role.VIEWER, fresh_org)
    first = (await viewer.get("/customers?limit=2")).json()
    second = (await viewer.get("/customers", params={"limit": 2, "cursor": first["next_cursor"]})).json()
    third = (await viewer.get("/customers", params={"limit": 2, "cursor": second["next_cursor"]})).json()
    assert [c["id"] for c in first["data"] + second["data"] + third["data"]] == made[::-1]
    assert third["next_cursor"] is None
    assert len((await viewer.get("/customers?limit=99999999999")).json()["data"]) == 5
    assert (await viewer.get("/customers?limit=0")).status_code == 422


@pytest.mark.parametrize(
    ("q", "found"),
    [
        ("HANSEN", True),
        ("100%", True),
        ("c_7", True),
        ("c-7", False),
        ("%", True),
        ("a%b", False),
        ("", True),
    ],
)
async def test_q_is_looked_for_literally_in_any_case(
    client_for: ClientFor, fresh_org: TestOrg, q: str, found: bool
) -> None:
    await make_customer(client_for, fresh_org, name="Hansen 100% Golf", erp_customer_number="C_7")
    answer = await client_for(Role.VIEWER, fresh_org).get("/customers", params={"q": q})
    assert bool(answer.json()["data"]) is found


async def test_a_search_for_a_nul_byte_is_refused(client_for: ClientFor) -> None:
    assert (await client_for(Role.VIEWER).get("/customers?q=%00")).status_code == 422


async def test_the_same_key_gives_the_same_answer_and_one_customer(
    client_for: ClientFor, fresh_org: TestOrg
) -> None:
    ops = client_for(Role.OPS, fresh_org)
    headers = {"Idempotency-Key": '"key-1"', "Content-Type": "application/json"}
    first = await ops.post("/customers", content=b'{"name": "A", "time_zone": "UTC"}', headers=headers)
    again = await ops.post(
        "/customers",
        content=b'{"time_zone":"UTC","name":"A"}',
        headers={**headers, "Idempotency-Key": "key-1"},
    )
    assert (again.status_code, again.json()) == (201, first.json())
    assert again.headers["location"] == first.headers["location"]
    assert again.headers["etag"] == first.headers["etag"]
    other = await ops.post("/customers", json={"name": "B"}, headers=headers)
    assert other.status_code == 422
    assert len((await ops.get("/customers")).json()["data"]) == 1
    # another org's key is another key
    foreign = await client_for(Role.OPS).post("/customers", json={"name": "B"}, headers=headers)
    assert foreign.status_code == 201


async def test_two_requests_with_one_key_at_once_make_one_customer(
    client_for: ClientFor, fresh_org: TestOrg
) -> None:
    ops = client_for(Role.OPS, fresh_org)
    headers = {"Idempotency-Key": "at-once"}
    answers = await asyncio.gather(
        *(ops.post("/customers", json={"name": "A"}, headers=headers) for _ in range(5))
    )
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert len((await ops.get("/customers")).json()["data"]) == 1


async def test_a_refused_request_does_not_use_its_key_up(client_for: ClientFor, fresh_org: TestOrg) -> None:
    ops = client_for(Role.OPS, fresh_org)
    taken = await make_customer(client_for, fresh_org, erp_customer_number="C-1")
    headers = {"Idempotency-Key": "retry"}
    sent = {"name": "A", "erp_customer_number": "C-1"}
    assert (await ops.post("/customers", json=sent, headers=headers)).status_code == 409
    await ops.patch(f"/customers/{taken['id']}", json={"erp_customer_number": None})
    assert (await ops.post("/customers", json=sent, headers=headers)).status_code == 201


@pytest.mark.parametrize("key", ["", '""', "a b", "x" * 256, "ä"])
async def test_a_key_must_be_visible_characters(client_for: ClientFor, key: str) -> None:
    headers = {"Idempotency-Key": key.encode("latin-1")}
    answer = await client_for(Role.OPS).post("/customers", json={"name": "A"}, headers=headers)  # type: ignore[arg-type]
    assert answer.status_code == 422


async def test_a_body_over_the_limit_is_413(client_for: ClientFor) -> None:
    answer = await client_for(Role.OPS).post("/customers", content=b" " * (1024 * 1024 + 1))
    assert answer.status_code == 413


async def test_approvers_are_added_changed_and_recorded(
    client_for: ClientFor, orgs: dict[str, TestOrg], audit_of: AuditOf
) -> None:
    address = f"/customers/{(await make_customer(client_for))['id']}/approvers"
    ops = client_for(Role.OPS)
    made = await ops.post(address, json={"name": "Jo", "email": "Jo@hansen.example", "is_primary": True})
    assert made.status_code == 201
    approver = made.json()
    assert made.headers["location"] == f"{address}/{approver['id']}"
    assert {"phone": None, "is_primary": True, "active": True}.items() <= approver.items()
    again = await ops.post(address, json={"name": "Jo", "email": "jo@HANSEN.example"})
    assert again.status_code == 409
    changed = await ops.patch(
        made.headers["location"], json={"active": False, "phone": "+49 40 1"}, headers={"If-Match": '"1"'}
    )
    assert (changed.json()["active"], changed.json()["phone"]) == (False, "+49 40 1")
    stale = await ops.patch(made.headers["location"], json={"name": "X"}, headers={"If-Match": '"1"'})
    assert stale.status_code == 412
    listed = await client_for(Role.VIEWER).get(address)
    assert listed.json()["data"] == [changed.json()]
    trail = await audit_of(orgs["demo"], approver["id"])
    assert [row["action"] for row in trail] == ["APPROVER_CREATED", "APPROVER_UPDATED"]


async def test_an_approver_belongs_to_its_customer(client_for: ClientFor) -> None:
    mine, other = [await make_customer(client_for) for _ in range(2)]
    ops = client_for(Role.OPS)
    made = await ops.post(f"/customers/{mine['id']}/approvers", json={"name": "Jo", "email": "jo@h.example"})
    wrong = f"/customers/{other['id']}/approvers/{made.json()['id']}"
    assert (await ops.patch(wrong, json={"active": False})).status_code == 404
    stranger = client_for(Role.OPS, "other")
    assert (await stranger.patch(made.headers["location"], json={"active": False})).status_code == 404
    assert (await ops.get(f"/customers/{other['id']}/approvers")).json()["data"] == []


@pytest.mark.parametrize(
    "wrong",
    [{"email": "no"}, {"email": None}, {"name": None}, {"is_primary": None}, {"active": None}, {"x": 1}],
)
async def test_an_approver_that_does_not_fit_is_refused(client_for: ClientFor, wrong: dict[str, Any]) -> None:
    address = f"/customers/{(await make_customer(client_for))['id']}/approvers"
    ops = client_for(Role.OPS)
    right = {"name": "Jo", "email": "jo@h.example"}
    assert (await ops.post(address, json={**right, **wrong})).status_code == 422
    made = await ops.post(address, json=right)
    assert (await ops.patch(made.headers["location"], json=wrong)).status_code == 422
