"""What each command on a line makes of it, and in which words it is refused."""

from typing import Any
from uuid import UUID

import pytest

from domain import events as ev
from domain.color_ups import ColorUpStatus
from domain.draft import Draft
from domain.line_decisions import asked
from domain.line_facts import LineFacts
from domain.messages import LineMessage
from domain.refusals import InputRefused, ReferenceNotFound, Refusal, TransitionRejected
from domain.statuses import DraftStatus as S
from domain.statuses import LineStatus as L
from domain.transitions import Command
from tests.domain.lines import NEWER, answer, fact, line_of, steps_of, wanted
from tests.domain.orders import (
    COLOR_UP,
    LOGO,
    after,
    decided,
    decorated,
    decoration,
    draft,
    header,
    line,
    message,
)


def of(status: L, *, send: bool = False, **fields: Any) -> Draft:
    what = decoration(send_for_approval=send)
    return draft(S.READY, lines=[decorated(1, status, **{"decoration": what, **fields})])


def moves(command: Command, of: Draft, lines: LineFacts, **fields: Any) -> list[L]:
    return [move.to for move in steps_of(decided(command, of, lines=lines, **fields))]


def refused(kind: type[Refusal], command: Command, of: Draft, lines: LineFacts, **fields: Any) -> str:
    with pytest.raises(kind) as caught:
        decided(command, of, lines=lines, **fields)
    return caught.value.sentence


# --- logo ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("start", [L.NEW, L.AWAITING_LOGO])
def test_a_linked_logo_goes_to_production_when_an_approved_color_up_fits(start: L) -> None:
    lines = answer(approved_color_up_id=COLOR_UP)
    steps = moves(Command.LINK_LOGO, of(start), lines)
    assert steps == [*[L.AWAITING_LOGO][: start is L.NEW], L.PENDING_PRODUCTION_APPROVAL]
    linked = line_of(after(of(start), *decided(Command.LINK_LOGO, of(start), lines=lines)))
    assert linked.color_up_id == COLOR_UP
    assert linked.decoration is not None
    assert linked.decoration.logo_id == LOGO


def test_a_linked_logo_without_a_fitting_color_up_starts_one() -> None:
    assert moves(Command.LINK_LOGO, of(L.AWAITING_LOGO), answer()) == [L.COLOR_UP_IN_PROGRESS]


@pytest.mark.parametrize(
    ("before", "said", "sent"),
    [
        (False, None, False),
        (True, None, True),
        (False, True, True),
        (True, False, False),
    ],
)
def test_send_for_approval_lets_the_customer_decide_anyway(
    before: bool, said: bool | None, sent: bool
) -> None:
    start, lines = of(L.AWAITING_LOGO, send=before), answer(approved_color_up_id=COLOR_UP)
    made = decided(Command.LINK_LOGO, start, lines=lines, send_for_approval=said)
    linked = line_of(after(start, *made))
    assert linked.status is (L.COLOR_UP_IN_PROGRESS if sent else L.PENDING_PRODUCTION_APPROVAL)
    assert linked.color_up_id == (None if sent else COLOR_UP)
    assert linked.decoration is not None
    assert linked.decoration.send_for_approval is (before if said is None else said)


@pytest.mark.parametrize("missing", ["style_number", "color_code"])
def test_without_style_or_colour_nothing_fits(missing: str) -> None:
    start = draft(S.READY, lines=[decorated(1, L.AWAITING_LOGO, decoration=decoration(**{missing: None}))])
    assert moves(Command.LINK_LOGO, start, answer(approved_color_up_id=COLOR_UP)) == [L.COLOR_UP_IN_PROGRESS]


def test_a_logo_must_be_known_be_the_customers_and_there_must_be_one() -> None:
    start = of(L.AWAITING_LOGO)
    refused(ReferenceNotFound, Command.LINK_LOGO, start, answer(logo_id=None))
    assert "another customer" in refused(
        InputRefused, Command.LINK_LOGO, start, answer(logo_customer_id=UUID(int=4))
    )
    homeless = draft(S.READY, header=header(customer_id=None), lines=start.lines)
    assert "no customer" in refused(TransitionRejected, Command.LINK_LOGO, homeless, answer())


def test_a_logo_is_asked_for_by_the_id_that_was_named() -> None:
    other = UUID(int=5)
    start = draft(
        S.READY,
        lines=[decorated(1, L.AWAITING_LOGO, decoration=decoration(netsuite_file_cabinet_id="F-1"))],
    )
    named = message(Command.LINK_LOGO, logo_id=other)
    assert isinstance(named, LineMessage)
    question = asked(start, named).lines[0]
    assert (question.logo_id, question.netsuite_file_cabinet_id) == (other, None)


# --- color-up --------------------------------------------------------------------------------------


def test_a_color_up_is_set_where_the_line_stands() -> None:
    start = of(L.COLOR_UP_IN_PROGRESS)
    made = decided(Command.SET_COLOR_UP, start, lines=answer())
    assert [type(event) for event in made] == [ev.ColorUpSet]
    now = line_of(after(start, *made))
    assert (now.status, now.color_up_id) == (L.COLOR_UP_IN_PROGRESS, COLOR_UP)


@pytest.mark.parametrize(
    "other", [{"logo_id": UUID(int=5)}, {"style_number": "14729"}, {"color_code": "navy"}]
)
@pytest.mark.parametrize("start", [L.COLOR_UP_IN_PROGRESS, L.REVISION_IN_PROGRESS])
def test_a_color_up_of_another_key_is_refused(start: L, other: dict[str, Any]) -> None:
    lines = answer(wanted=wanted(**other))
    assert "must be equal" in refused(InputRefused, Command.SET_COLOR_UP, of(start), lines)


def test_a_color_up_must_exist_and_not_be_retired() -> None:
    start = of(L.COLOR_UP_IN_PROGRESS)
    refused(ReferenceNotFound, Command.SET_COLOR_UP, start, answer(wanted=None))
    retired = answer(wanted=wanted(status=ColorUpStatus.RETIRED))
    assert "retired" in refused(TransitionRejected, Command.SET_COLOR_UP, start, retired)


@pytest.mark.parametrize("override", [True, False])
def test_an_approved_version_is_not_sent_again(override: bool) -> None:
    start = of(L.COLOR_UP_IN_PROGRESS, send=override)
    approved = answer(wanted=wanted(status=ColorUpStatus.APPROVED))
    if override:
        assert "make a new version" in refused(TransitionRejected, Command.SET_COLOR_UP, start, approved)
    else:
        assert decided(Command.SET_COLOR_UP, start, lines=approved)


@pytest.mark.parametrize(("version", "taken"), [(1, False), (2, False), (3, True)])
def test_a_revision_takes_a_newer_version_only(version: int, taken: bool) -> None:
    start = of(L.REVISION_IN_PROGRESS, color_up_id=COLOR_UP)
    lines = answer(color_up_version=2, wanted=wanted(id=NEWER, version=version))
    if taken:
        now = line_of(after(start, *decided(Command.SET_COLOR_UP, start, lines=lines, color_up_id=NEWER)))
        assert (now.status, now.color_up_id) == (L.COLOR_UP_IN_PROGRESS, NEWER)
    else:
        assert "newer version" in refused(TransitionRejected, Command.SET_COLOR_UP, start, lines)


# --- submit and review -------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [None, True, False])
@pytest.mark.parametrize("customer", [True, False])
@pytest.mark.parametrize("approver", [True, False])
def test_a_submitted_line_goes_to_review_or_to_the_customer(
    order: bool | None, customer: bool, approver: bool
) -> None:
    start = draft(
        S.READY,
        header=header(internal_review=order),
        lines=[decorated(1, L.COLOR_UP_IN_PROGRESS, color_up_id=COLOR_UP)],
    )
    sent = L.SENT_FOR_APPROVAL if approver else L.NEEDS_APPROVER
    reviewed = customer if order is None else order
    steps = moves(Command.SUBMIT_LINE, start, answer(approver=approver, review=customer))
    assert steps == [L.INTERNAL_REVIEW if reviewed else sent]


def test_a_line_without_a_color_up_or_with_a_retired_one_is_not_submitted() -> None:
    assert "has no color-up" in refused(
        TransitionRejected, Command.SUBMIT_LINE, of(L.COLOR_UP_IN_PROGRESS), answer()
    )
    start = of(L.COLOR_UP_IN_PROGRESS, color_up_id=COLOR_UP)
    retired = answer(color_up_status=ColorUpStatus.RETIRED)
    assert "retired" in refused(TransitionRejected, Command.SUBMIT_LINE, start, retired)


@pytest.mark.parametrize("approver", [True, False])
def test_the_reviewer_sends_on_or_back(approver: bool) -> None:
    start, lines = of(L.INTERNAL_REVIEW, color_up_id=COLOR_UP), answer(approver=approver)
    sent = L.SENT_FOR_APPROVAL if approver else L.NEEDS_APPROVER
    assert moves(Command.REVIEW_LINE, start, lines, decision="approve") == [sent]
    (back,) = steps_of(decided(Command.REVIEW_LINE, start, lines=lines, decision="send_back", note="darker"))
    assert (back.to, back.note) == (L.COLOR_UP_IN_PROGRESS, "darker")
    assert moves(Command.REVIEW_LINE, start, lines, decision="send_back") == [L.COLOR_UP_IN_PROGRESS]


# --- all of them -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "command",
    [
        Command.LINK_LOGO,
        Command.SET_COLOR_UP,
        Command.SUBMIT_LINE,
        Command.REVIEW_LINE,
        Command.MOVE_ON_FLOOR,
    ],
)
def test_a_plain_line_takes_no_command(command: Command) -> None:
    mixed = draft(S.READY, lines=[line(1), decorated(2)])
    assert refused(InputRefused, command, mixed, answer()) == "Line 1 has no decoration"


def test_a_command_moves_its_own_line_and_no_other() -> None:
    start = draft(S.READY, lines=[decorated(n, L.COLOR_UP_IN_PROGRESS, color_up_id=COLOR_UP) for n in (1, 2)])
    now = after(start, *decided(Command.SUBMIT_LINE, start, lines=answer((1, 2)), line_no=2))
    assert [each.status for each in now.lines] == [L.COLOR_UP_IN_PROGRESS, L.SENT_FOR_APPROVAL]


def test_facts_about_a_line_are_its_own() -> None:
    lines = LineFacts(lines={1: fact(wanted=None), 2: fact()})
    start = draft(S.READY, lines=[decorated(n, L.COLOR_UP_IN_PROGRESS) for n in (1, 2)])
    refused(ReferenceNotFound, Command.SET_COLOR_UP, start, lines)
    assert decided(Command.SET_COLOR_UP, start, lines=lines, line_no=2)
