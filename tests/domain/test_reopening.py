"""What an edit says that it took back."""

from typing import Any

import pytest

from domain.draft import Draft
from domain.line_waiting import line_waiting
from domain.messages import EditMessage
from domain.reopening import Reopened, reopened
from domain.statuses import DraftStatus, LineStatus
from domain.transitions import Command
from tests.domain.orders import AT, carried_out, decorated, decoration, draft, line

APPROVED = draft(
    DraftStatus.APPROVED,
    lines=[
        line(1),
        decorated(2, LineStatus.PENDING_PRODUCTION_APPROVAL),
        decorated(3, LineStatus.PRODUCTION_READY),
    ],
)


def after_edit(of: Draft, **fields: Any) -> Draft:
    return carried_out(Command.EDIT, of, **{"header": None, **fields})


def answer(of: Draft, **fields: Any) -> dict[str, Any]:
    return reopened(of, after_edit(of, **fields)).model_dump(mode="json")


def test_an_edit_of_the_header_takes_the_operators_approval_only() -> None:
    assert answer(APPROVED, header={"notes": "x"}) == {
        "operator_approval": True,
        "production_approval": False,
        "lines": [],
    }


def test_a_line_whose_logo_changes_is_named_with_where_it_was() -> None:
    logo = decoration(placement="Sleeve").model_dump(mode="json")
    waiting = answer(APPROVED, line_no=2, change_line={"decoration": logo})
    assert waiting["lines"] == [{"line_no": 2, "from": "Pending Production Approval"}]
    assert waiting["production_approval"] is False
    signed = answer(APPROVED, line_no=3, change_line={"decoration": logo})
    assert signed["lines"] == [{"line_no": 3, "from": "Production Ready"}]
    assert signed["production_approval"] is True


@pytest.mark.parametrize(
    "edit",
    [
        {"line_no": 2, "remove_line": True},
        {"line_no": 2, "change_line": {"decoration": None}},
        {"line_no": 2, "change_line": {"qty": "12"}},
        {"add_line": {"decoration": {"placement": "Back"}}},
    ],
    ids=str,
)
def test_a_line_that_asks_nobody_again_is_not_named(edit: dict[str, Any]) -> None:
    assert answer(APPROVED, **edit)["lines"] == []


def test_the_draft_level_signature_of_production_counts() -> None:
    signed = draft(DraftStatus.APPROVED, production_approved_at=AT)
    assert reopened(signed, after_edit(signed, header={"notes": "x"})) == Reopened(
        operator_approval=True, production_approval=True
    )


def test_an_edit_before_any_signature_takes_nothing_back() -> None:
    assert reopened(draft(), after_edit(draft(), header={"notes": "x"})) == Reopened()


def test_what_is_removed_and_added_again_under_its_number_is_another_line() -> None:
    gone = after_edit(APPROVED, line_no=2, remove_line=True)
    edit = EditMessage(add_line={"line_no": 2, "decoration": decoration()})  # type: ignore[arg-type]
    again = after_edit(gone, add_line=edit.add_line)
    assert reopened(APPROVED, again).lines == []


@pytest.mark.parametrize("status", LineStatus)
def test_every_status_says_what_its_line_waits_for(status: LineStatus) -> None:
    said = line_waiting(decorated(1, status))
    assert (said is None) is (status is LineStatus.COMPLETE)
    assert line_waiting(line(1)) is None


def test_a_line_without_its_logo_names_the_file_that_it_waits_for() -> None:
    waiting = decorated(1, LineStatus.AWAITING_LOGO)
    waiting = waiting.model_copy(
        update={"decoration": decoration(logo_id=None, netsuite_file_cabinet_id="FC-9")}
    )
    assert "FC-9" in (line_waiting(waiting) or "")
