"""`version`, `ETag` and `If-Match`: every resource has them, and all read them in one way."""

from typing import Any

import pytest

from domain.statuses import Role
from tests.api.conftest import ClientFor, TestOrg

THREADS = [{"stop": 1, "thread_code": "1801"}]


async def made(client_for: ClientFor, org: TestOrg) -> list[tuple[Role, str]]:
    """A path to one resource of each kind, and who may read it."""
    ops = client_for(Role.OPS, org)
    customer = (await ops.post("/customers", json={"name": "Hansen"})).json()["id"]
    person = {"name": "Jo", "email": "jo@hansen.example"}
    approver = (await ops.post(f"/customers/{customer}/approvers", json=person)).headers["location"]
    await ops.post("/products", json={"internal_sku": "INT-1", "name": "Polo", "base_uom": "PCE"})
    logo = (await ops.post("/logos", json={"customer_id": customer, "name": "Crest"})).json()["id"]
    key = {"logo_id": logo, "style_number": "14728", "color_code": "BLK", "thread_sequence": THREADS}
    color_up = (await ops.post("/color-ups", json=key)).json()["id"]
    return [
        (Role.ADMIN, "/org/settings"),
        (Role.ADMIN, "/org/terms"),
        (Role.ADMIN, f"/users/{org.users[Role.VIEWER]}"),
        (Role.VIEWER, f"/customers/{customer}"),
        (Role.VIEWER, approver),
        (Role.VIEWER, "/products/INT-1"),
        (Role.VIEWER, f"/color-ups/{color_up}"),
    ]


async def test_each_resource_carries_its_version_as_etag(client_for: ClientFor, fresh_org: TestOrg) -> None:
    for role, path in await made(client_for, fresh_org):
        answer = await client_for(role, fresh_org).get(path)
        if answer.status_code == 405:
            continue  # approvers are read as a list
        assert answer.headers["etag"] == f'"{answer.json()["version"]}"', path


FORMS = [
    ('"1"', 200),
    ("1", 200),
    ('W/"1"', 200),
    ('"7", "1"', 200),
    ('"7" , W/"1"', 200),
    ("*", 200),
    (" * ", 200),
    ('"2"', 412),
    ('W/"2"', 412),
    ('"10"', 412),
    ('"x"', 412),
    ("", 412),
    ('"99999999999999999999"', 412),
    ('"²"'.encode(), 412),
]


@pytest.mark.parametrize(("if_match", "status"), FORMS)
async def test_if_match_names_one_version_several_or_any(
    client_for: ClientFor, fresh_org: TestOrg, if_match: Any, status: int
) -> None:
    admin = client_for(Role.ADMIN, fresh_org)
    answer = await admin.patch("/org/settings", json={"reminder_hour": 9}, headers={"If-Match": if_match})
    assert answer.status_code == status, answer.text
    if status == 412:
        assert answer.json()["code"] == "PRECONDITION_FAILED"
        assert (await admin.get("/org/settings")).json()["version"] == 1


async def test_settings_may_be_sent_back_as_they_were_read(client_for: ClientFor, fresh_org: TestOrg) -> None:
    admin = client_for(Role.ADMIN, fresh_org)
    before = (await admin.get("/org/settings")).json()
    await admin.patch("/org/settings", json={"reminder_hour": 9})
    back = await admin.patch("/org/settings", json=before)
    assert (back.status_code, back.json()) == (200, {**before, "version": 3})
