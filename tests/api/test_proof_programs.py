"""A proof's address, asked by programs: JSON in and out."""

import pytest

from tests.api.visitor import Visitor


async def test_programs_read_and_decide_as_json(visitor: Visitor) -> None:
    json = {"Accept": "application/json"}
    seen = (await visitor.get(headers=json)).json()
    assert seen["sheet"]["thread_sequence"][0]["thread_name"] == "Navy"
    assert seen["approvers"][0]["name"] == "Ada <Boss>"
    body = {"decision": "approve", "approver_id": str(visitor.world.approvers[0]), "comment": None}
    path = f"/proofs/{visitor.token}/decision"
    stale = await visitor.http.post(path, json={**body, "sheet": "0" * 64})
    assert (stale.status_code, stale.json()["sheet_sha256"]) == (409, seen["sheet_sha256"])
    done = await visitor.http.post(path, json={**body, "sheet": seen["sheet_sha256"]})
    assert done.status_code == 200
    assert (done.json()["decision"], done.json()["decided_by"]) == ("approve", "Jo Hansen")
    again = await visitor.http.post(path, json=body)
    assert again.status_code == 200
    other = await visitor.http.post(path, json={**body, "decision": "request_changes", "comment": "no"})
    assert (other.status_code, other.json()["decision"]) == (409, "approve")
    assert visitor.token not in other.text


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"{}", "application/json", 422),
        (b"[]", "application/json", 422),
        (b"{", "application/json", 422),
        (b'{"decision": "approve", "approver_id": "x"}', "application/json", 422),
        (b'{"decision": "approve", "approver_id": 7, "more": 1}', "application/json", 422),
        (b"\xff", "application/json", 422),
        (b"decision=approve", "text/plain", 415),
        (b"", "", 415),
        (b"--x", "multipart/form-data", 400),
        (b"--x\r\nbroken", "multipart/form-data; boundary=x", 400),
        (b"x=1&" * 30, "application/x-www-form-urlencoded", 400),
    ],
)
async def test_a_body_that_makes_no_sense_is_refused(
    visitor: Visitor, content: bytes, kind: str, status: int
) -> None:
    headers = {"Content-Type": kind, "Accept": "application/json"}
    answer = await visitor.http.post(f"/proofs/{visitor.token}/decision", content=content, headers=headers)
    assert answer.status_code in {status, 422 if "form" in kind else status}, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert visitor.token not in answer.text
    assert await visitor.status() == "Pending Approval"


async def test_json_that_asks_for_changes_needs_a_comment(visitor: Visitor) -> None:
    body = {"decision": "request_changes", "approver_id": str(visitor.world.approvers[0])}
    answer = await visitor.http.post(f"/proofs/{visitor.token}/decision", json=body)
    assert (answer.status_code, answer.json()["errors"][0]["loc"]) == (422, ["body", "comment"])
