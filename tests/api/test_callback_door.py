"""Signed callbacks at the door: whose word it is, written down once, refused without a hint."""

import asyncio
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI

from api.callback_door import MAX_BODY_BYTES
from api.rooms import Rooms
from domain.statuses import Role
from storage import callbacks
from storage.database import Database
from tests.api.callback_sender import Letter, said, signed
from tests.api.conftest import ClientFor, TestOrg, make_org
from tests.api.test_color_ups import make_color_up


async def secret_of(client_for: ClientFor, org: TestOrg) -> str:
    made = await client_for(Role.INTEGRATOR, org).post("/callback-secrets", json={})
    secret: str = made.json()["secret"]
    return secret


async def listed(client_for: ClientFor, org: TestOrg, path: str = "/callbacks", **query: Any) -> list[Any]:
    answer = await client_for(Role.INTEGRATOR, org).get(path, params=query)
    assert answer.status_code == 200, answer.text
    data: list[Any] = answer.json()["data"]
    return data


async def reasons(client_for: ClientFor, org: TestOrg) -> list[str]:
    return [row["reason"] for row in await listed(client_for, org, "/callback-refusals")]


@pytest.fixture
async def secret(client_for: ClientFor, fresh_org: TestOrg) -> str:
    return await secret_of(client_for, fresh_org)


@pytest.fixture
async def color_up(client_for: ClientFor, fresh_org: TestOrg) -> str:
    made: str = (await make_color_up(client_for, fresh_org))["id"]
    return made


async def test_a_signed_callback_is_written_down_and_set_going(
    client: httpx.AsyncClient,
    client_for: ClientFor,
    rooms: Rooms,
    fresh_org: TestOrg,
    secret: str,
    color_up: str,
) -> None:
    body = said(color_up, decision="request_changes", comment=" Größer, bitte 🧵 \u202e ")
    answer = await signed(body, secret, webhook_id="msg_1").send(client)
    assert answer.status_code == 202, answer.text
    assert answer.json() == {"id": answer.json()["id"], "webhook_id": "msg_1", "status": "accepted"}
    (row,) = await listed(client_for, fresh_org)
    assert (row["webhook_id"], row["color_up_id"], row["decision"]) == ("msg_1", color_up, "request_changes")
    assert row["comment"] == "Größer, bitte 🧵 \u202e"
    assert (row["deliveries"], row["other_bodies"], row["outcome"]) == (1, 0, None)
    assert [(order.org_id, str(order.callback_id)) for order in rooms.errands.callbacks] == [  # type: ignore[attr-defined]
        (fresh_org.id, answer.json()["id"])
    ]
    (used,) = await listed(client_for, fresh_org, "/callback-secrets")
    assert used["id"] == row["secret_id"]
    assert used["last_used_at"] is not None
    assert used["version"] == 1


def without(name: str) -> Callable[[Letter], None]:
    return lambda letter: letter.headers.pop(name) and None


def with_header(name: str, value: str) -> Callable[[Letter], None]:
    return lambda letter: letter.headers.update({name: value})


def other_body(letter: Letter) -> None:
    letter.body = letter.body.replace(b"approve", b"Approve", 1)


FORGERIES: list[tuple[str, Callable[[Letter], None]]] = [
    ("unsigned", without("webhook-id")),
    ("unsigned", without("webhook-timestamp")),
    ("unsigned", without("webhook-signature")),
    ("unsigned", with_header("webhook-signature", "")),
    ("unsigned", with_header("webhook-signature", "v1,bm90IGJhc2U2NA==")),
    ("unsigned", with_header("webhook-signature", "v2,q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA=")),
    ("unsigned", with_header("webhook-signature", "nonsense")),
    ("unsigned", with_header("webhook-timestamp", "yesterday")),
    ("unsigned", with_header("webhook-timestamp", "nan")),
    ("unsigned", with_header("webhook-timestamp", "9" * 400)),
    ("unsigned", with_header("webhook-id", "x" * 256)),
    ("unsigned", with_header("webhook-id", 'a"{b')),
    ("signature", with_header("webhook-signature", "v1,q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA=")),
    ("signature", with_header("webhook-id", "msg_other")),
    ("signature", other_body),
    ("stale", with_header("webhook-timestamp", "0")),
    ("stale", with_header("webhook-timestamp", "999999999999")),
]


@pytest.mark.parametrize(("reason", "forge"), FORGERIES)
async def test_a_forged_callback_is_refused_without_a_hint_and_recorded(
    client: httpx.AsyncClient,
    client_for: ClientFor,
    fresh_org: TestOrg,
    secret: str,
    color_up: str,
    reason: str,
    forge: Callable[[Letter], None],
) -> None:
    letter = signed(said(color_up), secret)
    forge(letter)
    await expect_401(await letter.send(client))
    (refused,) = await listed(client_for, fresh_org, "/callback-refusals")
    assert (refused["reason"], refused["color_up_id"]) == (reason, color_up)
    assert refused["request_id"] is not None
    assert await listed(client_for, fresh_org) == []


async def expect_401(answer: httpx.Response) -> None:
    document = answer.json()
    assert answer.status_code == 401, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert document.pop("request_id")
    assert document == {
        "type": "about:blank",
        "title": "Not signed",
        "status": 401,
        "detail": "The signature does not fit: sign id, timestamp and body with a callback secret that is in "
        "use, as Standard Webhooks says, within five minutes of sending",
        "instance": "/callbacks/customer-approval",
        "code": "AUTH_REQUIRED",
    }


@pytest.mark.parametrize("age", [timedelta(minutes=5, seconds=2), -timedelta(minutes=5, seconds=5)])
async def test_well_signed_but_older_or_newer_than_five_minutes_is_refused(
    client: httpx.AsyncClient,
    client_for: ClientFor,
    fresh_org: TestOrg,
    secret: str,
    color_up: str,
    age: timedelta,
) -> None:
    await expect_401(await signed(said(color_up), secret, age=age).send(client))
    (refused,) = await listed(client_for, fresh_org, "/callback-refusals")
    assert refused["reason"] == "stale"


@pytest.mark.parametrize("age", [timedelta(minutes=4, seconds=50), -timedelta(minutes=4, seconds=50)])
async def test_clocks_may_differ_by_almost_five_minutes(
    client: httpx.AsyncClient, secret: str, color_up: str, age: timedelta
) -> None:
    assert (await signed(said(color_up), secret, age=age).send(client)).status_code == 202


async def test_another_orgs_secret_signs_for_that_org_whose_color_up_is_unknown_there(
    client: httpx.AsyncClient, client_for: ClientFor, database: Database, fresh_org: TestOrg, color_up: str
) -> None:
    other = await make_org(database, f"org-{uuid4().hex[:12]}")
    theirs = await secret_of(client_for, other)
    named, unknown = [await signed(said(each), theirs).send(client) for each in (color_up, uuid4())]
    assert (named.status_code, set(named.json())) == (unknown.status_code, set(unknown.json()))
    assert named.status_code == 202
    assert str(color_up) in {row["color_up_id"] for row in await listed(client_for, other)}
    assert await listed(client_for, fresh_org) == []
    for org in (other, fresh_org):
        assert await listed(client_for, org, "/callback-refusals") == []


async def test_secrets_overlap_until_the_old_one_is_revoked(
    client: httpx.AsyncClient, client_for: ClientFor, fresh_org: TestOrg, color_up: str
) -> None:
    old, new = await secret_of(client_for, fresh_org), await secret_of(client_for, fresh_org)
    for secrets in ((old,), (new,), (old, new)):
        assert (await signed(said(color_up), *secrets).send(client)).status_code == 202
    rows = await listed(client_for, fresh_org, "/callback-secrets")
    await client_for(Role.INTEGRATOR, fresh_org).delete(f"/callback-secrets/{rows[1]['id']}")
    await expect_401(await signed(said(color_up), old).send(client))
    assert (await signed(said(color_up), new).send(client)).status_code == 202
    assert (await signed(said(color_up), old, new).send(client)).status_code == 202


async def test_signatures_of_other_kinds_stand_beside_ours(
    client: httpx.AsyncClient, secret: str, color_up: str
) -> None:
    letter = signed(said(color_up), secret)
    letter.headers["webhook-signature"] = f"v1a,zz v1 ,, {letter.headers['webhook-signature']} v3,x"
    assert (await letter.send(client)).status_code == 202


async def test_a_valid_signature_under_an_unknown_color_up_is_taken_for_the_signers_org(
    client: httpx.AsyncClient, client_for: ClientFor, fresh_org: TestOrg, secret: str
) -> None:
    nobody = uuid4()
    answer = await signed(said(nobody), secret).send(client)
    assert answer.status_code == 202
    assert [row["color_up_id"] for row in await listed(client_for, fresh_org)] == [str(nobody)]


async def test_a_bad_signature_under_an_unknown_color_up_is_refused(
    client: httpx.AsyncClient, secret: str
) -> None:
    letter = signed(said(uuid4()), secret)
    other_body(letter)
    await expect_401(await letter.send(client))


async def test_a_hundred_replays_at_once_are_one_callback(
    client: httpx.AsyncClient,
    client_for: ClientFor,
    rooms: Rooms,
    fresh_org: TestOrg,
    secret: str,
    color_up: str,
) -> None:
    letter = signed(said(color_up), secret)
    answers = await asyncio.gather(*(letter.send(client) for _ in range(100)))
    assert {answer.status_code for answer in answers} == {202}
    assert sorted(answer.json()["status"] for answer in answers) == ["accepted"] + ["repeated"] * 99
    assert len({answer.json()["id"] for answer in answers}) == 1
    (row,) = await listed(client_for, fresh_org)
    assert (row["deliveries"], row["other_bodies"]) == (100, 0)
    assert len(rooms.errands.callbacks) == 1  # type: ignore[attr-defined]


async def test_the_same_id_with_another_body_is_refused_and_changes_nothing(
    client: httpx.AsyncClient, client_for: ClientFor, fresh_org: TestOrg, secret: str, color_up: str
) -> None:
    await signed(said(color_up), secret, webhook_id="msg_1").send(client)
    other = said(color_up, decision="request_changes", comment="other")
    answer = await signed(other, secret, webhook_id="msg_1").send(client)
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith("This webhook-id came before with another body")
    (row,) = await listed(client_for, fresh_org)
    assert (row["decision"], row["deliveries"], row["other_bodies"]) == ("approve", 1, 1)
    assert [row["reason"] for row in await listed(client_for, fresh_org, "/callback-refusals")] == [
        "reused_id"
    ]


async def test_two_orgs_may_use_the_same_id(
    client: httpx.AsyncClient, client_for: ClientFor, secret: str, database: Database
) -> None:
    theirs = await secret_of(client_for, await make_org(database, f"org-{uuid4().hex[:12]}"))
    for one in (secret, theirs):
        answer = await signed(said(uuid4()), one, webhook_id="msg_shared").send(client)
        assert (answer.status_code, answer.json()["status"]) == (202, "accepted")


BAD_BODIES: list[tuple[bytes, str]] = [
    (b"", "body"),
    (b"{", "body"),
    (b"[]", "body"),
    (b"null", "body"),
    (b'"x"', "body"),
    (b"[" * 9000, "body"),
    (b'{"color_up_id": NaN}', "body"),
    (json.dumps(said("no-uuid")).encode(), "body.color_up_id"),
    (json.dumps(said(UUID(int=7), decision="superseded")).encode(), "body.decision"),
    (json.dumps(said(UUID(int=7), approver_email="")).encode(), "body.approver_email"),
    (json.dumps(said(UUID(int=7), approver_email="a\nb")).encode(), "body.approver_email"),
    (json.dumps(said(UUID(int=7), comment="x" * 2001)).encode(), "body.comment"),
    (json.dumps(said(UUID(int=7), comment="a\x00b")).encode(), "body.comment"),
    (json.dumps(said(UUID(int=7), comment="\ud800")).encode(), "body"),
    (json.dumps(said(UUID(int=7), more=1)).encode(), "body.more"),
    (json.dumps(said(UUID(int=7), decision="request_changes")).encode(), "body"),
    (json.dumps(said(UUID(int=7), decision="request_changes", comment=" ")).encode(), "body"),
]


@pytest.mark.parametrize(("body", "where"), BAD_BODIES)
async def test_a_bad_body_under_a_good_signature_is_told_to_the_sender_and_recorded(
    client: httpx.AsyncClient, client_for: ClientFor, fresh_org: TestOrg, secret: str, body: bytes, where: str
) -> None:
    answer = await signed(body, secret).send(client)
    assert answer.status_code == 422, answer.text
    assert ".".join(map(str, answer.json()["errors"][0]["loc"])).startswith(where)
    assert await reasons(client_for, fresh_org) == ["body"]
    assert await listed(client_for, fresh_org) == []


@pytest.mark.parametrize("body", [b"{", b"[" * 9000, b"\xff\xfe", b'{"color_up_id": 7}'])
async def test_a_bad_body_under_a_bad_signature_is_only_refused(
    client: httpx.AsyncClient, secret: str, body: bytes
) -> None:
    letter = signed(b"{}", secret)
    letter.body = body
    await expect_401(await letter.send(client))


async def test_a_huge_body_is_refused_before_anything_is_looked_up(
    client: httpx.AsyncClient, secret: str
) -> None:
    letter = signed(said(uuid4(), comment="x" * MAX_BODY_BYTES), secret)
    answer = await letter.send(client)
    assert (answer.status_code, answer.json()["code"]) == (413, "PAYLOAD_TOO_LARGE")


TEXTS = [None, "application/json; charset=utf-8", "application/vnd.x+json", "text/plain"]


@pytest.mark.parametrize("kind", TEXTS)
async def test_the_signature_counts_whatever_text_the_body_is_said_to_be(
    client: httpx.AsyncClient, secret: str, color_up: str, kind: str | None
) -> None:
    letter = signed(said(color_up), secret)
    del letter.headers["content-type"]
    if kind is not None:
        letter.headers["content-type"] = kind
    assert (await letter.send(client)).status_code == 202
    other_body(letter)
    await expect_401(await letter.send(client))


@pytest.mark.parametrize("kind", ["image/png", "application/x-www-form-urlencoded", "multipart/form-data"])
async def test_what_can_be_no_json_is_refused(client: httpx.AsyncClient, secret: str, kind: str) -> None:
    letter = signed(said(uuid4()), secret)
    letter.headers["content-type"] = kind
    assert (await letter.send(client)).status_code == 415


async def test_the_answer_does_not_wait_for_temporal(
    client: httpx.AsyncClient, client_for: ClientFor, rooms: Rooms, fresh_org: TestOrg, secret: str
) -> None:
    rooms.errands.away = True  # type: ignore[attr-defined]
    answer = await signed(said(uuid4()), secret).send(client)
    assert answer.status_code == 202
    assert len(await listed(client_for, fresh_org)) == 1


async def test_a_flood_of_bad_signatures_is_stopped_per_address_and_fills_nothing(
    app: FastAPI,
    client_for: ClientFor,
    fresh_org: TestOrg,
    secret: str,
    color_up: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(callbacks, "REFUSALS_KEPT", 7)

    def at(address: str) -> httpx.AsyncClient:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=(address, 1))
        return httpx.AsyncClient(transport=transport, base_url="http://api")

    flood, letter = at("203.0.113.7"), signed(said(color_up), secret)
    letter.headers["webhook-signature"] = "v1,q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA="
    statuses = [(await letter.send(flood)).status_code for _ in range(125)]
    assert statuses == [401] * 120 + [429] * 5
    stopped = await letter.send(flood)
    assert 1 <= int(stopped.headers["retry-after"]) <= 60
    assert stopped.json()["code"] == "RATE_LIMITED"
    kept = await listed(client_for, fresh_org, "/callback-refusals")
    assert len(kept) == 7
    assert {row["ip"] for row in kept} == {"203.0.113.7"}
    assert (await signed(said(color_up), secret).send(at("203.0.113.8"))).status_code == 202


async def test_lists_are_filtered_and_paged_and_show_the_own_org_only(
    client: httpx.AsyncClient, client_for: ClientFor, fresh_org: TestOrg, secret: str, color_up: str
) -> None:
    for number in range(5):
        named = color_up if number % 2 else uuid4()
        await signed(said(named), secret, webhook_id=f"msg_{number}").send(client)
    assert [row["webhook_id"] for row in await listed(client_for, fresh_org)] == [
        f"msg_{n}" for n in (4, 3, 2, 1, 0)
    ]
    assert len(await listed(client_for, fresh_org, color_up_id=color_up)) == 2
    assert len(await listed(client_for, fresh_org, webhook_id="msg_3")) == 1
    assert await listed(client_for, fresh_org, outcome="applied") == []
    answer = await client_for(Role.ADMIN, fresh_org).get("/callbacks", params={"limit": 3})
    rest = await client_for(Role.ADMIN, fresh_org).get(
        "/callbacks", params={"cursor": answer.json()["next_cursor"]}
    )
    assert [row["webhook_id"] for row in rest.json()["data"]] == ["msg_1", "msg_0"]
    theirs = (await client_for(Role.ADMIN, "other").get("/callbacks")).json()["data"]
    assert not {row["color_up_id"] for row in theirs} & {color_up}
    assert (
        await client_for(Role.ADMIN, fresh_org).get("/callbacks", params={"outcome": "x"})
    ).status_code == 422


async def test_no_secret_is_in_logs_or_answers(
    client: httpx.AsyncClient,
    client_for: ClientFor,
    fresh_org: TestOrg,
    secret: str,
    color_up: str,
    capfd: pytest.CaptureFixture[str],
) -> None:
    answers = [await signed(said(color_up), secret).send(client)]
    answers.append(await signed(said(color_up), secret, age=timedelta(hours=1)).send(client))
    answers.append(await signed(b"{", secret).send(client))
    for path in ("/callbacks", "/callback-refusals", "/callback-secrets", "/audit-log"):
        answers.append(await client_for(Role.ADMIN, fresh_org).get(path))
    captured = capfd.readouterr()
    written = captured.out + captured.err + "".join(answer.text for answer in answers)
    assert secret.removeprefix("whsec_") not in written
    assert "callback_refused" in written
