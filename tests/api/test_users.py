import asyncio
import json
from dataclasses import replace
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text

from api.rooms import Rooms
from config.keys import KeyRing
from domain.canonical import sha256_hex
from domain.statuses import Role
from storage.database import Database
from tests.api.conftest import PASSWORD, AuditOf, ClientFor, TestOrg


def new_user(**changes: Any) -> dict[str, Any]:
    user = {"email": f"{uuid4().hex}@demo.example", "name": "Kim", "role": "OPS", "password": "long enough"}
    return {**user, **changes}


async def test_a_created_user_can_be_read_and_log_in_and_is_in_the_trail(
    client_for: ClientFor, client: httpx.AsyncClient, orgs: dict[str, TestOrg], audit_of: AuditOf
) -> None:
    admin = client_for(Role.ADMIN)
    sent = new_user()
    made = await admin.post("/users", json=sent)
    assert made.status_code == 201
    user = made.json()
    assert made.headers["location"] == f"/users/{user['id']}"
    read = await admin.get(made.headers["location"])
    assert read.json() == user
    assert read.headers["etag"] == '"1"'
    assert user["version"] == 1
    assert "password" not in made.text
    assert "argon2" not in made.text + read.text
    login = {"org_slug": "demo", "email": sent["email"], "password": sent["password"]}
    assert (await client.post("/auth/login", json=login)).status_code == 200
    trail = await audit_of(orgs["demo"], user["id"])
    assert [row["action"] for row in trail] == ["USER_CREATED", "LOGIN_SUCCEEDED"]
    assert trail[0]["after"] == {"email": sent["email"], "name": "Kim", "role": "OPS", "active": True}
    assert sent["password"] not in str(trail)


async def test_an_address_is_taken_whatever_its_case_but_only_in_the_own_org(client_for: ClientFor) -> None:
    sent = new_user()
    assert (await client_for(Role.ADMIN).post("/users", json=sent)).status_code == 201
    again = await client_for(Role.ADMIN).post("/users", json={**sent, "email": sent["email"].upper()})
    assert again.status_code == 409
    assert again.json()["code"] == "CONFLICT"
    assert (await client_for(Role.ADMIN, "other").post("/users", json=sent)).status_code == 201


@pytest.mark.parametrize(
    "wrong",
    [
        {"password": "too short"},
        {"password": "x" * 201},
        {"password": "long enough\x00"},
        {"email": "no address"},
        {"email": "a@b"},
        {"email": "a@b@c.example"},
        {"email": "a..b@c.example"},
        {"email": "jo(x)@c.example"},
        {"email": "a\x00@b.example"},
        {"name": ""},
        {"name": "a\x00b"},
        {"name": "two\nlines"},
        {"role": "ROOT"},
        {"active": True},
        {"password": None},
    ],
)
async def test_a_user_that_does_not_fit_is_refused_without_repeating_its_values(
    client_for: ClientFor, wrong: dict[str, Any]
) -> None:
    refused = await client_for(Role.ADMIN).post("/users", json=new_user(**wrong))
    assert refused.status_code == 422
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.json()["errors"][0]["loc"] == ["body", *wrong]
    assert "long enough" not in refused.text


async def test_users_are_listed_newest_first_page_by_page(client_for: ClientFor, fresh_org: TestOrg) -> None:
    admin = client_for(Role.ADMIN, fresh_org)
    made = [(await admin.post("/users", json=new_user())).json()["id"] for _ in range(2)]
    seen: list[str] = []
    cursor: str | None = None
    while True:
        page = (
            await admin.get("/users", params={"limit": 3} | ({"cursor": cursor} if cursor else {}))
        ).json()
        seen += [user["id"] for user in page["data"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen[:2] == made[::-1]
    assert len(seen) == len(set(seen)) == 7


@pytest.mark.parametrize("cursor", ["x", "W10=", "bnVsbA==", "WyJhIiwiYiJd", "WzEsMl0=", "\x00"])
async def test_a_cursor_of_ones_own_making_is_refused(client_for: ClientFor, cursor: str) -> None:
    refused = await client_for(Role.ADMIN).get("/users", params={"cursor": cursor})
    assert refused.status_code == 422


async def test_a_patch_changes_what_it_names_and_counts_the_version(
    client_for: ClientFor, client: httpx.AsyncClient, fresh_org: TestOrg, audit_of: AuditOf
) -> None:
    admin = client_for(Role.ADMIN, fresh_org)
    address = f"/users/{fresh_org.users[Role.OPS]}"
    changed = await admin.patch(
        address, json={"role": "PRODUCTION", "name": "New", "password": "another one"}
    )
    assert changed.status_code == 200
    assert changed.headers["etag"] == '"2"'
    assert (changed.json()["role"], changed.json()["name"]) == ("PRODUCTION", "New")
    assert (await admin.patch(address, json={"name": "New"})).json()["version"] == 2
    for password, status in (("another one", 200), (PASSWORD, 401)):
        login = {"org_slug": fresh_org.slug, "email": changed.json()["email"], "password": password}
        assert (await client.post("/auth/login", json=login)).status_code == status
    trail = await audit_of(fresh_org, fresh_org.users[Role.OPS])
    assert trail[0]["action"] == "USER_UPDATED"
    assert (trail[0]["before"]["role"], trail[0]["after"]["role"]) == ("OPS", "PRODUCTION")
    assert trail[0]["details"] == {"password_changed": True}
    assert "another one" not in str(trail)
    assert "argon2" not in str(trail)


@pytest.mark.parametrize("field", ["name", "role", "active", "password"])
async def test_null_means_nothing_in_a_patch_of_a_user(client_for: ClientFor, field: str) -> None:
    refused = await client_for(Role.ADMIN).patch(f"/users/{uuid4()}", json={field: None})
    assert refused.status_code == 422


@pytest.mark.parametrize(("if_match", "status"), [('"1"', 200), ("*", 200), ('"7", "1"', 200), ('"2"', 412)])
async def test_if_match_names_the_version_that_may_be_changed(
    client_for: ClientFor, fresh_org: TestOrg, if_match: str, status: int
) -> None:
    answer = await client_for(Role.ADMIN, fresh_org).patch(
        f"/users/{fresh_org.users[Role.OPS]}", json={"name": "New"}, headers={"If-Match": if_match}
    )
    assert answer.status_code == status


@pytest.mark.parametrize("patch", [{"active": False}, {"role": "OPS"}, {"role": "VIEWER", "active": False}])
async def test_the_last_active_admin_stays_one(
    client_for: ClientFor, fresh_org: TestOrg, patch: dict[str, Any]
) -> None:
    admin = client_for(Role.ADMIN, fresh_org)
    address = f"/users/{fresh_org.users[Role.ADMIN]}"
    refused = await admin.patch(address, json=patch)
    assert refused.status_code == 409
    assert "last active ADMIN" in refused.json()["detail"]
    await admin.post("/users", json=new_user(role="ADMIN"))
    assert (await admin.patch(address, json=patch)).status_code == 200


async def test_two_admins_who_demote_each_other_at_once_leave_one(
    client_for: ClientFor, fresh_org: TestOrg, database: Database
) -> None:
    admin = client_for(Role.ADMIN, fresh_org)
    second = (await admin.post("/users", json=new_user(role="ADMIN"))).json()["id"]
    ids = [second, str(fresh_org.users[Role.ADMIN])]
    async with database.transaction(fresh_org.id) as connection:
        await connection.execute(text("SELECT 1 FROM app_user FOR UPDATE"))
        waiting = [asyncio.create_task(admin.patch(f"/users/{each}", json={"role": "OPS"})) for each in ids]
        await asyncio.sleep(0.3)  # both are under way before either can write
    answers = await asyncio.gather(*waiting)
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    async with database.transaction(fresh_org.id) as connection:
        assert await connection.scalar(text("SELECT count(*) FROM app_user WHERE role = 'ADMIN'")) == 1


async def test_who_is_deactivated_or_demoted_cannot_ride_on_an_old_token(
    client_for: ClientFor, fresh_org: TestOrg
) -> None:
    admin, ops = client_for(Role.ADMIN, fresh_org), client_for(Role.OPS, fresh_org)
    address = f"/users/{fresh_org.users[Role.OPS]}"
    await admin.patch(address, json={"role": "VIEWER"})
    assert (await ops.post("/customers", json={"name": "X"})).status_code == 403
    await admin.patch(address, json={"active": False})
    assert (await ops.get("/me")).status_code == 401


async def test_another_orgs_user_is_not_there(client_for: ClientFor, orgs: dict[str, TestOrg]) -> None:
    address = f"/users/{orgs['demo'].users[Role.OPS]}"
    stranger = client_for(Role.ADMIN, "other")
    assert (await stranger.get(address)).status_code == 404
    assert (await stranger.patch(address, json={"active": False})).status_code == 404


async def test_row_security_hides_other_orgs_without_any_condition(
    database: Database, orgs: dict[str, TestOrg]
) -> None:
    async with database.transaction(orgs["demo"].id) as connection:
        seen = set((await connection.execute(text("SELECT org_id FROM app_user"))).scalars())
    assert seen == {orgs["demo"].id}


async def test_what_is_kept_of_a_keyed_request_does_not_let_its_password_be_guessed(
    client_for: ClientFor, database: Database, orgs: dict[str, TestOrg], rooms: Rooms, app: FastAPI
) -> None:
    admin, key, sent = client_for(Role.ADMIN), uuid4().hex, new_user()
    made = await admin.post("/users", json=sent, headers={"Idempotency-Key": key})
    plain = sha256_hex("\n" + json.dumps(sent, sort_keys=True))
    kept = text("SELECT digest FROM idempotency_key WHERE key = :key")
    async with database.transaction(orgs["demo"].id) as connection:
        assert await connection.scalar(kept, {"key": key}) == rooms.keys.keyed_digest(plain) != plain

    other = {**sent, "password": "long enough too"}
    refused = await admin.post("/users", json=other, headers={"Idempotency-Key": key})
    assert refused.status_code == 422

    # the master key was changed since
    rotated = KeyRing("cd" * 32, [rooms.settings.encryption_master_key.get_secret_value()])
    app.state.rooms = replace(rooms, keys=rotated)
    repeated = await admin.post("/users", json=sent, headers={"Idempotency-Key": key})
    assert (repeated.status_code, repeated.json()) == (201, made.json())
    refused = await admin.post("/users", json=other, headers={"Idempotency-Key": key})
    assert refused.status_code == 422


async def test_a_key_from_before_digests_were_keyed_is_still_known(
    client_for: ClientFor, database: Database, orgs: dict[str, TestOrg]
) -> None:
    admin, key, sent = client_for(Role.ADMIN), uuid4().hex, new_user()
    made = await admin.post("/users", json=sent, headers={"Idempotency-Key": key})
    earlier = text("UPDATE idempotency_key SET digest = :digest WHERE key = :key")
    plain = sha256_hex("\n" + json.dumps(sent, sort_keys=True))
    async with database.transaction(orgs["demo"].id) as connection:
        await connection.execute(earlier, {"digest": plain, "key": key})
    repeated = await admin.post("/users", json=sent, headers={"Idempotency-Key": key})
    assert (repeated.status_code, repeated.json()) == (201, made.json())
