"""Facts about lines, and what they make of them, for the tests of the line rules."""

from collections.abc import Sequence
from itertools import product
from typing import Any
from uuid import UUID

from domain import events as ev
from domain.color_ups import ColorUpDecided, ColorUpStatus, Decision
from domain.draft import Draft, Line
from domain.line_facts import ColorUpFact, LineFact, LineFacts
from domain.statuses import LineStatus, Via
from tests.domain.orders import COLOR_UP, CUSTOMER, LATER, LOGO

NEWER = UUID(int=89)


def wanted(**fields: Any) -> ColorUpFact:
    good = {"id": COLOR_UP, "logo_id": LOGO, "style_number": "14728", "color_code": "NAVY", "version": 2}
    return ColorUpFact.model_validate({**good, "status": ColorUpStatus.DRAFT, **fields})


def fact(**fields: Any) -> LineFact:
    """A logo of the draft's customer, a version that may be used, nothing decided."""
    good = {
        "logo_id": LOGO,
        "logo_customer_id": CUSTOMER.id,
        "color_up_status": ColorUpStatus.DRAFT,
        "color_up_version": 1,
        "wanted": wanted(),
    }
    return LineFact.model_validate({**good, **fields})


def answer(
    line_nos: Sequence[int] = (1,), *, approver: bool = True, review: bool = False, **fields: Any
) -> LineFacts:
    return LineFacts(
        has_active_approver=approver,
        customer_internal_review=review,
        lines={line_no: fact(**fields) for line_no in line_nos},
    )


def decision(what: Decision = Decision.APPROVE, **fields: Any) -> ColorUpDecided:
    good = {"color_up_id": COLOR_UP, "decision": what, "team_proxy": False, "via": Via.CUSTOMER}
    return ColorUpDecided.model_validate(
        {**good, "by_email": "jo@hansen.example", "note": "fine", "decided_at": LATER, **fields}
    )


ANSWERS = answer()
# Everything that may be found, one thing against another.
DECISIONS = [
    answer(
        approver=approver, review=review, decision=made, approved_color_up_id=repeat, newer_color_up_id=newer
    )
    for approver, review, made, repeat, newer in product(
        (True, False), (True, False), (None, *map(decision, Decision)), (None, COLOR_UP), (None, NEWER)
    )
]


def line_of(of: Draft, line_no: int = 1) -> Line:
    line = of.line(line_no)
    assert line is not None
    return line


def steps_of(happened: Sequence[ev.Event | ev.LineMove]) -> list[ev.LineMove]:
    made: list[ev.LineMove] = []
    for event in happened:
        if isinstance(event, ev.LinesMoved):
            made += event.moves
        elif isinstance(event, ev.LineMove):
            made.append(event)
    return made


def moved(of: Draft, happened: Sequence[ev.Event | ev.LineMove]) -> set[tuple[LineStatus, LineStatus]]:
    """From where to where, step by step."""
    steps, stands = set(), {line.line_no: line.status for line in of.lines}
    for move in steps_of(happened):
        start = stands[move.line_no]
        assert start is not None
        steps.add((start, move.to))
        stands[move.line_no] = move.to
    return steps
