"""Orders through connectors that send, in the real stack: the user's script of the mock, and HTTP."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import pytest_asyncio
from standardwebhooks import Webhook

from tests.connectors.http_receiver import SIGNING_SECRET, raw_endpoint, status, uvicorn_endpoint
from tests.e2e.conftest import Body, People, Person, draft_in, settled

Connect = Callable[..., Awaitable[Body]]


@pytest_asyncio.fixture
async def other(people: People) -> Person:
    return await people("ops", "other")


@pytest_asyncio.fixture
async def connect(people: People) -> AsyncIterator[Connect]:
    """`await connect("mock", script=[…])`: the org's one ACTIVE connection until the test ends."""
    integrator = await people("integrator", "other")
    made: list[str] = []

    async def create(slug: str, **config: Any) -> Body:
        connection = await integrator.json("POST", f"/connectors/{slug}", 201, json=config)
        made.append(connection["id"])
        return connection

    yield create
    for connection_id in made:
        await integrator.json("POST", f"/connectors/{connection_id}/disable")


async def tries(person: Person, export: Body) -> list[Body]:
    return list((await person.json("GET", f"/exports/{export['id']}/push-log"))["data"])


async def test_the_script_is_followed_try_by_try_and_shown_in_the_push_log(
    connect: Connect, other: Person
) -> None:
    script = [
        {"do": "fail", "code": "CONNECTION_LOST", "times": 1},
        {"do": "lose_answer", "code": "SERVER_ERROR", "times": 1},
        {"do": "succeed"},
    ]
    connection = await connect("mock", script=script)
    assert connection["destination"] == "mock"
    assert connection["ack_expected"] is False
    draft = await draft_in(other, "PUSHED")
    (export,) = draft["exports"]
    assert export["status"] == "SENT"
    assert export["connector_type"] == "MOCK"
    assert draft["waiting_for"] is None  # nobody answers, so the order is finished
    rows = await tries(other, export)
    assert [row["status"] for row in rows] == ["RETRYING", "RETRYING", "SUCCESS"]
    assert [row["response"]["mock"]["do"] for row in rows] == ["fail", "lose_answer", "succeed"]
    assert [(row["error"] or {}).get("code") for row in rows] == ["CONNECTION_LOST", "SERVER_ERROR", None]


async def test_tries_that_surely_sent_nothing_need_no_question_before_the_next_push(
    connect: Connect, other: Person
) -> None:
    refusal = {"do": "fail", "code": "AUTHENTICATION_FAILED"}
    await connect("mock", script=[{"do": "fail", "code": "CONNECTION_REFUSED", "times": 1}, refusal])
    draft = await draft_in(other, "ERROR")
    (export,) = draft["exports"]
    assert (export["status"], export["error"]["code"]) == ("FAILED", "AUTHENTICATION_FAILED")
    assert export["may_have_been_sent"] is False
    assert [row["status"] for row in await tries(other, export)] == ["RETRYING", "FAILED"]
    await other.json("POST", f"/draft-orders/{draft['id']}/retry-push")
    await settled(other, draft["id"], "ERROR")


async def test_one_try_that_may_have_arrived_makes_a_person_decide(connect: Connect, other: Person) -> None:
    script = [{"do": "lose_answer", "times": 1}, {"do": "fail", "code": "DOCUMENT_REFUSED"}]
    await connect("mock", script=script)
    draft = await draft_in(other, "ERROR")
    assert draft["exports"][0]["may_have_been_sent"] is True
    asked = await other.json("POST", f"/draft-orders/{draft['id']}/retry-push", 409)
    assert asked["may_have_been_sent"] is True


async def test_an_order_reaches_the_endpoint_signed_and_is_finished_when_it_is_taken(
    connect: Connect, other: Person
) -> None:
    async with uvicorn_endpoint() as endpoint:
        connection = await connect(
            "http-json-v1", url=endpoint.url, signing_secret=SIGNING_SECRET, test_on_save=True
        )
        assert connection["last_test_result"] == "SUCCESS"
        assert SIGNING_SECRET not in str(connection)
        draft = await draft_in(other, "PUSHED")
    (export,) = draft["exports"]
    assert export["dropzone_path"] == endpoint.url
    assert draft["waiting_for"] is None
    (order,) = endpoint.orders()
    Webhook(SIGNING_SECRET).verify(order.body, order.headers)
    assert order.headers["idempotency-key"] == export["id"]
    document = await other.call("GET", f"/exports/{export['id']}/document")
    assert order.body == document.content
    (row,) = await tries(other, export)
    assert row["response"]["http_status"] == 202


async def test_a_lost_reply_is_sent_again_under_the_same_key(connect: Connect, other: Person) -> None:
    async def hang_up(writer: Any) -> None:
        """Processed, and the reply lost."""

    async with raw_endpoint(hang_up, status(409, Retry_After="1"), status(200)) as endpoint:
        await connect("http-json-v1", url=endpoint.url, signing_secret=SIGNING_SECRET)
        draft = await draft_in(other, "PUSHED")
    (export,) = draft["exports"]
    assert [order.headers["idempotency-key"] for order in endpoint.orders()] == [export["id"]] * 3
    assert len({order.body for order in endpoint.orders()}) == 1
    errors = [(row["error"] or {}).get("code") for row in await tries(other, export)]
    assert errors == ["CONNECTION_LOST", "SERVER_ERROR", None]


async def test_a_refusal_shows_the_receivers_words_and_sends_nothing_twice(
    connect: Connect, other: Person
) -> None:
    async with raw_endpoint(status(422, b'{"error": "unknown item INT-999"}')) as endpoint:
        await connect("http-json-v1", url=endpoint.url, signing_secret=SIGNING_SECRET)
        draft = await draft_in(other, "ERROR")
    (export,) = draft["exports"]
    assert export["error"]["code"] == "DOCUMENT_REFUSED"
    assert export["may_have_been_sent"] is False
    (row,) = await tries(other, export)
    assert "unknown item INT-999" in row["response"]["answer"]
    assert len(endpoint.orders()) == 1


async def test_a_failed_test_saves_nothing_and_says_why(people: People) -> None:
    integrator = await people("integrator", "other")
    before = (await integrator.json("GET", "/connectors"))["data"]
    async with raw_endpoint(status(401)) as endpoint:
        body = {"url": endpoint.url, "signing_secret": SIGNING_SECRET, "test_on_save": True}
        problem = await integrator.json("POST", "/connectors/http-json-v1", 400, json=body)
        assert problem["code"] == "AUTHENTICATION_FAILED"
        assert "HTTP 401" in problem["detail"]
        await integrator.json("POST", "/connectors/http-json-v1/test", 400, json=body)
    assert (await integrator.json("GET", "/connectors"))["data"] == before


@pytest.mark.parametrize(("answer", "status"), [("ACKED", "PUSHED"), ("FAILED", "ERROR")])
async def test_the_mocks_answer_comes_the_way_that_real_ones_come(
    connect: Connect, other: Person, answer: str, status: str
) -> None:
    await connect("mock", ack={"status": answer, "error_code": "NO_ITEM", "message": "unknown item"})
    draft = await draft_in(other, "APPROVED")
    await other.json("POST", f"/draft-orders/{draft['id']}/push")
    until = asyncio.get_running_loop().time() + 40
    while True:
        draft = await other.json("GET", f"/draft-orders/{draft['id']}")
        if draft["exports"] and draft["exports"][0]["status"] == ("ACKED" if answer == "ACKED" else "FAILED"):
            break
        assert asyncio.get_running_loop().time() < until, draft["exports"]
        await asyncio.sleep(0.1)
    draft = await settled(other, draft["id"], status)
    (export,) = draft["exports"]
    if answer == "ACKED":
        assert export["erp_order_id"] == f"MOCK-{export['id'][:8]}"
    else:
        assert (export["error"]["code"], export["error"]["message"]) == ("NO_ITEM", "unknown item")
