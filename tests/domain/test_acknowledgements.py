"""The whole table: (export status, sent?, refused?, ack) -> what changes."""

from typing import Any

import pytest

from domain import events as ev
from domain.acknowledgements import acknowledged
from domain.draft import Draft
from domain.messages import Acknowledgement
from domain.statuses import DraftStatus as S
from domain.statuses import ExportStatus as E
from tests.domain.orders import ANNA, LATER, after, draft, error, export, failed


def acked(of: Draft, status: str, **fields: Any) -> ev.Event:
    assert of.last_export is not None
    ack = Acknowledgement(**{"export_id": of.last_export.id, "status": status, **fields})
    (event,) = acknowledged(of, ack, LATER)
    return event


RECORDED = None
TABLE = [
    # export, may have been sent, refused by the ERP, ack: export and draft afterwards
    (E.SENT, False, False, "ACKED", (E.ACKED, S.PUSHED)),
    (E.SENT, False, False, "FAILED", (E.FAILED, S.ERROR)),
    (E.ACKED, False, False, "ACKED", RECORDED),
    (E.ACKED, False, False, "FAILED", RECORDED),
    (E.ACKED, True, False, "ACKED", RECORDED),
    (E.ACKED, True, False, "FAILED", RECORDED),
    (E.FAILED, False, False, "ACKED", RECORDED),
    (E.FAILED, False, False, "FAILED", RECORDED),
    (E.FAILED, True, False, "ACKED", (E.ACKED, S.PUSHED)),
    (E.FAILED, True, False, "FAILED", (E.FAILED, S.ERROR)),
    (E.FAILED, False, True, "ACKED", RECORDED),
    (E.FAILED, False, True, "FAILED", RECORDED),
    (E.FAILED, True, True, "ACKED", RECORDED),
    (E.FAILED, True, True, "FAILED", RECORDED),
]


@pytest.mark.parametrize(("status", "may_have_been_sent", "refused", "ack", "ends"), TABLE)
def test_an_ack_changes_what_the_table_says_and_is_recorded_in_any_case(
    status: E, may_have_been_sent: bool, refused: bool, ack: str, ends: tuple[E, S] | None
) -> None:
    flags: dict[str, Any] = {"may_have_been_sent": may_have_been_sent, "refused_by_erp": refused}
    if status is E.FAILED:
        flags["error"] = error()
    before = draft(S.ERROR if status is E.FAILED else S.PUSHED, exports=[export(1, status, **flags)])
    event = acked(before, ack, erp_order_id="ERP-1")
    now = after(before, event)
    if ends is RECORDED:
        assert isinstance(event, ev.AckRecorded)
        assert (now.exports, now.status, now.erp_order_id) == (before.exports, before.status, None)
        return
    assert now.last_export is not None
    assert (now.last_export.status, now.status) == ends
    if ack == "ACKED":
        assert (now.last_export.acked_at, now.erp_order_id) == (LATER, "ERP-1")
        assert isinstance(event, ev.ExportAcked)
        assert event.late is (status is E.FAILED)
    else:
        assert now.last_export.refused_by_erp
        assert not now.last_export.may_have_been_sent


def test_every_status_that_an_ack_can_meet_is_in_the_table() -> None:
    assert {row[0] for row in TABLE} == set(E) - {E.PENDING}  # the workflow keeps those until the outcome


def test_a_refusal_says_the_erps_reason_or_that_there_was_none() -> None:
    told = acked(draft(S.PUSHED), "FAILED", error_code="E42", message="Unknown article")
    assert isinstance(told, ev.ExportRejected)
    assert (told.error.code, told.error.message, told.error.at) == ("E42", "Unknown article", LATER)
    silent = acked(draft(S.PUSHED), "FAILED")
    assert isinstance(silent, ev.ExportRejected)
    assert silent.error.code == "ERP_REFUSED"
    assert "without giving a reason" in silent.error.message


def test_a_message_that_no_database_takes_is_made_legible_instead_of_lost() -> None:
    told = acked(draft(S.PUSHED), "FAILED", message="line 1\nnul \x00 half \ud83d end")
    assert isinstance(told, ev.ExportRejected)
    assert told.error.message == "line 1\nnul \ufffd half \ufffd end"


def test_an_ack_after_the_window_is_recorded_only() -> None:
    before = after(draft(S.PUSHED), ev.AckWindowEnded(export_id=export().id))
    assert isinstance(acked(before, "ACKED"), ev.AckRecorded)
    assert isinstance(acked(before, "FAILED"), ev.AckRecorded)


def test_an_ack_of_an_export_that_the_draft_does_not_know_is_recorded_only() -> None:
    ack = Acknowledgement(export_id=ANNA.user_id or export().id, status="ACKED")
    (event,) = acknowledged(draft(S.PUSHED), ack, LATER)
    assert isinstance(event, ev.AckRecorded)


def test_a_late_ack_does_not_move_a_draft_that_was_edited_meanwhile() -> None:
    before = draft(S.NEEDS_REVIEW, exports=[failed(1, may_have_been_sent=True)])
    now = after(before, acked(before, "ACKED", erp_order_id="ERP-1"))
    assert (now.status, now.erp_order_id) == (S.NEEDS_REVIEW, "ERP-1")


@pytest.mark.parametrize(("status", "ends"), [("ACKED", S.PUSHED), ("FAILED", S.PUSHED)])
def test_a_late_answer_to_an_earlier_export_leaves_the_newest_ones_draft_pushed(status: str, ends: S) -> None:
    before = draft(S.PUSHED, exports=[failed(1, may_have_been_sent=True), export(2, E.SENT)])
    ack = Acknowledgement(export_id=before.exports[0].id, status=status)
    now = after(before, *acknowledged(before, ack, LATER))
    assert now.status is ends
    assert now.exports[1] == before.exports[1]
    assert now.exports[0].status is E(status)
