import asyncio
import json
import time
from uuid import UUID

import httpx
import jwt
import pytest
from fastapi import FastAPI
from sqlalchemy import text

from api.rooms import Rooms
from domain.statuses import Role
from storage.database import Database
from tests.api.conftest import PASSWORD, AuditOf, ClientFor, TestOrg

Credentials = dict[str, str]


def credentials(org: TestOrg, role: Role = Role.OPS, password: str = PASSWORD) -> Credentials:
    return {"org_slug": org.slug, "email": f"{role.lower()}@{org.slug}.example", "password": password}


async def test_the_right_password_gives_a_token_that_me_accepts(
    client: httpx.AsyncClient, orgs: dict[str, TestOrg], rooms: Rooms
) -> None:
    org = orgs["demo"]
    sent = credentials(org)
    answer = await client.post("/auth/login", json={**sent, "email": sent["email"].upper()})
    assert answer.status_code == 200
    token = answer.json()
    assert set(token) == {"access_token", "token_type", "expires_in"}
    assert (token["token_type"], token["expires_in"]) == ("bearer", rooms.tokens.lifetime_s)
    claims = jwt.decode(token["access_token"], options={"verify_signature": False})
    assert {"sub", "org", "role", "exp", "iat", "iss", "aud"} <= set(claims)
    me = await client.get("/me", headers={"Authorization": f"Bearer {token['access_token']}"})
    assert me.json() == {
        "user": {"id": str(org.users[Role.OPS]), "email": sent["email"], "name": "Ops", "role": "OPS"},
        "org": {"id": str(org.id), "slug": "demo", "name": "Demo"},
    }


@pytest.mark.parametrize("wrong", ["password", "email", "org_slug"])
async def test_the_answer_does_not_tell_what_was_wrong(
    client: httpx.AsyncClient, orgs: dict[str, TestOrg], wrong: str
) -> None:
    sent = {**credentials(orgs["demo"]), wrong: "wrong"}
    answer = await client.post("/auth/login", json=sent)
    assert answer.status_code == 401
    assert answer.json()["detail"] == "Organisation, e-mail or password is wrong"
    assert answer.json()["code"] == "AUTH_REQUIRED"


async def test_nobody_logs_in_to_another_org(client: httpx.AsyncClient, orgs: dict[str, TestOrg]) -> None:
    sent = {**credentials(orgs["demo"]), "org_slug": "other"}
    assert (await client.post("/auth/login", json=sent)).status_code == 401


async def test_an_inactive_user_gets_the_same_answer_as_a_wrong_password(
    client: httpx.AsyncClient, client_for: ClientFor, fresh_org: TestOrg
) -> None:
    address = f"/users/{fresh_org.users[Role.OPS]}"
    await client_for(Role.ADMIN, fresh_org).patch(address, json={"active": False})
    answer = await client.post("/auth/login", json=credentials(fresh_org))
    assert answer.status_code == 401
    assert answer.json()["detail"] == "Organisation, e-mail or password is wrong"


async def test_the_same_work_is_done_for_a_person_who_is_not_there(
    client: httpx.AsyncClient, orgs: dict[str, TestOrg], monkeypatch: pytest.MonkeyPatch
) -> None:
    verified: list[str] = []

    def verify(stored: str, password: str) -> bool:
        verified.append(stored)
        return True  # even then nobody may come in

    monkeypatch.setattr("api.passwords._verify", verify)
    for wrong in ("email", "org_slug"):
        sent = {**credentials(orgs["demo"]), wrong: "nobody"}
        assert (await client.post("/auth/login", json=sent)).status_code == 401
    assert len(verified) == 2


@pytest.mark.parametrize("field", ["org_slug", "email", "password"])
@pytest.mark.parametrize("value", ["a\x00b", "\x1b[2J", "", "x" * 5000, None, 7, ["a"], "\ud800"])
async def test_odd_values_are_refused_and_never_an_error_of_ours(
    client: httpx.AsyncClient, orgs: dict[str, TestOrg], field: str, value: object
) -> None:
    content = json.dumps({**credentials(orgs["demo"]), field: value})
    headers = {"Content-Type": "application/json"}
    answer = await client.post("/auth/login", content=content, headers=headers)
    assert answer.status_code == 422
    assert PASSWORD not in answer.text


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b"\xff", b'{"a":NaN}', b"[" * 50_000, b"1" * 9000]
)
async def test_a_body_that_is_not_a_login_is_refused(client: httpx.AsyncClient, body: bytes) -> None:
    answer = await client.post("/auth/login", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"


async def test_logins_are_in_the_trail_without_the_password(
    client: httpx.AsyncClient, fresh_org: TestOrg, audit_of: AuditOf
) -> None:
    user_id = fresh_org.users[Role.OPS]
    await client.post("/auth/login", json=credentials(fresh_org, password="guessed-password"))
    await client.post("/auth/login", json=credentials(fresh_org))
    trail = await audit_of(fresh_org, user_id)
    assert [(row["action"], row["actor_user_id"]) for row in trail] == [
        ("LOGIN_FAILED", None),
        ("LOGIN_SUCCEEDED", user_id),
    ]
    assert trail[0]["details"] == {"reason": "wrong password"}
    assert "guessed-password" not in str(trail)
    await client.post("/auth/login", json={**credentials(fresh_org), "email": "who@x.example"})
    assert [row["action"] for row in await audit_of(fresh_org, fresh_org.id)] == ["LOGIN_FAILED"]


async def _tries(client: httpx.AsyncClient, sent: Credentials, count: int) -> list[int]:
    answers = await asyncio.gather(*(client.post("/auth/login", json=sent) for _ in range(count)))
    return [answer.status_code for answer in answers]


@pytest.mark.parametrize("known", [True, False])
async def test_the_eleventh_failure_of_an_account_must_wait_even_when_all_come_at_once(
    client: httpx.AsyncClient, fresh_org: TestOrg, known: bool
) -> None:
    right = credentials(fresh_org)
    guess = {**right, "password": "wrong"} if known else {**right, "email": "nobody@x.example"}
    assert sorted(await _tries(client, guess, 14)) == [401] * 10 + [429] * 4
    shouted = {**guess, "email": guess["email"].upper()}
    refused = await client.post("/auth/login", json=shouted)
    assert refused.status_code == 429
    assert refused.json()["code"] == "RATE_LIMITED"
    assert 1 <= int(refused.headers["retry-after"]) <= 300
    # the right password waits as well, other accounts do not
    assert await _tries(client, right, 1) == ([429] if known else [200])
    assert await _tries(client, credentials(fresh_org, Role.ADMIN), 1) == [200]


async def test_successes_do_not_count(client: httpx.AsyncClient, fresh_org: TestOrg) -> None:
    assert [await _tries(client, credentials(fresh_org), 1) for _ in range(12)] == [[200]] * 12


async def test_an_address_that_fails_fifty_times_must_wait_and_others_need_not(
    app: FastAPI, rooms: Rooms, fresh_org: TestOrg
) -> None:
    for number in range(50):
        rooms.login_limits.failed(f"account {number}", "203.0.113.9")

    def at(address: str) -> httpx.AsyncClient:
        transport = httpx.ASGITransport(app, client=(address, 1234))
        return httpx.AsyncClient(transport=transport, base_url="http://api")

    assert await _tries(at("203.0.113.9"), credentials(fresh_org), 1) == [429]
    assert await _tries(at("203.0.113.10"), credentials(fresh_org), 1) == [200]


def _claims(whose: TestOrg, **changes: object) -> dict[str, object]:
    claims: dict[str, object] = {
        "sub": str(whose.users[Role.OPS]),
        "org": str(whose.id),
        "role": "OPS",
        "iat": 1,
        "exp": 4_000_000_000,
        "iss": "countersign",
        "aud": "countersign-api",
    }
    return {name: value for name, value in {**claims, **changes}.items() if value is not None}


SECRET = "0123456789abcdef0123456789abcdef"


@pytest.mark.parametrize(
    ("changes", "secret", "algorithm"),
    [
        ({"exp": 1}, SECRET, "HS256"),
        ({"exp": None}, SECRET, "HS256"),
        ({"exp": int(time.time())}, SECRET, "HS256"),  # no leeway: the clock is our own
        ({"iss": "someone"}, SECRET, "HS256"),
        ({"aud": "something"}, SECRET, "HS256"),
        ({"sub": "x"}, SECRET, "HS256"),
        ({"sub": str(UUID(int=1))}, SECRET, "HS256"),
        ({"org": None}, SECRET, "HS256"),
        ({}, "f" * 32, "HS256"),
        ({}, SECRET * 2, "HS512"),
        ({}, "", "none"),
    ],
)
async def test_a_token_that_is_not_ours_is_refused(
    client: httpx.AsyncClient,
    orgs: dict[str, TestOrg],
    changes: dict[str, object],
    secret: str,
    algorithm: str,
) -> None:
    token = jwt.encode(_claims(orgs["demo"], **changes), secret, algorithm=algorithm)
    answer = await client.get("/me", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 401
    assert answer.json()["code"] == "AUTH_REQUIRED"


async def test_a_token_cannot_name_another_org(client: httpx.AsyncClient, orgs: dict[str, TestOrg]) -> None:
    right = jwt.encode(_claims(orgs["demo"]), SECRET, algorithm="HS256")
    assert (await client.get("/me", headers={"Authorization": f"Bearer {right}"})).status_code == 200
    wrong = jwt.encode(_claims(orgs["demo"], org=str(orgs["other"].id)), SECRET, algorithm="HS256")
    assert (await client.get("/me", headers={"Authorization": f"Bearer {wrong}"})).status_code == 401


async def test_the_role_is_the_one_stored_and_not_the_tokens(
    client: httpx.AsyncClient, orgs: dict[str, TestOrg]
) -> None:
    token = jwt.encode(_claims(orgs["demo"], role="ADMIN"), SECRET, algorithm="HS256")
    answer = await client.get("/users", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 403


async def test_the_pool_gives_no_org_to_the_next_request(
    database: Database, orgs: dict[str, TestOrg]
) -> None:
    async with database.transaction(orgs["demo"].id) as connection:
        assert await connection.scalar(text("SELECT count(*) FROM org")) == 1
    assert (await database.call("SELECT count(*) AS n FROM app_user", {}))[0]["n"] == 0


# --- Idempotency-Key -----------------------------------------------------------------------------


def keyed(key: str) -> dict[str, str]:
    return {"Idempotency-Key": key}


async def kept_keys(database: Database, org: TestOrg) -> list[str]:
    async with database.transaction(org.id) as connection:
        return [str(row) for row in (await connection.execute(text("SELECT * FROM idempotency_key"))).all()]


async def test_the_same_login_again_is_a_new_token_and_none_is_stored(
    client: httpx.AsyncClient, fresh_org: TestOrg, database: Database
) -> None:
    sent = credentials(fresh_org)
    first = await client.post("/auth/login", json=sent, headers=keyed("mine"))
    reordered = json.dumps(dict(reversed(sent.items())), indent=2)
    headers = {**keyed('"mine"'), "Content-Type": "application/json"}
    again = await client.post("/auth/login", content=reordered, headers=headers)
    assert (first.status_code, again.status_code) == (200, 200)
    for token in (first.json()["access_token"], again.json()["access_token"]):
        assert (await client.get("/me", headers={"Authorization": f"Bearer {token}"})).status_code == 200
    [row] = await kept_keys(database, fresh_org)
    for secret in (PASSWORD, first.json()["access_token"], again.json()["access_token"]):
        assert secret not in row


async def test_a_key_that_logged_one_in_is_refused_with_another_body(
    client: httpx.AsyncClient, fresh_org: TestOrg, audit_of: AuditOf
) -> None:
    sent = credentials(fresh_org)
    assert (await client.post("/auth/login", json=sent, headers=keyed("k"))).status_code == 200
    other = credentials(fresh_org, Role.ADMIN)
    refused = await client.post("/auth/login", json=other, headers=keyed("k"))
    assert refused.status_code == 422
    assert "Idempotency-Key" in refused.json()["detail"]
    assert "access_token" not in refused.text
    assert await audit_of(fresh_org, fresh_org.users[Role.ADMIN]) == []


async def test_who_cannot_log_in_neither_learns_of_a_key_nor_uses_it_up(
    client: httpx.AsyncClient, fresh_org: TestOrg, database: Database
) -> None:
    sent, wrong = credentials(fresh_org), credentials(fresh_org, password="guessed-password")
    for _ in range(2):
        assert (await client.post("/auth/login", json=wrong, headers=keyed("k"))).status_code == 401
    assert await kept_keys(database, fresh_org) == []
    assert (await client.post("/auth/login", json=sent, headers=keyed("k"))).status_code == 200
    assert (await client.post("/auth/login", json=wrong, headers=keyed("k"))).status_code == 401


@pytest.mark.parametrize("key", ["", "x" * 256, "with blank", "\u00e4"])
async def test_a_malformed_key_is_refused_before_anything_is_checked(
    client: httpx.AsyncClient, orgs: dict[str, TestOrg], key: str
) -> None:
    headers = {b"Idempotency-Key": key.encode("latin-1")}
    answer = await client.post("/auth/login", json=credentials(orgs["demo"]), headers=headers)
    assert answer.status_code == 422
    assert "Idempotency-Key" in answer.json()["detail"]


async def test_a_key_that_is_swept_away_at_this_moment_is_a_new_one(
    client: httpx.AsyncClient, fresh_org: TestOrg, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = credentials(fresh_org)
    assert (await client.post("/auth/login", json=sent, headers=keyed("k"))).status_code == 200
    one = "org_id = :org AND scope = :scope AND key = :key"
    swept = text(
        f"WITH swept AS (DELETE FROM idempotency_key WHERE {one}) "
        "SELECT digest, status_code, headers, body FROM idempotency_key WHERE false"
    )
    monkeypatch.setattr("api.idempotency._CLAIMED", swept)
    assert (await client.post("/auth/login", json=sent, headers=keyed("k"))).status_code == 200
