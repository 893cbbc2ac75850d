"""Logos and color-ups: made once, versions for ever."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from domain.statuses import Role
from storage.database import Database
from tests.api.conftest import AuditOf, ClientFor, TestOrg
from tests.api.test_customers import make_customer

STOP = {"stop": 1, "needle": 3, "thread_code": "1801", "thread_name": "Snow White", "brand": "Madeira"}
THREADS = [STOP, {**STOP, "stop": 2, "thread_code": "1637"}]


async def make_logo(client_for: ClientFor, org: str | TestOrg = "demo", **fields: Any) -> dict[str, Any]:
    if "customer_id" not in fields:
        fields["customer_id"] = (await make_customer(client_for, org))["id"]
    made = await client_for(Role.OPS, org).post("/logos", json={"name": "Crest", **fields})
    assert made.status_code == 201, made.text
    logo: dict[str, Any] = made.json()
    return logo


async def make_color_up(client_for: ClientFor, org: str | TestOrg = "demo", **fields: Any) -> dict[str, Any]:
    if "logo_id" not in fields:
        fields["logo_id"] = (await make_logo(client_for, org))["id"]
    body = {"style_number": "14728", "color_code": "BLK", "thread_sequence": THREADS, **fields}
    made = await client_for(Role.OPS, org).post("/color-ups", json=body)
    assert made.status_code == 201, made.text
    color_up: dict[str, Any] = made.json()
    return color_up


async def make_version(client_for: ClientFor, of: str, org: str | TestOrg = "demo") -> dict[str, Any]:
    made = await client_for(Role.OPS, org).post(f"/color-ups/{of}/versions", json={"thread_sequence": [STOP]})
    assert made.status_code == 201, made.text
    version: dict[str, Any] = made.json()
    return version


async def test_a_created_logo_can_be_read_by_anyone_and_is_in_the_trail(
    client_for: ClientFor, orgs: dict[str, TestOrg], audit_of: AuditOf
) -> None:
    sent = {
        "customer_id": (await make_customer(client_for))["id"],
        "name": "Hansen crest",
        "design_number": "D-1",
        "netsuite_file_cabinet_id": uuid4().hex,
        "placement_default": "Left Chest",
    }
    made = await client_for(Role.OPS).post("/logos", json=sent)
    assert made.status_code == 201
    assert sent.items() <= made.json().items()
    assert made.json()["design"] is None
    read = await client_for(Role.VIEWER).get(made.headers["location"])
    assert (read.json(), read.headers["etag"]) == (made.json(), '"1"')
    trail = await audit_of(orgs["demo"], made.json()["id"])
    assert [(row["action"], row["entity_type"], row["after"]) for row in trail] == [
        ("LOGO_CREATED", "logo", sent)
    ]


async def test_a_file_cabinet_id_names_one_logo_of_the_org(client_for: ClientFor) -> None:
    taken = uuid4().hex
    logo = await make_logo(client_for, netsuite_file_cabinet_id=taken)
    body = {"customer_id": logo["customer_id"], "name": "Other", "netsuite_file_cabinet_id": taken}
    refused = await client_for(Role.OPS).post("/logos", json=body)
    assert (refused.status_code, taken in refused.json()["detail"]) == (409, True)
    await make_logo(client_for, "other", netsuite_file_cabinet_id=taken)


@pytest.mark.parametrize(
    "wrong",
    [{"name": " "}, {"name": None}, {"customer_id": None}, {"design_number": ""}, {"design": {}}, {"x": 1}],
)
async def test_a_logo_that_does_not_fit_is_refused(client_for: ClientFor, wrong: dict[str, Any]) -> None:
    body = {"customer_id": str(uuid4()), "name": "Crest", **wrong}
    assert (await client_for(Role.OPS).post("/logos", json=body)).status_code == 422


async def test_logos_and_color_ups_are_listed_newest_first_page_by_page_and_by_filter(
    client_for: ClientFor, fresh_org: TestOrg
) -> None:
    viewer = client_for(Role.VIEWER, fresh_org)
    first = await make_logo(client_for, fresh_org, name="Anchor", design_number="D-77")
    second = await make_logo(client_for, fresh_org, name="Rose 100%")
    page = (await viewer.get("/logos?limit=1")).json()
    rest = (await viewer.get("/logos", params={"limit": 1, "cursor": page["next_cursor"]})).json()
    assert [row["id"] for row in page["data"] + rest["data"]] == [second["id"], first["id"]]
    assert rest["next_cursor"] is None
    for params, found in [
        ({"q": "ROSE 100%"}, [second]),
        ({"q": "d-77"}, [first]),
        ({"customer_id": first["customer_id"]}, [first]),
        ({"customer_id": str(uuid4())}, []),
    ]:
        assert (await viewer.get("/logos", params=params)).json()["data"] == found
    one = await make_color_up(client_for, fresh_org, logo_id=first["id"])
    other = await make_color_up(client_for, fresh_org, logo_id=first["id"], color_code="RED")
    newer = await make_version(client_for, one["id"], fresh_org)
    for wanted, versions in [
        ({}, [newer, other, one]),
        ({"color_code": "RED"}, [other]),
        ({"style_number": "14728", "color_code": "BLK"}, [newer, one]),
        ({"logo_id": second["id"]}, []),
        ({"customer_id": first["customer_id"]}, [newer, other, one]),
        ({"status": "Approved"}, []),
    ]:
        assert (await viewer.get("/color-ups", params=wanted)).json()["data"] == versions
    page = (await viewer.get("/color-ups?limit=2")).json()
    rest = (await viewer.get("/color-ups", params={"limit": 2, "cursor": page["next_cursor"]})).json()
    assert page["data"] + rest["data"] == [newer, other, one]
    assert (await viewer.get("/color-ups?status=Perhaps")).status_code == 422


async def test_a_color_up_is_version_1_of_its_key_and_belongs_to_the_logos_customer(
    client_for: ClientFor, orgs: dict[str, TestOrg], audit_of: AuditOf
) -> None:
    logo = await make_logo(client_for)
    color_up = await make_color_up(client_for, logo_id=logo["id"])
    assert (color_up["version"], color_up["status"]) == (1, "Draft")
    assert color_up["customer_id"] == logo["customer_id"]
    assert color_up["thread_sequence"] == THREADS
    assert color_up["created_by_user_id"] == str(orgs["demo"].users[Role.OPS])
    read = await client_for(Role.VIEWER).get(f"/color-ups/{color_up['id']}")
    assert read.json() == color_up
    (row,) = await audit_of(orgs["demo"], color_up["id"])
    assert (row["action"], row["entity_type"], row["after"]["version"]) == ("COLOR_UP_CREATED", "color_up", 1)


async def test_a_key_that_exists_is_409_and_says_to_make_a_version(client_for: ClientFor) -> None:
    color_up = await make_color_up(client_for)
    body = {"logo_id": color_up["logo_id"], "style_number": "14728", "color_code": "BLK"}
    refused = await client_for(Role.OPS).post("/color-ups", json={**body, "thread_sequence": THREADS})
    assert refused.status_code == 409
    assert "make a new version" in refused.json()["detail"]


async def test_a_version_is_the_next_one_of_the_key_whichever_is_named_and_changes_none(
    client_for: ClientFor, orgs: dict[str, TestOrg], audit_of: AuditOf
) -> None:
    first = await make_color_up(client_for)
    second = await make_version(client_for, first["id"])
    third = await make_version(client_for, first["id"])
    assert [second["version"], third["version"]] == [2, 3]
    for name in ("logo_id", "customer_id", "style_number", "color_code"):
        assert second[name] == first[name]
    assert (second["thread_sequence"], second["status"]) == ([STOP], "Draft")
    assert (await client_for(Role.OPS).get(f"/color-ups/{first['id']}")).json() == first
    (row,) = await audit_of(orgs["demo"], third["id"])
    assert (row["action"], row["after"]["version"]) == ("COLOR_UP_VERSION_CREATED", 3)


async def test_versions_made_at_once_get_a_number_each(client_for: ClientFor) -> None:
    first = await make_color_up(client_for)
    made = await asyncio.gather(*(make_version(client_for, first["id"]) for _ in range(6)))
    assert sorted(each["version"] for each in made) == [2, 3, 4, 5, 6, 7]


async def test_the_same_key_at_once_makes_one_color_up_and_409s(client_for: ClientFor) -> None:
    body = {
        "logo_id": (await make_logo(client_for))["id"],
        "style_number": "1",
        "color_code": "RED",
        "thread_sequence": [STOP],
    }
    ops = client_for(Role.OPS)
    answers = await asyncio.gather(*(ops.post("/color-ups", json=body) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]


async def test_an_idempotency_key_makes_one_version(client_for: ClientFor) -> None:
    first, ops = await make_color_up(client_for), client_for(Role.OPS)
    path, headers = f"/color-ups/{first['id']}/versions", {"Idempotency-Key": uuid4().hex}
    answers = [await ops.post(path, json={"thread_sequence": [STOP]}, headers=headers) for _ in range(2)]
    assert answers[0].json() == answers[1].json()
    other = await ops.post(path, json={"thread_sequence": THREADS}, headers=headers)
    assert other.status_code == 422


@pytest.mark.parametrize(
    "threads",
    [
        [],
        None,
        [{**STOP, "stop": 0}],
        [{**STOP, "stop": 1.5}],
        [{**STOP, "needle": 0}],
        [{**STOP, "thread_code": " "}],
        [{**STOP, "colour": "red"}],
        [STOP, STOP],
        [{**STOP, "stop": stop} for stop in range(1, 202)],
        [{"stop": 1}],
    ],
)
async def test_threads_that_do_not_fit_are_refused(client_for: ClientFor, threads: Any) -> None:
    color_up, ops = await make_color_up(client_for), client_for(Role.OPS)
    answer = await ops.post(f"/color-ups/{color_up['id']}/versions", json={"thread_sequence": threads})
    assert answer.status_code == 422
    body = {"logo_id": color_up["logo_id"], "style_number": "2", "color_code": "RED"}
    answer = await ops.post("/color-ups", json={**body, "thread_sequence": threads})
    assert answer.status_code == 422


async def test_another_orgs_logo_customer_and_color_up_are_not_there(client_for: ClientFor) -> None:
    color_up = await make_color_up(client_for)
    stranger = client_for(Role.ADMIN, "other")
    body = {"logo_id": color_up["logo_id"], "style_number": "1", "color_code": "2", "thread_sequence": [STOP]}
    for answer in (
        await stranger.get(f"/logos/{color_up['logo_id']}"),
        await stranger.get(f"/color-ups/{color_up['id']}"),
        await stranger.post("/logos", json={"customer_id": color_up["customer_id"], "name": "X"}),
        await stranger.post("/color-ups", json=body),
        await stranger.post(f"/color-ups/{color_up['id']}/versions", json={"thread_sequence": [STOP]}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")
    for path in ("/logos", "/color-ups"):
        listed = await stranger.get(path, params={"customer_id": color_up["customer_id"]})
        assert listed.json()["data"] == []


async def test_row_security_hides_other_orgs_without_any_condition(
    client_for: ClientFor, database: Database, orgs: dict[str, TestOrg]
) -> None:
    for slug in orgs:
        await make_color_up(client_for, slug)
    for org in orgs.values():
        for table in ("logo", "color_up"):
            async with database.transaction(org.id) as connection:
                seen = set((await connection.execute(text(f"SELECT org_id FROM {table}"))).scalars())
            assert seen == {org.id}, table
