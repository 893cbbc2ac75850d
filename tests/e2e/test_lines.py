"""Commands on one line over HTTP: who may send them, what is refused, and that a refusal changes nothing."""

from typing import Any

import pytest

from domain.line_transitions import LINE_ALLOWED, line_refusal
from domain.statuses import LineStatus
from domain.transitions import LINE_COMMANDS, Command
from tests.e2e.conftest import Body, People, Person, draft_in, order
from tests.e2e.decorations import (
    color_up_of,
    customer_with_approver,
    decorated_order,
    decoration,
    line_in,
    line_path,
    lines_at,
    logo_of,
)

NOWHERE = "7b1f4c52-2c0e-4d3a-9a55-0d7f7f0b9e11"  # the same in each process that collects
# The path of each command and a body that fits.
CALLS: dict[Command, tuple[str, Any]] = {
    Command.LINK_LOGO: ("logo", {"logo_id": NOWHERE}),
    Command.SET_COLOR_UP: ("color-up", {"color_up_id": NOWHERE}),
    Command.SUBMIT_LINE: ("submit", None),
    Command.REVIEW_LINE: ("review", {"decision": "approve"}),
    Command.MOVE_ON_FLOOR: ("floor", {"to": "In Production"}),
}
# Approved is passed at once; New and Phone Call are walked in tests/domain.
STANDING = [
    LineStatus.AWAITING_LOGO,
    LineStatus.COLOR_UP_IN_PROGRESS,
    LineStatus.INTERNAL_REVIEW,
    LineStatus.NEEDS_APPROVER,
    LineStatus.SENT_FOR_APPROVAL,
    LineStatus.REVISION_IN_PROGRESS,
    LineStatus.PENDING_PRODUCTION_APPROVAL,
    LineStatus.PRODUCTION_READY,
    LineStatus.IN_PRODUCTION,
    LineStatus.COMPLETE,
]


def test_every_command_on_a_line_is_asked_here() -> None:
    assert set(CALLS) == set(LINE_COMMANDS)


def standing(draft: Body) -> Body:
    """Without what tells of a proof's mail, which goes out meanwhile."""
    lines = [{name: value for name, value in line.items() if name != "waiting"} for line in draft["lines"]]
    return {**draft, "lines": lines}


@pytest.mark.parametrize("status", STANDING)
async def test_a_line_takes_exactly_its_commands_and_says_which(people: People, status: LineStatus) -> None:
    admin = await people("admin")
    draft, _logo, color_up = await line_in(admin, status)
    (line,) = draft["lines"]
    refused = [command for command in CALLS if status not in LINE_ALLOWED[command]]
    for command in refused:
        path, body = CALLS[command]
        answer = await admin.json("POST", line_path(draft, 1, path), 409, json=body)
        assert answer["detail"] == line_refusal(1, status, command)
        assert answer["current_status"] == status
        assert command.value not in line["allowed_actions"]
    for path in ("production-approve", "production-reject"):
        command = Command(path.replace("-", "_"))
        if status not in LINE_ALLOWED[command]:
            body = {"line_nos": [1]} if path == "production-approve" else {"line_nos": [1], "reason": "r"}
            answer = await admin.json("POST", f"/draft-orders/{draft['id']}/{path}", 409, json=body)
            assert status in str(answer)
    assert standing(await admin.json("GET", f"/draft-orders/{draft['id']}")) == standing(draft)
    offered = {command.value for command in LINE_ALLOWED if status in LINE_ALLOWED[command]}
    if status is LineStatus.COLOR_UP_IN_PROGRESS:
        offered.remove("submit_line")  # it has no color-up yet
    assert set(line["allowed_actions"]) == offered
    assert (line["waiting"] is None) is (status is LineStatus.COMPLETE)
    assert line["status_history"][-1]["to"] == status
    assert color_up["version"] == 1


@pytest.mark.parametrize("role", ["ops", "production", "integrator", "viewer"])
async def test_a_line_takes_commands_from_its_roles_only(people: People, role: str) -> None:
    person = await people(role)
    for command, (path, body) in CALLS.items():
        allowed = "production" if command is Command.MOVE_ON_FLOOR else "ops"
        answer = await person.call("POST", f"/draft-orders/{NOWHERE}/lines/1/{path}", json=body)
        assert answer.status_code == (404 if role == allowed else 403), (command, answer.text)
    body = {"line_nos": [1], "reason": "r"}
    answer = await person.call("POST", f"/draft-orders/{NOWHERE}/production-reject", json=body)
    assert answer.status_code == (404 if role == "production" else 403)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("logo", None),
        ("logo", {}),
        ("logo", {"logo_id": "x"}),
        ("logo", {"logo_id": NOWHERE, "surprise": 1}),
        ("logo", {"logo_id": NOWHERE, "send_for_approval": "perhaps"}),
        ("color-up", {}),
        ("color-up", {"color_up_id": 7}),
        ("submit", {"note": "x"}),
        ("review", {"decision": "maybe"}),
        ("review", {"note": "without decision"}),
        ("review", {"decision": "approve", "note": "\x00"}),
        ("review", {"decision": "approve", "note": "x" * 4001}),
        ("floor", {"to": "Approved"}),
        ("floor", {}),
        ("../production-reject", {"line_nos": [], "reason": "r"}),
        ("../production-reject", {"line_nos": [1]}),
        ("../production-reject", {"line_nos": [1], "reason": "  "}),
        ("../production-reject", {"line_nos": [0], "reason": "r"}),
    ],
    ids=str,
)
async def test_a_malformed_command_is_422_before_anything_is_looked_up(
    people: People, path: str, body: Any
) -> None:
    admin = await people("admin")
    address = f"/draft-orders/{NOWHERE}/lines/1/{path}".replace("lines/1/../", "")
    answer = await admin.json("POST", address, 422, json=body)
    assert answer["code"] == "VALIDATION_ERROR"


@pytest.mark.parametrize("line_no", ["0", "-1", "x", "100000", "1.5"])
async def test_a_malformed_line_number_or_draft_id_is_422(people: People, line_no: str) -> None:
    admin = await people("admin")
    await admin.json("POST", f"/draft-orders/{NOWHERE}/lines/{line_no}/submit", 422)
    await admin.json("POST", f"/draft-orders/{line_no}/lines/1/submit", 422)


async def test_unknown_and_plain_lines_and_other_orgs_drafts(people: People) -> None:
    admin, stranger = await people("admin"), await people("admin", "other")
    customer = await customer_with_approver(admin)
    draft = await decorated_order(admin, customer, decoration(), None)
    await lines_at(admin, draft, "Awaiting Logo", None)
    for path, body in CALLS.values():
        plain = await admin.json("POST", line_path(draft, 2, path), 422, json=body)
        assert plain["detail"].startswith("Line 2 has no decoration")
        unknown = await admin.json("POST", line_path(draft, 9, path), 404, json=body)
        assert unknown["detail"] == "The draft has no line 9"
        await stranger.json("POST", line_path(draft, 1, path), 404, json=body)
    assert (await admin.json("GET", f"/draft-orders/{draft['id']}"))["lines"][1]["allowed_actions"] == []


@pytest.mark.parametrize("status", ["PUSHED", "REJECTED"])
async def test_a_closed_draft_names_its_status(people: People, status: str) -> None:
    admin = await people("admin")
    draft = await draft_in(admin, status)
    for command, (path, body) in CALLS.items():
        if command is Command.MOVE_ON_FLOOR and status == "PUSHED":
            continue  # after the push the floor goes on
        answer = await admin.json("POST", line_path(draft, 1, path), 409, json=body)
        assert (answer["current_status"], status in answer["detail"]) == (status, True)
    after = await admin.json("GET", f"/draft-orders/{draft['id']}")
    assert after["version"] == draft["version"]


async def test_a_logo_must_be_known_and_the_customers_own(ops: Person, people: People) -> None:
    draft, _logo, _color_up = await line_in(ops, "Awaiting Logo")
    path = line_path(draft, 1, "logo")
    foreign = await logo_of(ops, await customer_with_approver(ops, approver=False))
    theirs = await people("ops", "other")
    elsewhere = await logo_of(theirs, await customer_with_approver(theirs, approver=False))
    assert "logo" in (await ops.json("POST", path, 404, json={"logo_id": NOWHERE}))["detail"]
    await ops.json("POST", path, 404, json={"logo_id": elsewhere["id"]})
    refused = await ops.json("POST", path, 422, json={"logo_id": foreign["id"]})
    assert "another customer" in refused["detail"]
    homeless = await ops.json("POST", "/draft-orders", 201, json={"lines": [{"decoration": decoration()}]})
    await lines_at(ops, homeless, "Awaiting Logo")
    answer = await ops.json("POST", line_path(homeless, 1, "logo"), 409, json={"logo_id": foreign["id"]})
    assert "customer" in answer["detail"]
    assert await ops.json("GET", f"/draft-orders/{draft['id']}") == draft


async def test_a_color_up_must_fit_the_line_exactly(ops: Person) -> None:
    draft, logo, _color_up = await line_in(ops, "Color-Up In Progress")
    other = await color_up_of(ops, logo, "NVY")
    path = line_path(draft, 1, "color-up")
    assert "must be equal" in (await ops.json("POST", path, 422, json={"color_up_id": other["id"]}))["detail"]
    await ops.json("POST", path, 404, json={"color_up_id": NOWHERE})
    early = await ops.json("POST", line_path(draft, 1, "submit"), 409)
    assert early["detail"] == "Line 1 has no color-up to submit"


async def test_a_command_answers_with_the_line_and_a_repeat_with_the_same(ops: Person) -> None:
    draft, _logo, color_up = await line_in(ops, "Color-Up In Progress")
    path, key = line_path(draft, 1, "color-up"), {"Idempotency-Key": "choose"}
    body = {"color_up_id": color_up["id"]}
    first = await ops.call("POST", path, json=body, headers=key)
    line = first.json()
    assert (first.status_code, line["id"], line["color_up_id"]) == (
        200,
        draft["lines"][0]["id"],
        color_up["id"],
    )
    assert line["allowed_actions"] == ["set_color_up", "submit_line"]
    assert line["waiting"] == "Waits to be submitted"
    again = await ops.call("POST", path, json=body, headers=key)
    assert (again.json(), again.headers["etag"]) == (line, first.headers["etag"])
    assert (await ops.call("GET", f"/draft-orders/{draft['id']}")).headers["etag"] == first.headers["etag"]
    other = await ops.json("POST", path, 422, json={"color_up_id": NOWHERE}, headers=key)
    assert "Idempotency-Key" in other["detail"]


async def test_a_command_with_if_match_moves_exactly_the_version_that_was_read(ops: Person) -> None:
    draft, _logo, color_up = await line_in(ops, "Color-Up In Progress")
    body, path = {"color_up_id": color_up["id"]}, line_path(draft, 1, "color-up")
    await ops.json("POST", path, 412, json=body, headers={"If-Match": '"1"'})
    await ops.json("POST", path, json=body, headers={"If-Match": f'"{draft["version"]}"'})


async def test_a_plain_draft_has_no_line_history(ops: Person) -> None:
    draft: Body = await ops.json("POST", "/draft-orders", 201, json=await order(ops))
    assert draft["removed_lines"] == []
    (line,) = draft["lines"]
    assert (line["status"], line["status_history"], line["waiting"]) == (None, [], None)
