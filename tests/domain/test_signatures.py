"""Approvals of operator and production, and four eyes: who may sign after whom."""

import pytest

from domain import events as ev
from domain import messages as msg
from domain.gates import allowed_actions
from domain.policy import OrgPolicy
from domain.refusals import (
    FourEyesBroken,
    GateHeld,
    InputRefused,
    LineNotFound,
    TransitionRejected,
)
from domain.statuses import DraftStatus as S
from domain.statuses import LineStatus
from domain.transitions import Command
from tests.domain.orders import (
    ANNA,
    BEN,
    CLEO,
    LATER,
    SIGNED,
    after,
    carried_out,
    decided,
    decorated,
    draft,
    header,
    line,
    refused,
)


def test_an_approval_says_who_and_when_and_starts_production_approval_anew() -> None:
    approved = carried_out(Command.APPROVE, draft(S.READY, **SIGNED), actor=BEN)
    assert (approved.approved_at, approved.approved_by_user_id) == (LATER, BEN.user_id)
    assert approved.approved_by_email == BEN.email
    assert approved.production_approved_at is None


def test_revoking_the_approval_clears_both_approvals() -> None:
    revoked = carried_out(Command.REVOKE_APPROVAL, draft(S.APPROVED, **SIGNED))
    assert revoked.approved_at is None
    assert revoked.approved_by_user_id is None
    assert revoked.approved_by_email is None
    assert revoked.production_approved_at is None
    assert revoked.production_approved_by_user_id is None


def test_production_approves_a_plain_draft_once() -> None:
    signed = carried_out(Command.PRODUCTION_APPROVE, draft(S.APPROVED), actor=BEN, note="checked")
    assert (signed.status, signed.production_approved_at) == (S.APPROVED, LATER)
    assert signed.production_approved_by_user_id == BEN.user_id
    refusal = refused(TransitionRejected, Command.PRODUCTION_APPROVE, signed, actor=BEN)
    assert refusal.sentence == "Draft already approved for production"
    actions = allowed_actions(signed, OrgPolicy(), has_connection=True)
    assert Command.PRODUCTION_APPROVE not in actions


def test_production_cannot_sign_lines_that_are_not_there_or_not_decorated() -> None:
    refused(LineNotFound, Command.PRODUCTION_APPROVE, draft(S.APPROVED), line_nos=[9])
    refused(InputRefused, Command.PRODUCTION_APPROVE, draft(S.APPROVED), line_nos=[1])


def test_production_cannot_sign_a_line_whose_artwork_is_open() -> None:
    of = draft(S.APPROVED, lines=[decorated(2, LineStatus.SENT_FOR_APPROVAL)])
    refusal = refused(GateHeld, Command.PRODUCTION_APPROVE, of)
    assert refusal.details["held_by"] == [{"line_no": 2, "status": "Sent for Approval"}]
    refused(TransitionRejected, Command.PRODUCTION_REJECT, of, line_nos=[2])


PEOPLE = {"creator": CLEO, "editor": BEN, "approver": ANNA, "nobody": msg.Actor()}


@pytest.mark.parametrize("on", [True, False])
@pytest.mark.parametrize(
    ("command", "person", "named"),
    [
        (Command.APPROVE, "creator", None),
        (Command.APPROVE, "approver", None),
        (Command.APPROVE, "editor", "the last editor"),
        (Command.APPROVE, "nobody", "the last editor"),
        (Command.PRODUCTION_APPROVE, "creator", None),
        (Command.PRODUCTION_APPROVE, "editor", "the last editor"),
        (Command.PRODUCTION_APPROVE, "approver", "the approver"),
        (Command.PRODUCTION_APPROVE, "nobody", "the last editor"),
    ],
)
def test_with_four_eyes_last_editor_approver_and_production_are_different_people(
    on: bool, command: Command, person: str, named: str | None
) -> None:
    status = S.READY if command is Command.APPROVE else S.APPROVED
    of = draft(status, created_by_user_id=CLEO.user_id, last_edited_by_user_id=BEN.user_id)
    policy = OrgPolicy(four_eyes=on)
    if not on or named is None:
        assert decided(command, of, policy=policy, actor=PEOPLE[person])
        return
    refusal = refused(FourEyesBroken, command, of, policy=policy, actor=PEOPLE[person])
    assert refusal.http_status == 403
    assert "four_eyes" in refusal.sentence
    assert named in refusal.sentence


def test_who_only_created_a_draft_is_not_its_editor() -> None:
    created = after(draft(S.NEW), ev.DraftCreated(header=header(), lines=[line()]), actor=ANNA)
    ready = carried_out(Command.VALIDATE, created)
    assert (
        carried_out(Command.APPROVE, ready, policy=OrgPolicy(four_eyes=True), actor=ANNA).status is S.APPROVED
    )
