"""Errors under /proofs/: a page for browsers, which name HTML; a problem document for whoever does not."""

import httpx
import pytest

UNKNOWN = "A" * 43
CALLS = [
    ("GET", f"/proofs/{UNKNOWN}", 404, "NOT_FOUND"),
    ("GET", f"/proofs/{UNKNOWN}/picture.png", 404, "NOT_FOUND"),
    ("POST", f"/proofs/{UNKNOWN}/decision", 404, "NOT_FOUND"),
    ("PUT", f"/proofs/{UNKNOWN}", 405, "METHOD_NOT_ALLOWED"),
    ("GET", f"/proofs/{UNKNOWN}/more", 404, "NOT_FOUND"),
]


@pytest.mark.parametrize(("method", "path", "status", "code"), CALLS)
@pytest.mark.parametrize("accept", ["*/*", "application/json", "image/*", ""])
async def test_who_does_not_name_html_gets_the_code(
    client: httpx.AsyncClient, method: str, path: str, status: int, code: str, accept: str
) -> None:
    answer = await client.request(method, path, headers={"Accept": accept}, data={"decision": "approve"})
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == code
    assert UNKNOWN not in answer.text


@pytest.mark.parametrize(("method", "path", "status", "code"), CALLS)
async def test_a_browser_gets_a_page(
    client: httpx.AsyncClient, method: str, path: str, status: int, code: str
) -> None:
    accept = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    answer = await client.request(method, path, headers=accept, data={"decision": "approve"})
    assert (answer.status_code, code in answer.text) == (status, False)
    assert answer.headers["content-type"] == "text/html; charset=utf-8"


async def test_asking_for_a_new_link_takes_a_key_and_refuses_what_is_none(client: httpx.AsyncClient) -> None:
    path = f"/proofs/{UNKNOWN}/renewal"
    for key, status in (
        ("one-more", 202),
        ("one-more", 202),
        ("x" * 255, 202),
        ("x" * 256, 422),
        ("a b", 422),
    ):
        answer = await client.post(path, headers={"Idempotency-Key": key})
        assert answer.status_code == status, key
