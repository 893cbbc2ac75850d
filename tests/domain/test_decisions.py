"""Gates, four eyes, duplicates, edits: what a command does besides moving the status."""

from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from domain import events as ev
from domain import messages as msg
from domain.decisions import admit, decide
from domain.draft import Draft, Export, LineInput
from domain.gates import allowed_actions, gates, line_summary, waiting_for
from domain.policy import OrgPolicy
from domain.refusals import (
    FourEyesBroken,
    GateHeld,
    InputRefused,
    LineNotFound,
    MayHaveBeenSent,
    NoActiveConnector,
    Refusal,
    TransitionRejected,
    VersionMismatch,
)
from domain.situation import Situation
from domain.statuses import DraftStatus as S
from domain.statuses import ExportStatus, LineStatus, ProductionGate, WaitingFor
from domain.transitions import LINE_COMMANDS, Command
from tests.domain.orders import (
    ANNA,
    AT,
    BEN,
    CLEO,
    LATER,
    NOT_READY,
    after,
    carried_out,
    decided,
    decorated,
    decoration,
    draft,
    export,
    facts,
    failed,
    fitting,
    header,
    line,
    message,
)

SIGNED = {"production_approved_at": AT, "production_approved_by_user_id": BEN.user_id}


def refused(kind: type[Refusal], command: Command, of: Draft, **fields: Any) -> Refusal:
    with pytest.raises(kind) as caught:
        decided(command, of, **fields)
    assert type(caught.value) is kind
    return caught.value


# --- gates ---------------------------------------------------------------------------------------

PLAIN = [line(1)]
READY_LINES = [line(1), decorated(2, LineStatus.PRODUCTION_READY)]
WAITING_LINES = [line(1), decorated(2, LineStatus.PENDING_PRODUCTION_APPROVAL)]


@pytest.mark.parametrize(
    ("gate", "lines", "signed", "passes"),
    [
        ("decorated", PLAIN, False, True),
        ("decorated", PLAIN, True, True),
        ("decorated", READY_LINES, False, True),
        ("decorated", WAITING_LINES, False, False),
        ("decorated", WAITING_LINES, True, False),
        ("always", PLAIN, False, False),
        ("always", PLAIN, True, True),
        ("always", READY_LINES, False, True),
        ("always", WAITING_LINES, True, False),
        ("never", PLAIN, False, True),
        ("never", READY_LINES, False, True),
        ("never", WAITING_LINES, False, True),
    ],
)
@pytest.mark.parametrize("status", [S.APPROVED, S.ERROR])
def test_the_production_gate_holds_a_push_as_the_setting_says(
    status: S, gate: str, lines: list[Any], signed: bool, passes: bool
) -> None:
    command = Command.PUSH if status is S.APPROVED else Command.RETRY_PUSH
    policy = OrgPolicy(production_gate=ProductionGate(gate))
    approved = draft(status, lines=lines, **(SIGNED if signed else {}))
    assert (command in allowed_actions(approved, policy, has_connection=True)) is passes
    if passes:
        assert carried_out(command, approved, policy=policy).status is S.PUSHING
        return
    refusal = refused(GateHeld, command, approved, policy=policy)
    assert refusal.http_status == 409
    assert refusal.details["gates"] == ["production"]


@pytest.mark.parametrize("status", list(LineStatus))
@pytest.mark.parametrize("gate", list(ProductionGate))
def test_a_decorated_line_holds_the_push_until_customer_and_production_have_signed(
    gate: ProductionGate, status: LineStatus
) -> None:
    approved = draft(S.APPROVED, lines=[line(1), decorated(2, status)])
    customer = status in {"Approved", "Pending Production Approval"}
    production = status in {"Production Ready", "In Production", "Complete"}
    held = {
        "customer": not customer and not production,
        "production": not production and gate is not ProductionGate.NEVER,
    }
    policy = OrgPolicy(production_gate=gate)
    closed = [each.gate for each in gates(approved, policy, has_connection=True) if not each.passed]
    assert closed == [name for name, closes in held.items() if closes]
    if closed:
        refusal = refused(GateHeld, Command.PUSH, approved, policy=policy)
        assert refusal.details == {"held_by": [{"line_no": 2, "status": status}], "gates": closed}
    else:
        assert carried_out(Command.PUSH, approved, policy=policy).status is S.PUSHING


def test_a_held_push_lists_every_line_once_with_its_status() -> None:
    lines = [
        decorated(1, LineStatus.SENT_FOR_APPROVAL),
        line(2),
        decorated(3, LineStatus.PENDING_PRODUCTION_APPROVAL),
        decorated(7, LineStatus.PRODUCTION_READY),
    ]
    refusal = refused(GateHeld, Command.PUSH, draft(S.APPROVED, lines=lines))
    assert refusal.details["held_by"] == [
        {"line_no": 1, "status": "Sent for Approval"},
        {"line_no": 3, "status": "Pending Production Approval"},
    ]
    assert refusal.sentence == (
        "The push is held back: Waiting for the customer's artwork approval of 1 line; "
        "Waiting for production approval of 2 lines"
    )


@pytest.mark.parametrize(("status", "command"), [(S.APPROVED, Command.PUSH), (S.ERROR, Command.RETRY_PUSH)])
def test_without_a_connector_there_is_nothing_to_push_to(status: S, command: Command) -> None:
    refusal = refused(NoActiveConnector, command, draft(status), known=facts(connection=None))
    assert (refusal.http_status, refusal.sentence) == (400, "No active ERP connector configured")
    assert command not in allowed_actions(draft(status), OrgPolicy(), has_connection=False)


def test_a_push_whose_customer_has_gone_is_held() -> None:
    refused(GateHeld, Command.PUSH, draft(S.APPROVED), known=NOT_READY)


@pytest.mark.parametrize(
    ("of", "gate", "expected"),
    [
        (draft(S.EXTRACTED), "decorated", WaitingFor.VALIDATION),
        (draft(S.NEEDS_REVIEW), "decorated", WaitingFor.CORRECTION),
        (draft(S.READY), "always", WaitingFor.OPERATOR_APPROVAL),
        (draft(S.APPROVED), "decorated", WaitingFor.PUSH),
        (draft(S.APPROVED), "always", WaitingFor.PRODUCTION_APPROVAL),
        (draft(S.APPROVED, **SIGNED), "always", WaitingFor.PUSH),
        (draft(S.APPROVED, lines=[decorated(1)]), "never", WaitingFor.CUSTOMER_APPROVAL),
        (draft(S.APPROVED, lines=WAITING_LINES), "decorated", WaitingFor.PRODUCTION_APPROVAL),
        (draft(S.APPROVED, lines=WAITING_LINES), "never", WaitingFor.PUSH),
        (draft(S.PUSHING), "decorated", WaitingFor.EXPORT),
        (draft(S.PUSHED), "decorated", WaitingFor.ACK),
        (draft(S.PUSHED, exports=[export(status=ExportStatus.ACKED)]), "decorated", None),
        (draft(S.PUSHED, exports=[export(status=ExportStatus.SENT, ack_expected=False)]), "never", None),
        (draft(S.ERROR), "decorated", WaitingFor.RETRY),
        (draft(S.REJECTED), "decorated", None),
    ],
)
def test_a_draft_says_what_it_waits_for(of: Draft, gate: str, expected: WaitingFor | None) -> None:
    assert waiting_for(of, OrgPolicy(production_gate=ProductionGate(gate))) is expected


def test_the_line_summary_counts_what_is_signed_and_what_waits_for_the_customer() -> None:
    lines = [line(1), decorated(2, LineStatus.PRODUCTION_READY), decorated(3, LineStatus.PHONE_CALL)]
    assert line_summary(draft(lines=lines)) == "2 of 3 ready, 1 awaiting approval"
    assert line_summary(draft()) == "1 of 1 ready"


# --- approvals -----------------------------------------------------------------------------------


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


# --- versions and duplicates -----------------------------------------------------------------------


@pytest.mark.parametrize("command", sorted(set(msg.MESSAGES) - LINE_COMMANDS))
def test_if_match_takes_exactly_the_version_that_was_read(command: Command) -> None:
    of = fitting(
        next(status for status in S if status in {S.READY, S.APPROVED, S.ERROR} and _takes(status, command)),
        command,
    )
    assert decided(command, of, expected_version=of.version)
    for other in (of.version - 1, of.version + 1):
        refusal = refused(VersionMismatch, command, of, expected_version=other)
        assert refusal.http_status == 412
        assert f"version {of.version}, not {other}" in refusal.sentence


def _takes(status: S, command: Command) -> bool:
    try:
        admit(fitting(status, command), command, message(command))
    except TransitionRejected:
        return False
    return True


def test_an_old_version_is_named_before_the_status_is() -> None:
    refused(VersionMismatch, Command.APPROVE, draft(S.APPROVED), expected_version=1)


def test_decide_refuses_what_became_stale_while_the_facts_were_read() -> None:
    with pytest.raises(TransitionRejected):
        decide(Command.PUSH, message(Command.PUSH), Situation(draft(S.REJECTED), LATER, OrgPolicy(), facts()))


DOUBTFUL = {"may_have_been_sent": True}
REFUSED = {"refused_by_erp": True}


@pytest.mark.parametrize(
    ("exports", "doubt"),
    [
        ([], None),
        ([failed(1)], None),
        ([failed(1, **DOUBTFUL)], 1),
        ([failed(1, **REFUSED)], None),
        ([failed(1, **DOUBTFUL, **REFUSED)], None),
        ([failed(1, **DOUBTFUL), failed(2)], None),  # a person looked before the second one
        ([failed(1, **DOUBTFUL), failed(2, **DOUBTFUL)], 2),
        ([failed(1), failed(2, **DOUBTFUL)], 2),
        ([export(1, ExportStatus.ACKED), failed(2)], 1),  # the late ack came after the second push
        ([export(1, ExportStatus.ACKED), failed(2, **REFUSED)], 1),
        ([failed(1, **REFUSED), export(2, ExportStatus.ACKED)], 2),
    ],
)
@pytest.mark.parametrize(("status", "command"), [(S.APPROVED, Command.PUSH), (S.ERROR, Command.RETRY_PUSH)])
def test_a_document_that_the_erp_may_have_is_not_sent_again_unasked(
    status: S, command: Command, exports: list[Export], doubt: int | None
) -> None:
    of = draft(status, exports=exports)
    if doubt is None:
        (pushed,) = decided(command, of, confirm_may_duplicate=True)
        assert isinstance(pushed, ev.PushRequested)
        assert not pushed.confirmed_may_duplicate
        assert carried_out(command, of).status is S.PUSHING
        return
    refusal = refused(MayHaveBeenSent, command, of)
    assert refusal.http_status == 409
    assert refusal.details == {"may_have_been_sent": True, "erp_export_id": str(exports[doubt - 1].id)}
    assert f"xport {doubt}" in refusal.sentence
    (confirmed,) = decided(command, of, confirm_may_duplicate=True)
    assert isinstance(confirmed, ev.PushRequested)
    assert confirmed.confirmed_may_duplicate
    assert confirmed.export.attempt == len(exports) + 1


def test_an_edit_and_a_new_approval_do_not_lift_the_guard_against_duplicates() -> None:
    edited = carried_out(Command.EDIT, draft(S.ERROR, exports=[failed(1, **DOUBTFUL)]))
    again = carried_out(Command.APPROVE, carried_out(Command.VALIDATE, edited))
    assert again.status is S.APPROVED
    refused(MayHaveBeenSent, Command.PUSH, again)


def test_an_edit_lets_a_refused_or_unsent_order_go_again() -> None:
    for earlier in (failed(1), failed(1, **REFUSED)):
        edited = carried_out(Command.EDIT, draft(S.ERROR, exports=[earlier]))
        again = carried_out(Command.APPROVE, carried_out(Command.VALIDATE, edited))
        pushed = carried_out(Command.PUSH, again)
        assert [each.attempt for each in pushed.exports] == [1, 2]


def test_a_push_makes_the_next_export_of_the_active_connection() -> None:
    (event,) = decided(Command.RETRY_PUSH, draft(S.ERROR))
    assert isinstance(event, ev.PushRequested)
    assert event.retry
    made = event.export
    assert (made.attempt, made.status, made.created_at) == (2, ExportStatus.PENDING, LATER)
    assert (made.connector_type, made.ack_expected) == ("DROPZONE_JSON_V1", True)
    assert made.size_bytes == len(event.document.encode())


# --- edits ---------------------------------------------------------------------------------------

EDITS: dict[str, dict[str, Any]] = {
    "header": {"header": {"notes": "call first"}},
    "customer": {"header": {"customer_id": str(UUID(int=9))}},
    "add": {"header": None, "add_line": LineInput(internal_sku="INT-2", qty=Decimal(1), uom="M")},
    "change": {"header": None, "line_no": 1, "change_line": {"qty": "12"}},
    "remove": {"header": None, "line_no": 1, "remove_line": True},
}


@pytest.mark.parametrize("edit", EDITS)
@pytest.mark.parametrize(
    ("status", "ends", "known"),
    [
        (S.EXTRACTED, S.EXTRACTED, facts()),
        (S.NEEDS_REVIEW, S.NEEDS_REVIEW, NOT_READY),
        (S.READY, S.NEEDS_REVIEW, NOT_READY),
        (S.APPROVED, S.NEEDS_REVIEW, facts()),
        (S.ERROR, S.NEEDS_REVIEW, facts()),
    ],
)
def test_any_edit_takes_the_approvals_back_and_moves_the_draft(
    edit: str, status: S, ends: S, known: Any
) -> None:
    before = draft(status, **(SIGNED if status in {S.APPROVED, S.ERROR} else {}))
    edited = carried_out(Command.EDIT, before, known=known, actor=BEN, **EDITS[edit])
    assert edited.status is ends
    assert edited.approved_at is None
    assert edited.approved_by_user_id is None
    assert edited.production_approved_at is None
    assert edited.production_approved_by_user_id is None
    assert edited.last_edited_by_user_id == BEN.user_id
    happened = [type(event) for event in decided(Command.EDIT, before, known=known, **EDITS[edit])]
    assert (ev.ApprovalRevoked in happened) is (status in {S.APPROVED, S.ERROR})
    assert (ev.DraftValidated in happened) is (status in {S.NEEDS_REVIEW, S.READY})


def test_an_edit_that_completes_a_draft_makes_it_ready_at_once() -> None:
    assert carried_out(Command.EDIT, draft(S.NEEDS_REVIEW)).status is S.READY


def test_an_edit_after_approval_waits_for_validation() -> None:
    edited = carried_out(Command.EDIT, draft(S.APPROVED))
    assert (edited.ready_check, edited.issues) == (None, [])


def test_another_customer_means_another_name() -> None:
    assert carried_out(Command.EDIT, draft(S.APPROVED), **EDITS["customer"]).customer_name is None
    assert carried_out(Command.EDIT, draft(S.APPROVED)).customer_name == "Muster GmbH"


def test_an_edit_reports_only_what_changed() -> None:
    (event, *_) = decided(
        Command.EDIT,
        draft(S.EXTRACTED),
        header={"currency": "EUR", "notes": "call first", "order_date": None},
    )
    assert isinstance(event, ev.DraftEdited)
    assert event.before == {"notes": None, "order_date": "2026-11-20"}
    assert event.after == {"notes": "call first", "order_date": None}


def _changed(patch: dict[str, Any], status: LineStatus = LineStatus.PRODUCTION_READY) -> LineStatus | None:
    of = draft(S.APPROVED, lines=[line(1), decorated(2, status)])
    edited = carried_out(Command.EDIT, of, header=None, line_no=2, change_line=patch)
    changed = edited.line(2)
    assert changed is not None
    return changed.status


@pytest.mark.parametrize(
    "change",
    [
        {"logo_id": str(UUID(int=78))},
        {"netsuite_file_cabinet_id": "F-2"},
        {"style_number": "14729"},
        {"color_code": "RED"},
        {"placement": "BACK"},
        {"size_quantities": {"M": 5, "L": 5}},
    ],
)
def test_a_line_goes_back_to_new_when_what_was_decided_on_changes(change: dict[str, Any]) -> None:
    assert _changed({"decoration": decoration().model_dump(mode="json") | change}) is LineStatus.NEW


@pytest.mark.parametrize(
    "patch",
    [
        {"qty": "11"},
        {"notes": "x"},
        {"unit_price": "2"},
        {"decoration": decoration(style_name="Polo").model_dump(mode="json")},
        {"decoration": decoration(send_for_approval=True).model_dump(mode="json")},
    ],
)
def test_a_line_keeps_its_signatures_when_nothing_decided_on_changes(patch: dict[str, Any]) -> None:
    assert _changed(patch) is LineStatus.PRODUCTION_READY


def test_a_line_that_loses_its_logo_has_no_line_status() -> None:
    assert _changed({"decoration": None}) is None


def test_a_line_that_gains_a_logo_starts_at_new() -> None:
    patch = {"decoration": decoration().model_dump(mode="json")}
    edited = carried_out(Command.EDIT, draft(S.APPROVED), header=None, line_no=1, change_line=patch)
    assert [each.status for each in edited.lines] == [LineStatus.NEW]


def test_a_new_line_goes_behind_the_last_unless_it_names_a_free_number() -> None:
    of = draft(S.EXTRACTED, lines=[line(1), line(5)])
    added = carried_out(Command.EDIT, of, header=None, add_line=LineInput(internal_sku="INT-2"))
    assert [each.line_no for each in added.lines] == [1, 5, 6]
    between = carried_out(Command.EDIT, of, header=None, add_line=LineInput(line_no=3))
    assert [each.line_no for each in between.lines] == [1, 3, 5]
    refused(TransitionRejected, Command.EDIT, of, header=None, add_line=LineInput(line_no=5))


def test_a_line_that_comes_back_under_an_old_number_is_another_line() -> None:
    of = draft(S.EXTRACTED, lines=[])
    first = carried_out(Command.EDIT, of, header=None, add_line=LineInput())
    second = carried_out(
        Command.EDIT, of.model_copy(update={"version": 9}), header=None, add_line=LineInput()
    )
    assert first.lines[0].line_no == second.lines[0].line_no
    assert first.lines[0].id != second.lines[0].id


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (LineNotFound, {"line_no": 9, "change_line": {"qty": "1"}}),
        (LineNotFound, {"line_no": 9, "remove_line": True}),
        (InputRefused, {}),
        (InputRefused, {"line_no": 1, "change_line": {"qty": "many"}}),
        (InputRefused, {"line_no": 1, "change_line": {"line_no": 2}}),
        (InputRefused, {"line_no": 1, "change_line": {"status": "Complete"}}),
        (InputRefused, {"header": {"status": "APPROVED"}}),
        (InputRefused, {"header": {"currency": "euro"}}),
    ],
)
def test_an_edit_that_does_not_fit_is_refused(kind: type[Refusal], fields: dict[str, Any]) -> None:
    refused(kind, Command.EDIT, draft(S.READY), **{"header": None, **fields})


def test_a_draft_takes_a_thousand_lines_and_no_more() -> None:
    lines = [line(number) for number in range(1, 1001)]
    one_more = {"header": None, "add_line": LineInput()}
    full = carried_out(Command.EDIT, draft(S.EXTRACTED, lines=lines[:-1]), **one_more)
    assert len(full.lines) == 1000
    refused(InputRefused, Command.EDIT, full, **one_more)
    refused(InputRefused, Command.EDIT, draft(S.EXTRACTED, lines=[line(99_999)]), **one_more)
