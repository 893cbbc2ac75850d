from typing import Any

import pytest

from domain.statuses import Role
from tests.api.conftest import AuditOf, ClientFor, TestOrg

DEFAULTS: dict[str, Any] = {
    "version": 1,
    "production_gate": "decorated",
    "four_eyes": False,
    "reminder_cap": 5,
    "reminder_hour": 8,
    "ack_overdue_hours": 24,
    "ack_window_days": 14,
    "price_tolerance_percent": "0",
}


async def test_a_new_org_has_the_defaults(client_for: ClientFor, fresh_org: TestOrg) -> None:
    answer = await client_for(Role.ADMIN, fresh_org).get("/org/settings")
    assert answer.json() == DEFAULTS
    assert answer.headers["etag"] == '"1"'


async def test_a_patch_changes_what_it_names_and_is_in_the_trail(
    client_for: ClientFor, fresh_org: TestOrg, audit_of: AuditOf
) -> None:
    admin = client_for(Role.ADMIN, fresh_org)
    changes = {"production_gate": "always", "price_tolerance_percent": 2.50}
    answer = await admin.patch("/org/settings", json=changes)
    changed = {"production_gate": "always", "price_tolerance_percent": "2.5", "version": 2}
    expected = {**DEFAULTS, **changed}
    assert answer.json() == expected
    assert answer.headers["etag"] == '"2"'
    assert (await admin.get("/org/settings")).json() == expected
    trail = await audit_of(fresh_org, fresh_org.id)
    assert [row["action"] for row in trail] == ["SETTINGS_CHANGED"]
    assert trail[0]["before"] == {"production_gate": "decorated", "price_tolerance_percent": "0"}
    assert trail[0]["after"] == {"production_gate": "always", "price_tolerance_percent": "2.5"}
    same = await admin.patch("/org/settings", json={"price_tolerance_percent": "2.50"})
    assert same.headers["etag"] == '"2"'
    assert len(await audit_of(fresh_org, fresh_org.id)) == 1


async def test_one_orgs_settings_are_not_the_others(client_for: ClientFor, fresh_org: TestOrg) -> None:
    await client_for(Role.ADMIN, fresh_org).patch("/org/settings", json={"four_eyes": True})
    assert (await client_for(Role.ADMIN).get("/org/settings")).json()["four_eyes"] is False


@pytest.mark.parametrize(
    "wrong",
    [
        {"production_gate": "sometimes"},
        {"production_gate": None},
        {"four_eyes": None},
        {"reminder_cap": 6},
        {"reminder_hour": 24},
        {"reminder_hour": 10**30},
        {"ack_overdue_hours": 0},
        {"ack_window_days": 0},
        {"price_tolerance_percent": -1},
        {"price_tolerance_percent": "101"},
        {"price_tolerance_percent": "NaN"},
        {"price_tolerance_percent": "Infinity"},
        {"price_tolerance_percent": "0.1234567"},
        {"price_tolerance_percent": True},
        {"slug": "mine"},
        {"settings": {}},
    ],
)
async def test_a_setting_that_does_not_fit_is_refused(
    client_for: ClientFor, fresh_org: TestOrg, wrong: dict[str, Any]
) -> None:
    admin = client_for(Role.ADMIN, fresh_org)
    assert (await admin.patch("/org/settings", json=wrong)).status_code == 422
    assert (await admin.get("/org/settings")).json() == DEFAULTS


async def test_stale_settings_are_not_overwritten(client_for: ClientFor, fresh_org: TestOrg) -> None:
    admin = client_for(Role.ADMIN, fresh_org)
    stale = {"If-Match": '"1"'}
    assert (await admin.patch("/org/settings", json={"reminder_cap": 1}, headers=stale)).status_code == 200
    refused = await admin.patch("/org/settings", json={"reminder_cap": 2}, headers=stale)
    assert refused.status_code == 412
    assert refused.json()["code"] == "PRECONDITION_FAILED"
    assert (await admin.get("/org/settings")).json()["reminder_cap"] == 1
