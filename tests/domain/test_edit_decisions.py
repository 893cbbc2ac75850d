"""What an edit does to signatures, lines and status."""

from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from domain import events as ev
from domain.draft import LineInput
from domain.refusals import (
    InputRefused,
    LineNotFound,
    Refusal,
    TransitionRejected,
)
from domain.statuses import DraftStatus as S
from domain.statuses import LineStatus
from domain.transitions import Command
from tests.domain.orders import (
    BEN,
    NOT_READY,
    SIGNED,
    carried_out,
    decided,
    decorated,
    decoration,
    draft,
    facts,
    line,
    refused,
)

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
