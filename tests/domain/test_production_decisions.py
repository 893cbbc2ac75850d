"""Production signs lines, all or none of those named; and sends them back with a reason."""

from typing import Any

import pytest

from domain import events as ev
from domain.acknowledgements import acknowledged
from domain.draft import Draft
from domain.gates import allowed_actions, gates, production_signed, waiting_for
from domain.line_actions import line_actions
from domain.messages import Acknowledgement
from domain.policy import OrgPolicy
from domain.refusals import FourEyesBroken, GateHeld, InputRefused, LineNotFound, Refusal, TransitionRejected
from domain.statuses import DraftStatus as S
from domain.statuses import LineStatus as L
from domain.statuses import WaitingFor
from domain.transitions import Command
from tests.domain.lines import answer, line_of, wanted
from tests.domain.orders import (
    ANNA,
    AT,
    BEN,
    CLEO,
    LATER,
    after,
    carried_out,
    decided,
    decorated,
    draft,
    failed,
    line,
)

WAITS, READY = L.PENDING_PRODUCTION_APPROVAL, L.PRODUCTION_READY
FOUR_EYES = OrgPolicy(four_eyes=True)


def of(*statuses: L | None, status: S = S.READY, **fields: Any) -> Draft:
    lines = [line(n) if each is None else decorated(n, each) for n, each in enumerate(statuses, 1)]
    return draft(status, lines=lines, **fields)


def refused(kind: type[Refusal], command: Command, start: Draft, **fields: Any) -> Refusal:
    with pytest.raises(kind) as caught:
        decided(command, start, **fields)
    return caught.value


def statuses(of: Draft) -> list[L | None]:
    return [each.status for each in of.lines]


def test_production_approves_the_lines_named_and_signs_each() -> None:
    now = carried_out(Command.PRODUCTION_APPROVE, of(WAITS, WAITS, None), line_nos=[2, 2], actor=BEN)
    assert statuses(now) == [WAITS, READY, None]
    assert (line_of(now, 2).production_approved_at, line_of(now, 2).production_approved_by_user_id) == (
        LATER,
        BEN.user_id,
    )
    assert (now.production_approved_at, production_signed(now)) == (None, False)


def test_without_line_nos_all_that_wait_are_approved_and_the_draft_with_them() -> None:
    now = carried_out(Command.PRODUCTION_APPROVE, of(WAITS, READY, WAITS, None), actor=BEN)
    assert statuses(now) == [READY, READY, READY, None]
    assert (now.production_approved_at, now.production_approved_by_user_id) == (LATER, BEN.user_id)


def test_lines_that_do_not_wait_yet_are_left_when_none_is_named() -> None:
    now = carried_out(Command.PRODUCTION_APPROVE, of(WAITS, L.SENT_FOR_APPROVAL), actor=BEN)
    assert statuses(now) == [READY, L.SENT_FOR_APPROVAL]


@pytest.mark.parametrize("command", [Command.PRODUCTION_APPROVE, Command.PRODUCTION_REJECT])
@pytest.mark.parametrize(
    ("line_nos", "kind"),
    [([1, 2], TransitionRejected), ([1, 3], InputRefused), ([1, 9], LineNotFound)],
)
def test_one_line_that_cannot_be_decided_on_holds_the_whole_command(
    command: Command, line_nos: list[int], kind: type[Refusal]
) -> None:
    refusal = refused(kind, command, of(WAITS, L.PHONE_CALL, None), line_nos=line_nos, actor=BEN)
    if kind is TransitionRejected:
        assert refusal.details["held_by"] == [{"line_no": 2, "status": "Phone Call"}]


def test_no_line_named_is_not_all_lines() -> None:
    refused(InputRefused, Command.PRODUCTION_APPROVE, of(WAITS), line_nos=[], actor=BEN)


@pytest.mark.parametrize("start", [WAITS, READY])
def test_production_rejects_with_a_reason_which_the_line_keeps(start: L) -> None:
    before = of(start, READY)
    happened = decided(Command.PRODUCTION_REJECT, before, line_nos=[1], reason="too dense", actor=BEN)
    now = after(before, *happened, actor=BEN)
    assert statuses(now) == [L.REVISION_IN_PROGRESS, READY]
    assert line_of(now).production_approved_at is None
    rejected, moved = happened
    assert isinstance(rejected, ev.DraftProductionRejected)
    assert (rejected.reason, rejected.line_nos, rejected.by_user_id) == ("too dense", [1], BEN.user_id)
    assert isinstance(moved, ev.LinesMoved)
    assert moved.moves[0].note == "too dense"


def test_a_rejected_line_takes_the_drafts_signature_back_and_holds_the_push() -> None:
    signed = carried_out(Command.PRODUCTION_APPROVE, of(WAITS, status=S.APPROVED), actor=BEN)
    assert all(gate.passed for gate in gates(signed, OrgPolicy(), has_connection=True))
    rejected = carried_out(Command.PRODUCTION_REJECT, signed, line_nos=[1])
    assert (rejected.status, rejected.production_approved_at) == (S.APPROVED, None)
    held = refused(GateHeld, Command.PUSH, rejected)
    assert held.details["held_by"] == [{"line_no": 1, "status": "Revision In Progress"}]


def test_revoking_the_operators_approval_leaves_what_production_signed_line_by_line() -> None:
    signed = carried_out(Command.PRODUCTION_APPROVE, of(WAITS, status=S.APPROVED), actor=BEN)
    revoked = carried_out(Command.REVOKE_APPROVAL, signed)
    assert statuses(revoked) == [READY]
    assert revoked.production_approved_at == LATER


def test_a_draft_that_loses_its_last_decorated_line_loses_their_signature() -> None:
    signed = carried_out(Command.PRODUCTION_APPROVE, of(WAITS, None), actor=BEN)
    plain = carried_out(Command.EDIT, signed, header=None, line_no=1, remove_line=True)
    assert plain.production_approved_at is None


@pytest.mark.parametrize("waits", [WAITS, READY, L.SENT_FOR_APPROVAL, L.IN_PRODUCTION])
@pytest.mark.parametrize("status", list(S))
def test_the_actions_offered_are_those_that_are_taken(status: S, waits: L) -> None:
    start = of(waits, status=status)
    actions = allowed_actions(start, OrgPolicy(), has_connection=True)
    for command in (Command.PRODUCTION_APPROVE, Command.PRODUCTION_REJECT):
        fields = {"line_nos": [1], "reason": "r"} if command is Command.PRODUCTION_REJECT else {}
        try:
            decided(command, start, actor=BEN, **fields)
        except Refusal:
            taken = False
        else:
            taken = True
        assert (command in actions) is taken


@pytest.mark.parametrize(
    ("person", "named"),
    [(ANNA, "the approver"), (BEN, "the last editor"), (CLEO, None)],
)
def test_with_four_eyes_production_is_neither_editor_nor_approver(person: Any, named: str | None) -> None:
    start = of(WAITS, status=S.APPROVED, last_edited_by_user_id=BEN.user_id)
    fields = {"policy": FOUR_EYES, "actor": person}
    if named is None:
        assert decided(Command.PRODUCTION_APPROVE, start, **fields)
    else:
        assert named in refused(FourEyesBroken, Command.PRODUCTION_APPROVE, start, **fields).sentence


def test_with_four_eyes_who_signed_a_line_may_not_approve_the_draft() -> None:
    signed = carried_out(Command.PRODUCTION_APPROVE, of(WAITS, WAITS), line_nos=[2], actor=BEN)
    signed = signed.model_copy(update={"status": S.READY})
    refused(FourEyesBroken, Command.APPROVE, signed, policy=FOUR_EYES, actor=BEN)
    assert decided(Command.APPROVE, signed, policy=FOUR_EYES, actor=CLEO)
    assert decided(Command.APPROVE, signed, actor=BEN)


def test_a_draft_signed_by_several_was_signed_by_the_last_of_them() -> None:
    first = decorated(1, READY, production_approved_at=LATER, production_approved_by_user_id=BEN.user_id)
    second = decorated(2, READY, production_approved_at=AT, production_approved_by_user_id=CLEO.user_id)
    moved = ev.LinesMoved(moves=[ev.LineMove(line_no=2, to=L.IN_PRODUCTION)])
    now = after(draft(S.READY, lines=[first, second]), moved, actor=ANNA)
    assert (now.production_approved_at, now.production_approved_by_user_id) == (LATER, BEN.user_id)


def test_a_line_that_was_rejected_before_a_late_ack_is_revised_and_finished() -> None:
    doubtful = of(READY, status=S.ERROR).model_copy(update={"exports": [failed(may_have_been_sent=True)]})
    rejected = carried_out(Command.PRODUCTION_REJECT, doubtful, line_nos=[1])
    assert rejected.last_export is not None
    ack = Acknowledgement(export_id=rejected.last_export.id, status="ACKED")
    now = after(rejected, *acknowledged(rejected, ack, LATER))
    assert (now.status, statuses(now)) == (S.PUSHED, [L.REVISION_IN_PROGRESS])
    assert waiting_for(now, OrgPolicy()) is WaitingFor.FLOOR
    asks = answer(color_up_version=1, wanted=wanted(version=2))
    for command in (Command.SET_COLOR_UP, Command.SUBMIT_LINE):
        assert command in line_actions(now, line_of(now))
        now = carried_out(command, now, lines=asks)
    assert statuses(now) == [L.SENT_FOR_APPROVAL]
    signed = ev.LinesMoved(moves=[ev.LineMove(line_no=1, to=L.APPROVED), ev.LineMove(line_no=1, to=WAITS)])
    again = carried_out(Command.PRODUCTION_REJECT, after(now, signed), line_nos=[1])
    assert statuses(again) == [L.REVISION_IN_PROGRESS]
    now = carried_out(Command.PRODUCTION_APPROVE, after(now, signed), actor=BEN)
    assert (now.status, statuses(now)) == (S.PUSHED, [READY])
