"""What a look finds, and who is said to have caused it."""

from typing import Any
from uuid import UUID

import pytest

from domain.color_ups import Decision
from domain.draft import Draft, Line
from domain.line_facts import LineFacts
from domain.line_looks import found, phoned, waits_outside
from domain.line_transitions import WAITS_OUTSIDE
from domain.statuses import DraftStatus as S
from domain.statuses import LineStatus as L
from domain.statuses import Via
from domain.transitions import Command
from tests.domain.lines import NEWER, answer, decision, fact, line_of
from tests.domain.orders import (
    ANNA,
    COLOR_UP,
    LOGO,
    carried_out,
    decorated,
    decoration,
    draft,
    header,
    line,
)


def of(*lines: Line, status: S = S.READY, **fields: Any) -> Draft:
    return draft(status, lines=list(lines), **fields)


def looked(start: Draft, facts: LineFacts) -> list[tuple[int, L, str | None]]:
    """Every move that a look at all lines brings, with its note."""
    return [
        (move.line_no, move.to, move.note)
        for each in found(start, waits_outside(start), facts)
        for move in each.moves
    ]


def ends(start: Draft, facts: LineFacts) -> list[L]:
    return [to for _line_no, to, _note in looked(start, facts)]


@pytest.mark.parametrize("status", list(S))
def test_lines_are_looked_up_while_the_draft_is_open(status: S) -> None:
    start = of(decorated(1), decorated(2, L.NEEDS_APPROVER), status=status)
    expected = {S.NEW: [], S.REJECTED: [], S.NEEDS_REVIEW: [2]}
    assert [each.line_no for each in waits_outside(start)] == expected.get(status, [1, 2])


def test_lines_of_a_draft_whose_approval_an_edit_took_wait_for_its_validation() -> None:
    other = decoration(color_code="RED").model_dump(mode="json")
    start = of(decorated(1, L.PRODUCTION_READY), status=S.APPROVED)
    edited = carried_out(Command.EDIT, start, header=None, line_no=1, change_line={"decoration": other})
    assert (edited.status, line_of(edited).status) == (S.NEEDS_REVIEW, L.NEW)
    assert waits_outside(edited) == []
    assert waits_outside(carried_out(Command.VALIDATE, edited)) != []


def test_a_plain_line_waits_for_nothing() -> None:
    assert waits_outside(of(line(1))) == []


def test_only_lines_that_wait_outside_are_looked_up() -> None:
    start = of(*(decorated(n, status) for n, status in enumerate(L, 1)))
    assert {each.status for each in waits_outside(start)} == WAITS_OUTSIDE


def test_a_new_line_is_taken_up_as_far_as_the_facts_allow() -> None:
    assert ends(of(decorated(1)), LineFacts()) == [L.AWAITING_LOGO]
    assert ends(of(decorated(1)), answer()) == [L.AWAITING_LOGO, L.COLOR_UP_IN_PROGRESS]
    repeat = answer(approved_color_up_id=COLOR_UP)
    assert ends(of(decorated(1)), repeat) == [L.AWAITING_LOGO, L.PENDING_PRODUCTION_APPROVAL]


def test_a_line_that_found_nothing_stays() -> None:
    assert looked(of(decorated(1, L.AWAITING_LOGO)), LineFacts()) == []
    assert looked(of(decorated(1, L.NEEDS_APPROVER)), answer(approver=False)) == []
    assert looked(of(decorated(1, L.SENT_FOR_APPROVAL)), answer()) == []
    assert looked(of(decorated(1, L.REVISION_IN_PROGRESS)), answer()) == []


def test_a_logo_of_another_customer_is_not_taken() -> None:
    foreign = answer(logo_customer_id=UUID(int=4))
    assert looked(of(decorated(1, L.AWAITING_LOGO)), foreign) == []
    homeless = of(decorated(1), header=header(customer_id=None))
    assert ends(homeless, answer()) == [L.AWAITING_LOGO]


@pytest.mark.parametrize("start", [L.SENT_FOR_APPROVAL, L.PHONE_CALL])
@pytest.mark.parametrize(
    ("what", "newer", "steps"),
    [
        (Decision.APPROVE, None, [L.APPROVED, L.PENDING_PRODUCTION_APPROVAL]),
        (Decision.APPROVE, NEWER, [L.APPROVED, L.PENDING_PRODUCTION_APPROVAL]),
        (Decision.REQUEST_CHANGES, None, [L.REVISION_IN_PROGRESS]),
        (Decision.REQUEST_CHANGES, NEWER, [L.REVISION_IN_PROGRESS, L.COLOR_UP_IN_PROGRESS]),
        (Decision.SUPERSEDED, NEWER, [L.REVISION_IN_PROGRESS, L.COLOR_UP_IN_PROGRESS]),
    ],
)
def test_a_decision_moves_what_waits_for_it(
    start: L, what: Decision, newer: UUID | None, steps: list[L]
) -> None:
    before = of(decorated(1, start, color_up_id=COLOR_UP))
    assert ends(before, answer(decision=decision(what), newer_color_up_id=newer)) == steps


@pytest.mark.parametrize("status", sorted(set(L) - {L.SENT_FOR_APPROVAL, L.PHONE_CALL}))
def test_a_decision_moves_nothing_that_was_not_sent(status: L) -> None:
    start = of(decorated(1, status, color_up_id=COLOR_UP))
    assert L.APPROVED not in ends(start, answer(decision=decision()))


@pytest.mark.parametrize("proxy", [True, False])
def test_who_decided_is_who_moved_and_their_note_stays_with_the_step_it_made(proxy: bool) -> None:
    by = {"by_user_id": ANNA.user_id, "by_email": ANNA.email, "via": Via.API} if proxy else {}
    made = decision(team_proxy=proxy, **by)
    before = of(decorated(1, L.SENT_FOR_APPROVAL, color_up_id=COLOR_UP))
    (each,) = found(before, before.lines, answer(decision=made))
    assert each.origin.via is (Via.API if proxy else Via.CUSTOMER)
    assert (each.actor.user_id, each.actor.email) == (made.by_user_id, made.by_email)
    assert [(move.team_proxy, move.note) for move in each.moves] == [(proxy, "fine"), (proxy, None)]


def test_the_comment_of_a_customer_is_the_note_of_the_revision() -> None:
    before = of(decorated(1, L.SENT_FOR_APPROVAL))
    changes = decision(Decision.REQUEST_CHANGES, note="darker gold")
    assert looked(before, answer(decision=changes))[0] == (1, L.REVISION_IN_PROGRESS, "darker gold")


def test_what_nobody_decided_the_system_did() -> None:
    before = of(decorated(1, L.SENT_FOR_APPROVAL, color_up_id=COLOR_UP))
    made = decision(Decision.SUPERSEDED, by_user_id=ANNA.user_id)
    (each,) = found(before, before.lines, answer(decision=made, newer_color_up_id=NEWER))
    assert (each.actor.user_id, each.origin.via) == (None, Via.SYSTEM)
    assert each.moves[-1].color_up_id == NEWER


def test_lines_that_different_people_decided_on_are_told_apart() -> None:
    lines = [decorated(n, L.SENT_FOR_APPROVAL, color_up_id=UUID(int=n)) for n in (1, 2, 3)]
    first, second = decision(by_email="jo@hansen.example"), decision(by_email="li@hansen.example")
    facts = LineFacts(
        lines={1: fact(decision=first), 2: fact(decision=second), 3: fact(decision=first)},
    )
    groups = found(of(*lines), lines, facts)
    assert [sorted({move.line_no for move in each.moves}) for each in groups] == [[1, 3], [2]]


def test_a_phone_call_is_about_the_lines_that_wait_for_that_color_up() -> None:
    start = of(
        decorated(1, L.SENT_FOR_APPROVAL, color_up_id=COLOR_UP),
        decorated(2, L.SENT_FOR_APPROVAL, color_up_id=NEWER),
        decorated(3, L.NEEDS_APPROVER, color_up_id=COLOR_UP),
        decorated(4, L.PENDING_PRODUCTION_APPROVAL, color_up_id=COLOR_UP),
    )
    assert [(move.line_no, move.to) for move in phoned(start, COLOR_UP)] == [(1, L.PHONE_CALL)]
    assert phoned(start, LOGO) == []
