"""Bad input gets the right status, a sentence, and changes nothing. Never a 500."""

import json
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.config import SchemathesisConfig

from domain.policy import OrgPolicy
from local.stack import Stack
from tests.e2e.conftest import People, Person, order

BAD_DRAFTS: list[tuple[str, Any]] = [
    ("unknown field", {"surprise": 1}),
    ("not an object", [1]),
    ("line without number type", {"lines": [{"line_no": "x"}]}),
    ("line number 0", {"lines": [{"line_no": 0}]}),
    ("line number too big", {"lines": [{"line_no": 2**40}]}),
    ("two lines with one number", {"lines": [{"line_no": 1}, {"line_no": 1}]}),
    ("NUL in a text", {"notes": "a\x00b"}),
    ("NUL in a code", {"external_order_number": "a\x00"}),
    ("lone surrogate", {"notes": "\ud800"}),
    ("qty no number", {"lines": [{"qty": "ten"}]}),
    ("qty NaN text", {"lines": [{"qty": "NaN"}]}),
    ("qty too precise", {"lines": [{"qty": "0.1234567"}]}),
    ("qty huge", {"lines": [{"qty": "1e400"}]}),
    ("qty true", {"lines": [{"qty": True}]}),
    ("negative price", {"lines": [{"unit_price": "-1"}]}),
    ("qty out of proportion", b'{"lines": [{"qty": 1e99999999}]}'),
    ("line number out of proportion", b'{"lines": [{"line_no": 1e-99999999}]}'),
    ("line number true", {"lines": [{"line_no": True}]}),
    ("sizes as texts", {"lines": [{"decoration": {"size_quantities": {"M": "12"}}}]}),
    ("date as a number", {"order_date": 0}),
    ("date with a time", {"requested_delivery_date": "2026-12-01T00:00:00Z"}),
    ("currency in small letters", {"currency": "eur"}),
    ("date that is none", {"order_date": "2026-02-30"}),
    ("customer id that is none", {"customer_id": "nobody"}),
    ("sha256 too short", {"source_document": {"document_id": "d", "file_name": "f", "sha256": "aa"}}),
    ("too many lines", {"lines": [{}] * 1001}),
    ("texts too long", {"lines": [{"notes": "x" * 4000}] * 240}),
    ("order number too long", {"external_order_number": "x" * 101}),
]


@pytest.mark.parametrize(("what", "change"), BAD_DRAFTS, ids=[what for what, _ in BAD_DRAFTS])
async def test_a_malformed_draft_is_422(ops: Person, what: str, change: Any) -> None:
    body = {**await order(ops), **change} if isinstance(change, dict) else change
    content = body if isinstance(body, bytes) else json.dumps(body)
    answer = await ops.call(
        "POST", "/draft-orders", content=content, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 422, answer.text
    problem = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["code"] == "VALIDATION_ERROR"
    assert problem["request_id"] == answer.headers["x-request-id"]


@pytest.mark.parametrize(
    "text", ["{", '{"notes": NaN}', '{"lines": Infinity}', "[" * 100_000, b"\xff\xfe{}", ""]
)
async def test_a_body_that_is_not_json_is_422(ops: Person, text: str | bytes) -> None:
    headers = {"Content-Type": "application/json"}
    answer = await ops.call("POST", "/draft-orders", content=text, headers=headers)
    assert answer.status_code == 422, answer.text


async def test_a_body_over_one_mebibyte_is_413(ops: Person) -> None:
    answer = await ops.call("POST", "/draft-orders", json={"notes": "x" * 1_100_000})
    assert (answer.status_code, answer.json()["code"]) == (413, "PAYLOAD_TOO_LARGE")

    async def chunks() -> Any:
        for _ in range(20):
            yield b" " * 100_000

    streamed = await ops.call(
        "POST", "/draft-orders", content=chunks(), headers={"Content-Type": "application/json"}
    )
    assert streamed.status_code == 413


async def test_other_media_types_and_methods(ops: Person) -> None:
    answer = await ops.call("POST", "/draft-orders", content="a=b", headers={"Content-Type": "text/plain"})
    assert (answer.status_code, answer.json()["code"]) == (415, "UNSUPPORTED_MEDIA_TYPE")
    answer = await ops.call("PUT", "/draft-orders")
    assert (answer.status_code, answer.json()["code"]) == (405, "METHOD_NOT_ALLOWED")
    answer = await ops.call("GET", "/nothing-here")
    assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")


@pytest.mark.parametrize(
    "query",
    [
        {"cursor": "abc"},
        {"cursor": "W10="},
        {"limit": 0},
        {"limit": "x"},
        {"q": "\x00"},
        {"status": "NOPE"},
        {"date_from": "yesterday"},
        {"date_from": "0"},
        {"date_to": "2026-11-20T00:00:00Z"},
        {"customer_id": "x"},
    ],
    ids=str,
)
async def test_a_bad_query_is_422(ops: Person, query: dict[str, Any]) -> None:
    answer = await ops.call("GET", "/draft-orders", params=query)
    assert answer.status_code == 422, answer.text


async def test_search_is_literal_and_pages_join_without_gap(ops: Person) -> None:
    marks = [f"100%_{n}" for n in range(5)]
    made = [
        (await ops.json("POST", "/draft-orders", 201, json=await order(ops, external_order_number=mark)))[
            "id"
        ]
        for mark in marks
    ]
    found = await ops.json("GET", "/draft-orders", params={"q": "100%_", "limit": 2})
    seen = [row["id"] for row in found["data"]]
    while found["next_cursor"]:
        query = {"q": "100%_", "limit": 2, "cursor": found["next_cursor"]}
        found = await ops.json("GET", "/draft-orders", params=query)
        seen += [row["id"] for row in found["data"]]
    assert seen == list(reversed(made))
    assert (await ops.json("GET", "/draft-orders", params={"q": "100x_"}))["data"] == []


async def test_a_request_id_is_kept_when_sane(ops: Person) -> None:
    kept = await ops.call("GET", "/me", headers={"X-Request-Id": "abc-123"})
    assert kept.headers["x-request-id"] == "abc-123"
    made = await ops.call("GET", "/me", headers={"X-Request-Id": "a b\tc"})
    assert made.headers["x-request-id"] != "a b\tc"


# log-in, proofs' links and callbacks would meet their own limits, and use them up for the other tests;
# streams end with their token only; the mock does as it is told, hanging too
UNASKED = {
    "/auth/login",
    "/callbacks/customer-approval",
    "/events",
    "/draft-orders/{draft_id}/events",
    "/connectors/mock",
    "/connectors/mock/test",
}


async def test_no_input_that_the_contract_allows_or_forbids_makes_a_500(stack: Stack, people: People) -> None:
    admin = await people("admin", "other")
    token = admin.http.headers["Authorization"]
    schema = schemathesis.openapi.from_url(f"{stack.base_url}/openapi.json", config=SchemathesisConfig())
    failures: list[str] = []
    count = 0
    for found in schema.get_all_operations():
        operation = found.ok()
        if operation.path in UNASKED or operation.path.startswith("/proofs/"):
            continue

        @settings(
            max_examples=8,
            database=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def ask(case: Any) -> None:
            nonlocal count
            count += 1
            response = case.call(headers={"Authorization": token}, timeout=10)
            if response.status_code >= 500:
                said = f"{response.status_code} {response.text[:300]}"
                failures.append(f"{case.method} {case.path} {str(case.body)[:300]}: {said}")

        ask()
    await admin.json("PATCH", "/org/settings", json=OrgPolicy().model_dump(mode="json"))
    for made in (await admin.json("GET", "/connectors", params={"limit": 200}))["data"]:
        await admin.json("POST", f"/connectors/{made['id']}/disable")
    assert not failures, "\n".join(failures[:5])
    assert count > 200
