"""The form of a proof's page: who decides by it, what it refuses. The rows decide (storage/proofs.py)."""

import asyncio
import re
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from domain.proofs import DecideProof, ProofDecided
from storage import proof_links
from tests.api.visitor import BROWSER, CHANGES, Form, Visitor


async def test_an_approver_approves_and_the_page_and_the_trail_show_it(visitor: Visitor) -> None:
    done = await visitor.send()
    assert done.status_code == 200
    assert "Thank you" in done.text
    assert "This proof is approved." in done.text
    assert "Jo Hansen" in done.text
    assert "<form" not in done.text
    assert await visitor.status() == "Approved"
    assert "This proof is approved." in (await visitor.get()).text
    (row,) = await visitor.world.rows("SELECT * FROM audit_log WHERE action = 'PROOF_APPROVED'")
    assert (row["via"], row["actor_user_id"]) == ("customer", None)
    assert row["details"]["by_approver_id"] == str(visitor.world.approvers[0])
    assert row["ip"] == "127.0.0.1"
    assert "python-httpx" in row["user_agent"]
    (kept,) = await visitor.world.rows("SELECT * FROM proof_sheet")
    assert kept["sheet"]["lines"][0]["size_quantities"] == {"M": 12, "L": 12, "XL": 4}


async def test_changes_are_asked_for_with_a_comment(visitor: Visitor) -> None:
    without = await visitor.send(decision="request_changes")
    assert without.status_code == 422
    assert "Please write what is to be changed." in without.text
    assert await visitor.status() == "Pending Approval"
    done = await visitor.send(decision="request_changes", comment="Gold,\r\nplease <b>")
    assert "Changes were asked for" in done.text
    assert "Gold,\nplease &lt;b&gt;" in done.text
    (row,) = await visitor.world.rows("SELECT decision, decision_note FROM color_up")
    assert (row["decision"], row["decision_note"]) == ("request_changes", "Gold,\nplease <b>")


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"approver_id": ""}, "Please choose your name."),
        ({"approver_id": str(uuid4())}, "This person may not decide any more"),
        ({"decision": "superseded"}, "Please approve, or ask for changes."),
        ({"decision": ""}, "Please approve, or ask for changes."),
        ({"comment": "x" * 2001}, "at most 2,000 characters"),
        ({"comment": "a\x00b"}, "without control characters"),
    ],
)
async def test_a_form_that_does_not_fit_is_shown_again_with_what_was_written(
    visitor: Visitor, fields: dict[str, str], sentence: str
) -> None:
    answer = await visitor.send(**{"comment": "my words", **fields})
    assert answer.status_code == 422
    assert re.search(rf'<a href="#[\w-]+">[^<]*{re.escape(sentence)}', answer.text), (
        "said at the top, with a way"
    )
    if "comment" not in fields:
        assert "my words</textarea>" in answer.text
    assert await visitor.status() == "Pending Approval"


async def test_who_no_longer_may_decide_cannot(visitor: Visitor) -> None:
    form = await visitor.form()
    other = visitor.world.approvers[1]
    await visitor.world.change("UPDATE approver SET active = false WHERE id = :id", id=other)
    refused = await visitor.send(form, approver_id=str(other))
    assert refused.status_code == 422
    assert await visitor.status() == "Pending Approval"


@pytest.mark.parametrize("what", CHANGES)
async def test_a_decision_on_what_has_changed_since_is_refused_and_the_new_state_shown(
    visitor: Visitor, what: str
) -> None:
    form = await visitor.form()
    await CHANGES[what](visitor.world)
    refused = await visitor.send(form)
    assert refused.status_code == 409
    assert "Something has changed since you opened the page" in refused.text
    assert await visitor.status() == "Pending Approval"
    assert (await visitor.send(Form(refused.text))).status_code == 200
    assert await visitor.status() == "Approved"


async def test_what_changes_while_the_decision_is_under_way_is_not_decided_on(visitor: Visitor) -> None:
    """The page's own look is not the last: the rows are held while they are compared."""
    form, decide = await visitor.form(), visitor.deciding.decide

    async def late(org_id: UUID, color_up_id: UUID, message: DecideProof) -> ProofDecided:
        await CHANGES["quantities"](visitor.world)
        return await decide(org_id, color_up_id, message)

    visitor.deciding.decide = late  # type: ignore[method-assign]
    refused = await visitor.send(form)
    assert (refused.status_code, await visitor.status()) == (409, "Pending Approval")
    assert "Something has changed since you opened the page" in refused.text
    assert "M: <strong>13</strong>" in refused.text
    assert await visitor.world.rows("SELECT 1 FROM proof_sheet") == []
    visitor.deciding.decide = decide  # type: ignore[method-assign]
    assert (await visitor.send(Form(refused.text))).status_code == 200


@pytest.mark.parametrize("says_what_it_saw", [True, False])
async def test_the_trail_holds_the_hash_of_what_was_decided_on(
    visitor: Visitor, says_what_it_saw: bool
) -> None:
    headers = {"Accept": "application/json"}
    seen = (await visitor.get(headers=headers)).json()["sheet_sha256"]
    body: dict[str, Any] = {"decision": "approve", "approver_id": str(visitor.world.approvers[0])}
    body |= {"comment": None, **({"sheet": seen} if says_what_it_saw else {})}
    path = f"/proofs/{visitor.token}/decision"
    assert (await visitor.http.post(path, json=body, headers=headers)).status_code == 200
    (row,) = await visitor.world.rows("SELECT details FROM audit_log WHERE action = 'PROOF_APPROVED'")
    (kept,) = await visitor.world.rows("SELECT sha256 FROM proof_sheet")
    assert row["details"]["sheet_sha256"] == kept["sha256"] == seen


async def test_a_form_that_is_not_ours_decides_nothing(visitor: Visitor) -> None:
    form = await visitor.form()
    for wrong in ({"csrf": ""}, {"csrf": "0" * 64}, {"sheet": "0" * 64}, {"sheet": "", "csrf": ""}):
        answer = await visitor.send(form, **wrong)
        assert answer.status_code == 403, wrong
        assert "Please decide on this one." in answer.text
    assert await visitor.status() == "Pending Approval"


async def test_the_enter_key_in_a_field_decides_nothing(visitor: Visitor) -> None:
    first = re.search(r"<button[^>]*>", (await visitor.get()).text)
    assert first is not None
    assert first[0] == '<button type="submit" name="decision" value="" hidden>', "a browser presses the first"


async def test_a_form_of_one_link_does_not_serve_another(visitor: Visitor) -> None:
    form = await visitor.form()
    async with visitor.world.database.transaction(visitor.world.org_id) as connection:
        other = await proof_links.create(
            connection,
            visitor.world.org_id,
            visitor.world.color_up_id,
            visitor.world.approvers[1],
            datetime.now(UTC),
        )
    form.action = f"/proofs/{other.token}/decision"
    assert (await visitor.send(form)).status_code == 403


async def test_another_sites_page_cannot_have_a_browser_decide(visitor: Visitor) -> None:
    form = await visitor.form()
    said = {**form.fields, "decision": "approve", "approver_id": str(visitor.world.approvers[0])}
    foreign = (
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "https://test.evil.example"},
    )
    for said_by_browser in foreign:
        headers = {**BROWSER, **said_by_browser}
        assert (await visitor.http.post(form.action, data=said, headers=headers)).status_code == 403
    assert await visitor.status() == "Pending Approval"


async def test_a_program_may_send_the_three_fields_of_the_form_alone_and_a_browser_may_not(
    visitor: Visitor,
) -> None:
    said = {"decision": "approve", "approver_id": str(visitor.world.approvers[0]), "comment": ""}
    path = f"/proofs/{visitor.token}/decision"
    for browser in ({"Origin": "null"}, {"Sec-Fetch-Site": "none"}):
        assert (await visitor.http.post(path, data=said, headers=browser)).status_code == 403
    assert await visitor.status() == "Pending Approval"
    assert (await visitor.http.post(path, data=said)).status_code == 200
    assert await visitor.status() == "Approved"


async def test_a_decision_that_is_sent_again_is_shown_again(visitor: Visitor) -> None:
    form = await visitor.form()
    for _ in range(3):
        assert (await visitor.send(form)).status_code == 200
    rows = await visitor.world.rows("SELECT 1 FROM audit_log WHERE action = 'PROOF_APPROVED'")
    assert len(rows) == 1


async def test_another_decision_afterwards_changes_nothing_and_the_first_is_shown(visitor: Visitor) -> None:
    form = await visitor.form()
    await visitor.send(form)
    late = await visitor.send(form, decision="request_changes", comment="no")
    assert late.status_code == 409
    assert "was decided before" in late.text
    assert "This proof is approved." in late.text
    assert await visitor.status() == "Approved"


async def test_of_many_who_decide_at_once_one_is_first_and_all_see_it(visitor: Visitor) -> None:
    form = await visitor.form()
    wishes = [
        {"approver_id": str(person), "decision": decision, "comment": f"by {n}"}
        for n, person in enumerate(visitor.world.approvers)
        for decision in ("approve", "request_changes")
    ]
    answers = await asyncio.gather(*(visitor.send(form, **wish) for wish in wishes * 3))
    assert {answer.status_code for answer in answers} <= {200, 409}
    trail = await visitor.world.rows(
        "SELECT action FROM audit_log WHERE action IN ('PROOF_APPROVED', 'PROOF_CHANGES_REQUESTED')"
    )
    assert len(trail) == 1
    (row,) = await visitor.world.rows("SELECT decision_note FROM color_up")
    assert all(row["decision_note"] in answer.text for answer in answers)


async def test_when_nobody_answers_nothing_is_lost(visitor: Visitor) -> None:
    visitor.deciding.away = True
    answer = await visitor.send(comment="my words")
    assert answer.status_code == 503
    assert "Nothing is lost" in answer.text
    assert "my words</textarea>" in answer.text
    visitor.deciding.away = False
    assert (await visitor.send(Form(answer.text), comment="my words")).status_code == 200


async def test_what_the_team_recorded_is_said_to_be_theirs(visitor: Visitor) -> None:
    await visitor.world.change(
        "UPDATE color_up SET status = 'Approved', decision = 'approve', team_proxy = true, "
        "decided_via = 'api', decided_at = now(), decision_note = 'by phone'"
    )
    text = (await visitor.get()).text
    assert "recorded by " in text
    assert "by phone" in text
