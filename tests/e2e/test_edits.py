"""An edit's answer says what it took back, and its preview says so before anything is changed."""

from typing import Any
from uuid import uuid4

import pytest

from tests.e2e.conftest import Body, Person, draft_in, good_line

NOTHING: Body = {"operator_approval": False, "production_approval": False, "lines": []}
REVOKED: Body = {**NOTHING, "operator_approval": True}


async def edits(ops: Person) -> list[tuple[str, str, Any, int]]:
    return [
        ("PATCH", "", {"notes": "n"}, 200),
        ("PATCH", "/lines/1", {"qty": "12"}, 200),
        ("POST", "/lines", await good_line(ops), 201),
        ("DELETE", "/lines/1", None, 200),
    ]


async def test_each_edit_says_what_it_reopened_as_its_preview_did(ops: Person) -> None:
    draft = await draft_in(ops, "READY")
    path = f"/draft-orders/{draft['id']}"
    for method, rest, body, status in await edits(ops):
        preview = await ops.json(method, f"{path}{rest}", json=body, params={"preview": "true"})
        done = await ops.json(method, f"{path}{rest}", status, json=body)
        assert done["reopened"] == preview["reopened"] == NOTHING
        assert preview["preview"] is True
        same = ("status", "version", "issues", "line_summary", "waiting_for", "notes", "allowed_actions")
        assert {name: preview["draft"][name] for name in same} == {name: done[name] for name in same}
        assert preview["draft"]["lines"] == done["lines"]


async def test_an_approved_draft_stays_approved_under_every_preview(ops: Person) -> None:
    draft = await draft_in(ops, "APPROVED")
    path = f"/draft-orders/{draft['id']}"
    trail = await ops.json("GET", "/audit-log", params={"entity_id": draft["id"]})
    for method, rest, body, _status in await edits(ops):
        preview = await ops.json(
            method,
            f"{path}{rest}",
            json=body,
            params={"preview": "true"},
            headers={"If-Match": f'"{draft["version"]}"'},
        )
        assert preview["reopened"] == REVOKED
        assert (preview["draft"]["status"], preview["draft"]["approved_at"]) == ("NEEDS_REVIEW", None)
    assert await ops.json("GET", path) == draft
    assert await ops.json("GET", "/audit-log", params={"entity_id": draft["id"]}) == trail
    done = await ops.json("PATCH", path, json={"notes": "n"})
    assert done["reopened"] == REVOKED


async def test_an_edit_that_names_nothing_is_refused_like_any_other(ops: Person) -> None:
    draft = await draft_in(ops, "READY")
    path, stale = f"/draft-orders/{draft['id']}", {"If-Match": f'"{draft["version"] - 1}"'}
    closed = f"/draft-orders/{(await draft_in(ops, 'REJECTED'))['id']}"
    for query in ({}, {"preview": "true"}):
        options: Body = {"json": {}, "params": query}
        for place in (path, f"{path}/lines/1"):
            await ops.json("PATCH", place, 412, headers=stale, **options)
            await ops.json("PATCH", place, **options)
        await ops.json("PATCH", f"{path}/lines/999", 404, **options)
        for place in (closed, f"{closed}/lines/1"):
            refused = await ops.json("PATCH", place, 409, **options)
            assert refused["current_status"] == "REJECTED"
    assert (await ops.json("GET", path))["version"] == draft["version"]


async def test_a_draft_shows_and_is_found_by_the_name_that_its_customer_has_now(ops: Person) -> None:
    mark = uuid4().hex
    first, second = [
        await ops.json("POST", "/customers", 201, json={"name": f"{name} {mark}"})
        for name in ("Ärmel", "Öse")
    ]
    draft = await ops.json("POST", "/draft-orders", 201, json={"customer_id": first["id"], "lines": []})
    path, change = f"/draft-orders/{draft['id']}", {"customer_id": second["id"]}
    preview = await ops.json("PATCH", path, json=change, params={"preview": "true"})
    done = await ops.json("PATCH", path, json=change)
    names = [each["customer_name"] for each in (draft, preview["draft"], done)]
    assert names == [f"Ärmel {mark}", f"Öse {mark}", f"Öse {mark}"]
    await ops.json("PATCH", f"/customers/{second['id']}", json={"name": f"Übergröße {mark}"})
    found = await ops.json("GET", "/draft-orders", params={"q": f"ÜBERGRÖSSE {mark}".replace("SS", "ß")})
    assert [(each["id"], each["customer_name"]) for each in found["data"]] == [
        (draft["id"], f"Übergröße {mark}")
    ]
    for gone in ("Ärmel", "Öse"):
        assert (await ops.json("GET", "/draft-orders", params={"q": f"{gone} {mark}"}))["data"] == []
    assert (await ops.json("GET", path))["customer_name"] == f"Übergröße {mark}"


async def test_a_repeat_of_an_edit_gets_the_first_answers_reopened(ops: Person) -> None:
    draft = await draft_in(ops, "APPROVED")
    line, key = await good_line(ops), {"Idempotency-Key": "one-more"}
    for _ in range(2):
        done = await ops.json("POST", f"/draft-orders/{draft['id']}/lines", 201, json=line, headers=key)
        assert done["reopened"] == REVOKED
        assert len(done["lines"]) == 2


@pytest.mark.parametrize("preview", ["true", "false"])
async def test_an_edit_that_names_nothing_reopens_nothing(ops: Person, preview: str) -> None:
    draft = await draft_in(ops, "APPROVED")
    answer = await ops.json("PATCH", f"/draft-orders/{draft['id']}", json={}, params={"preview": preview})
    assert answer["reopened"] == NOTHING
    assert answer.get("draft", answer)["status"] == "APPROVED"


@pytest.mark.parametrize(
    ("status", "method", "rest", "body", "headers", "wanted"),
    [
        ("REJECTED", "PATCH", "", {"notes": "x"}, {}, 409),
        ("PUSHED", "PATCH", "/lines/1", {"qty": "2"}, {}, 409),
        ("READY", "PATCH", "", {"notes": "x"}, {"If-Match": '"1"'}, 412),
        ("READY", "DELETE", "/lines/1", None, {"If-Match": '"x"'}, 412),
        ("READY", "PATCH", "/lines/9", {"qty": "2"}, {}, 404),
        ("READY", "DELETE", "/lines/9", None, {}, 404),
        ("READY", "PATCH", "/lines/0", {"qty": "2"}, {}, 422),
        ("READY", "PATCH", "/lines/1", {"qty": "two"}, {}, 422),
        ("READY", "PATCH", "/lines/1", {"surprise": 1}, {}, 422),
        ("READY", "POST", "/lines", {"line_no": 1}, {}, 409),
    ],
)
async def test_a_preview_is_refused_as_the_edit_would_be(
    ops: Person, status: str, method: str, rest: str, body: Any, headers: dict[str, str], wanted: int
) -> None:
    draft = await draft_in(ops, status)
    path = f"/draft-orders/{draft['id']}{rest}"
    said = [
        await ops.json(method, path, wanted, json=body, headers=headers, params=params)
        for params in ({"preview": "true"}, {})
    ]
    assert said[0]["detail"] == said[1]["detail"]


async def test_a_bad_preview_flag_is_422(ops: Person) -> None:
    draft = await draft_in(ops, "READY")
    answer = await ops.call(
        "PATCH", f"/draft-orders/{draft['id']}", json={"notes": "x"}, params={"preview": "maybe"}
    )
    assert answer.status_code == 422
    assert (await ops.json("GET", f"/draft-orders/{draft['id']}"))["notes"] is None
