"""Secrets of signed callbacks: shown once, kept encrypted, several at once, revoked."""

import asyncio
import base64
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text
from standardwebhooks import Webhook

from api import callback_secrets
from api.rooms import Rooms
from config.keys import callback_secret_owner
from domain.statuses import Role
from storage.database import Database
from tests.api.conftest import AuditOf, ClientFor, TestOrg


async def rows_of(database: Database, org: TestOrg, table: str) -> list[dict[str, Any]]:
    async with database.transaction(org.id) as connection:
        return [dict(row) for row in (await connection.execute(text(f"SELECT * FROM {table}"))).mappings()]


async def test_a_secret_is_shown_once_and_is_one_of_standard_webhooks(
    client_for: ClientFor, fresh_org: TestOrg
) -> None:
    client = client_for(Role.INTEGRATOR, fresh_org)
    answer = await client.post("/callback-secrets", json={"name": " Shop "})
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert len(base64.b64decode(made["secret"].removeprefix("whsec_"))) == 32
    Webhook(made["secret"])
    assert (made["name"], made["revoked_at"], made["last_used_at"]) == ("Shop", None, None)
    assert made["created_by_user_id"] == str(fresh_org.users[Role.INTEGRATOR])
    assert answer.headers["etag"] == '"1"'
    listed = await client.get("/callback-secrets")
    assert listed.json()["data"] == [{name: value for name, value in made.items() if name != "secret"}]


async def test_no_two_secrets_are_the_same_and_a_body_may_be_left_out(
    client_for: ClientFor, fresh_org: TestOrg
) -> None:
    client = client_for(Role.ADMIN, fresh_org)
    answers = [await client.post("/callback-secrets"), await client.post("/callback-secrets", json={})]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert len({answer.json()["secret"] for answer in answers}) == 2


async def test_the_database_holds_it_encrypted_for_its_org_and_row_only(
    client_for: ClientFor, fresh_org: TestOrg, database: Database, rooms: Rooms
) -> None:
    headers = {"Idempotency-Key": "one"}
    client = client_for(Role.INTEGRATOR, fresh_org)
    made = (await client.post("/callback-secrets", json={}, headers=headers)).json()
    (row,) = await rows_of(database, fresh_org, "callback_secret")
    owner = callback_secret_owner(fresh_org.id, row["id"])
    assert rooms.keys.decrypt(row["secret_encrypted"], owner).decode() == made["secret"]
    for table in ("callback_secret", "idempotency_key", "audit_log"):
        assert made["secret"].removeprefix("whsec_") not in str(await rows_of(database, fresh_org, table))


async def test_the_same_key_again_shows_the_same_secret_to_the_same_person_for_a_while(
    client_for: ClientFor, fresh_org: TestOrg, monkeypatch: pytest.MonkeyPatch
) -> None:
    headers = {"Idempotency-Key": f"k-{uuid4()}"}
    client = client_for(Role.INTEGRATOR, fresh_org)
    first = await client.post("/callback-secrets", json={"name": "A"}, headers=headers)
    again = await client.post("/callback-secrets", json={"name": "A"}, headers=headers)
    assert (again.status_code, again.json(), again.headers["etag"]) == (201, first.json(), '"1"')
    assert len((await client.get("/callback-secrets")).json()["data"]) == 1
    other_body = await client.post("/callback-secrets", json={"name": "B"}, headers=headers)
    assert other_body.status_code == 422
    admin = client_for(Role.ADMIN, fresh_org)
    other_person = await admin.post("/callback-secrets", json={"name": "A"}, headers=headers)
    assert (other_person.json()["id"], other_person.json()["secret"]) == (first.json()["id"], None)
    with monkeypatch.context() as patch:
        patch.setattr(callback_secrets, "_SHOWN_AGAIN_WITHIN", callback_secrets.timedelta(0))
        late = await client.post("/callback-secrets", json={"name": "A"}, headers=headers)
    assert late.json()["secret"] is None
    await client.delete(f"/callback-secrets/{first.json()['id']}")
    revoked = await client.post("/callback-secrets", json={"name": "A"}, headers=headers)
    assert revoked.json()["secret"] is None


async def test_revoking_is_recorded_once_and_may_be_repeated(
    client_for: ClientFor, fresh_org: TestOrg, audit_of: AuditOf
) -> None:
    client = client_for(Role.INTEGRATOR, fresh_org)
    made = (await client.post("/callback-secrets", json={"name": "Shop"})).json()
    path = f"/callback-secrets/{made['id']}"
    assert (await client.delete(path, headers={"If-Match": '"7"'})).status_code == 412
    answers = [await client.delete(path, headers={"If-Match": '"1"'}), await client.delete(path)]
    assert [(answer.status_code, answer.content) for answer in answers] == [(204, b""), (204, b"")]
    (listed,) = (await client.get("/callback-secrets")).json()["data"]
    assert listed["revoked_at"] is not None
    assert listed["revoked_by_user_id"] == str(fresh_org.users[Role.INTEGRATOR])
    trail = await audit_of(fresh_org, made["id"])
    assert [row["action"] for row in trail] == ["CALLBACK_SECRET_CREATED", "CALLBACK_SECRET_REVOKED"]
    assert trail[0]["after"] == trail[1]["before"] == {"name": "Shop"}


async def test_only_so_many_are_in_use_also_when_asked_for_at_once(
    client_for: ClientFor, fresh_org: TestOrg
) -> None:
    client = client_for(Role.INTEGRATOR, fresh_org)
    asked = callback_secrets.MAX_IN_USE + 3
    answers = await asyncio.gather(*(client.post("/callback-secrets", json={}) for _ in range(asked)))
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses == [201] * callback_secrets.MAX_IN_USE + [409] * 3
    refused = next(answer for answer in answers if answer.status_code == 409)
    assert refused.json()["detail"] == "There are 10 callback secrets in use; revoke one first"
    made = next(answer for answer in answers if answer.status_code == 201)
    await client.delete(f"/callback-secrets/{made.json()['id']}")
    assert (await client.post("/callback-secrets", json={})).status_code == 201


async def test_another_orgs_secret_is_not_there(client_for: ClientFor, fresh_org: TestOrg) -> None:
    client = client_for(Role.INTEGRATOR, fresh_org)
    made = (await client.post("/callback-secrets", json={})).json()
    theirs = client_for(Role.ADMIN, "other")
    assert (await theirs.delete(f"/callback-secrets/{made['id']}")).status_code == 404
    assert made["id"] not in (await theirs.get("/callback-secrets")).text
    (listed,) = (await client.get("/callback-secrets")).json()["data"]
    assert listed["revoked_at"] is None


@pytest.mark.parametrize("body", [{"name": ""}, {"secret": "whsec_mine"}, {"name": "a\nb"}, []])
async def test_a_body_that_does_not_fit_is_refused(client_for: ClientFor, body: Any) -> None:
    answer = await client_for(Role.INTEGRATOR).post("/callback-secrets", json=body)
    assert answer.status_code == 422
