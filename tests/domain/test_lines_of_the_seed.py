"""What the earlier design and its review said about lines, each case by its name.

That a match key is exact is also tested against PostgreSQL, in tests/activities/test_line_facts.py; that
history is only added to, in tests/storage/test_line_moves.py; that versions of a key are unique and one of
them Approved, in tests/api/test_color_ups.py; the whole tables of moves, in test_line_transitions.py.
"""

from typing import Any
from uuid import UUID

import pytest

from domain import events as ev
from domain.batches import batch_key, canonical_threads
from domain.color_ups import Decision
from domain.draft import Draft
from domain.line_history import steps
from domain.line_looks import found, phoned, waits_outside
from domain.line_transitions import LINE_MOVES
from domain.refusals import GateHeld, InputRefused, TransitionRejected
from domain.statuses import DraftStatus as S
from domain.statuses import LineStatus as L
from domain.transitions import Command
from tests.domain.lines import NEWER, answer, decision, wanted
from tests.domain.orders import (
    ANNA,
    BEN,
    COLOR_UP,
    CUSTOMER,
    LOGO,
    after,
    carried_out,
    decided,
    decorated,
    draft,
)


def looked(start: Draft, **facts: Any) -> Draft:
    """The draft after one look at its lines."""
    numbers = [line.line_no for line in start.lines]
    for each in found(start, waits_outside(start), answer(numbers, **facts)):
        start = after(start, ev.LinesMoved(moves=each.moves), actor=each.actor)
    return start


def walked(start: Draft, *way: tuple[Command, dict[str, Any]] | dict[str, Any]) -> list[L]:
    """Where line 1 has been: commands by their name, looks by what they find."""
    been = [start.lines[0].status]
    for step in way:
        if isinstance(step, dict):
            start = looked(start, **step)
        else:
            command, fields = step
            person = BEN if command is Command.PRODUCTION_APPROVE else ANNA
            start = carried_out(command, start, actor=person, **fields)
        been.append(start.lines[0].status)
    return [each for each in been if each is not None]


SUBMITTED = (Command.SUBMIT_LINE, {"lines": answer()})
FLOOR = [(Command.MOVE_ON_FLOOR, {"to": to}) for to in ("In Production", "Complete")]


def test_there_are_13_states_and_they_are_the_lines_own() -> None:
    """An order has no such status: its lines stand where each of them is."""
    assert len(L) == 13
    assert not {each.value for each in L} & {each.value for each in S}
    start = draft(S.READY, lines=[decorated(n, status) for n, status in enumerate(L, 1)])
    moved = looked(start, decision=decision())
    assert moved.status is S.READY
    assert moved.lines != start.lines


def test_the_happy_way() -> None:
    start = draft(S.READY, lines=[decorated(1, L.COLOR_UP_IN_PROGRESS, color_up_id=COLOR_UP)])
    way = walked(start, SUBMITTED, {"decision": decision()}, (Command.PRODUCTION_APPROVE, {}), *FLOOR)
    assert way == [
        L.COLOR_UP_IN_PROGRESS,
        L.SENT_FOR_APPROVAL,
        L.PENDING_PRODUCTION_APPROVAL,
        L.PRODUCTION_READY,
        L.IN_PRODUCTION,
        L.COMPLETE,
    ]


def test_the_way_of_a_revision() -> None:
    start = draft(S.READY, lines=[decorated(1, L.SENT_FOR_APPROVAL, color_up_id=COLOR_UP)])
    sent_back = {"decision": decision(Decision.REQUEST_CHANGES)}
    way = walked(start, sent_back, {"newer_color_up_id": NEWER}, SUBMITTED, {"decision": decision()})
    assert way[1:] == [
        L.REVISION_IN_PROGRESS,
        L.COLOR_UP_IN_PROGRESS,
        L.SENT_FOR_APPROVAL,
        L.PENDING_PRODUCTION_APPROVAL,
    ]


@pytest.mark.parametrize(
    ("said", "end"),
    [
        (Decision.APPROVE, L.PENDING_PRODUCTION_APPROVAL),
        (Decision.REQUEST_CHANGES, L.REVISION_IN_PROGRESS),
    ],
)
def test_the_way_by_telephone(said: Decision, end: L) -> None:
    start = draft(S.READY, lines=[decorated(1, L.SENT_FOR_APPROVAL, color_up_id=COLOR_UP)])
    called = after(start, ev.LinesMoved(moves=phoned(start, COLOR_UP)))
    assert called.lines[0].status is L.PHONE_CALL
    assert looked(called, decision=decision(said)).lines[0].status is end


@pytest.mark.parametrize("stood", [L.SENT_FOR_APPROVAL, L.PHONE_CALL])
def test_the_cascade_logs_both_steps_with_who_decided_and_for_whom(stood: L) -> None:
    start = draft(S.READY, lines=[decorated(1, stood, color_up_id=COLOR_UP)])
    made = decision(team_proxy=True, by_user_id=BEN.user_id)
    (each,) = found(start, start.lines, answer(decision=made))
    logged = steps(start, after(start, ev.LinesMoved(moves=each.moves)), ev.LinesMoved(moves=each.moves))
    assert [(step.from_status, step.to_status, step.team_proxy) for step in logged] == [
        (stood, L.APPROVED, True),
        (L.APPROVED, L.PENDING_PRODUCTION_APPROVAL, True),
    ]
    assert each.actor.user_id == BEN.user_id


def test_the_cascade_moves_the_lines_of_that_color_up_only() -> None:
    """Nothing crosses customers: a color-up is of one logo, and a logo of one customer."""
    start = draft(
        S.READY,
        lines=[
            decorated(1, L.SENT_FOR_APPROVAL, color_up_id=COLOR_UP),
            decorated(2, L.SENT_FOR_APPROVAL, color_up_id=NEWER),
        ],
    )
    facts = answer((1, 2))
    facts.lines[1].decision = decision()
    (each,) = found(start, start.lines, facts)
    assert {move.line_no for move in each.moves} == {1}
    foreign = answer((1,), logo_customer_id=UUID(int=4), approved_color_up_id=COLOR_UP)
    unlinked = draft(S.READY, lines=[decorated(1, L.AWAITING_LOGO)])
    assert found(unlinked, unlinked.lines, foreign) == []


def test_needs_approver_never_becomes_approved() -> None:
    assert [row for row in LINE_MOVES if row[0] is L.NEEDS_APPROVER] == [
        (L.NEEDS_APPROVER, L.SENT_FOR_APPROVAL, "approver added", None)
    ]


@pytest.mark.parametrize("stood", [each for each in L if each is not L.PENDING_PRODUCTION_APPROVAL])
def test_the_production_gate_is_never_skipped(stood: L) -> None:
    start = draft(S.READY, lines=[decorated(1, stood, color_up_id=COLOR_UP)])
    with pytest.raises((TransitionRejected, GateHeld)):
        decided(Command.PRODUCTION_APPROVE, start, actor=BEN)
    assert (stood, L.PRODUCTION_READY) not in {row[:2] for row in LINE_MOVES}


def test_a_line_that_needs_an_approver_is_not_in_the_cascade() -> None:
    """The seed's cascade moved it by a step that its own table forbids, and broke off in the middle."""
    waiting = [L.SENT_FOR_APPROVAL, L.NEEDS_APPROVER, L.PHONE_CALL]
    lines = [decorated(n, status, color_up_id=COLOR_UP) for n, status in enumerate(waiting, 1)]
    after_it = looked(draft(S.READY, lines=lines), approver=False, decision=decision())
    assert [line.status for line in after_it.lines] == [
        L.PENDING_PRODUCTION_APPROVAL,
        L.NEEDS_APPROVER,
        L.PENDING_PRODUCTION_APPROVAL,
    ]


def test_an_exact_repeat_skips_the_customer_and_still_needs_production() -> None:
    repeat = looked(draft(S.APPROVED, lines=[decorated(1)]), approved_color_up_id=COLOR_UP)
    assert repeat.lines[0].status is L.PENDING_PRODUCTION_APPROVAL
    with pytest.raises(GateHeld) as caught:
        decided(Command.PUSH, repeat)
    assert caught.value.details["gates"] == ["production"]
    signed = carried_out(Command.PRODUCTION_APPROVE, repeat, actor=BEN)
    assert carried_out(Command.PUSH, signed).status is S.PUSHING


@pytest.mark.parametrize(
    "other",
    [{"logo_id": UUID(int=5)}, {"style_number": "14728 "}, {"color_code": "Navy"}, {"color_code": ""}],
)
def test_a_match_key_is_exact(other: dict[str, object]) -> None:
    """A colour code is not physically the same on two styles."""
    start = draft(S.READY, lines=[decorated(1, L.COLOR_UP_IN_PROGRESS)])
    with pytest.raises(InputRefused):
        decided(Command.SET_COLOR_UP, start, lines=answer(wanted=wanted(**other)))


def test_the_order_of_keys_in_a_thread_never_splits_a_batch() -> None:
    one = {"stop": 1, "needle": 3, "thread_code": "1243", "thread_name": "Navy", "brand": "Madeira"}
    other = dict(reversed(one.items()))
    keys = {
        batch_key(CUSTOMER.id, LOGO, "LEFT_CHEST", canonical_threads([threads])) for threads in (one, other)
    }
    assert len(keys) == 1


@pytest.mark.parametrize("stood", [L.PENDING_PRODUCTION_APPROVAL, L.PRODUCTION_READY])
def test_production_can_say_no(stood: L) -> None:
    """The seed left the gate with one direction only."""
    start = draft(S.READY, lines=[decorated(1, stood, color_up_id=COLOR_UP)])
    rejected = carried_out(Command.PRODUCTION_REJECT, start, reason="too dense")
    assert rejected.lines[0].status is L.REVISION_IN_PROGRESS
