"""What the review of the earlier design found about lines, each case by its name.

That a match key is exact is also tested against PostgreSQL, in tests/activities/test_line_facts.py.
"""

from typing import Any
from uuid import UUID

import pytest

from domain import events as ev
from domain.batches import batch_key, canonical_threads
from domain.draft import Draft
from domain.line_looks import found, waits_outside
from domain.refusals import GateHeld, InputRefused
from domain.statuses import DraftStatus as S
from domain.statuses import LineStatus as L
from domain.transitions import Command
from tests.domain.lines import answer, decision, wanted
from tests.domain.orders import BEN, COLOR_UP, CUSTOMER, LOGO, after, carried_out, decided, decorated, draft


def looked(start: Draft, **facts: Any) -> Draft:
    """The draft after one look at its lines."""
    numbers = [line.line_no for line in start.lines]
    for each in found(start, waits_outside(start), answer(numbers, **facts)):
        start = after(start, ev.LinesMoved(moves=each.moves), actor=each.actor)
    return start


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


def test_production_can_say_no() -> None:
    """The seed left the gate with one direction only."""
    start = draft(S.READY, lines=[decorated(1, L.PENDING_PRODUCTION_APPROVAL, color_up_id=COLOR_UP)])
    rejected = carried_out(Command.PRODUCTION_REJECT, start, reason="too dense")
    assert rejected.lines[0].status is L.REVISION_IN_PROGRESS
