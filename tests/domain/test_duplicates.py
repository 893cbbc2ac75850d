"""Versions that were read, and documents that the ERP may have: nothing is done twice unasked."""

import pytest

from domain import events as ev
from domain import messages as msg
from domain.decisions import admit, decide
from domain.draft import Export
from domain.policy import OrgPolicy
from domain.refusals import (
    MayHaveBeenSent,
    TransitionRejected,
    VersionMismatch,
)
from domain.situation import Situation
from domain.statuses import DraftStatus as S
from domain.statuses import ExportStatus
from domain.transitions import LINE_COMMANDS, Command
from tests.domain.orders import (
    LATER,
    carried_out,
    decided,
    draft,
    export,
    facts,
    failed,
    fitting,
    message,
    refused,
)


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
