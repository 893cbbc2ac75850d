"""The words at the top of a draft's run in the Web UI: what it waits for, and which lines hold it."""

from typing import Any

import pytest

from domain.draft import Draft
from domain.policy import OrgPolicy
from domain.statuses import DraftStatus, ExportStatus, LineStatus
from tests.domain.orders import decorated, draft, export, failed
from workflows.ledger import Ledger
from workflows.visibility import details

READY = [decorated(1, LineStatus.PRODUCTION_READY)]
DOUBTFUL = [failed(may_have_been_sent=True)]
WAITING = [decorated(number, LineStatus.AWAITING_LOGO) for number in range(1, 8)]


def shown(of: Draft) -> str:
    return details(Ledger(of, OrgPolicy(), [], of.version, "a-run"))


CASES: dict[str, tuple[Draft, list[str]]] = {
    "a push is held by the duplicate guard": (
        draft(DraftStatus.APPROVED, lines=READY, exports=DOUBTFUL),
        [
            "waiting for a push",
            "Export 1 may already have reached the ERP: a push needs confirm_may_duplicate",
        ],
    ),
    "a retry is held by the duplicate guard": (
        draft(DraftStatus.ERROR, exports=DOUBTFUL),
        ["PERMISSION_DENIED: Permission denied", "a push needs confirm_may_duplicate"],
    ),
    "lines are not before the customer": (
        draft(DraftStatus.APPROVED, lines=WAITING),
        [
            "customer's artwork approval",
            "line 1: Awaiting Logo. Waits for a logo: link one",
            "and 2 more lines",
        ],
    ),
    "lines wait for production": (
        draft(DraftStatus.APPROVED, lines=[decorated(3, LineStatus.PENDING_PRODUCTION_APPROVAL)]),
        [
            "waiting for production approval",
            "line 3: Pending Production Approval. Waits for production's approval",
        ],
    ),
    "lines are on the floor": (
        draft(
            DraftStatus.PUSHED,
            lines=[decorated(1, LineStatus.IN_PRODUCTION)],
            exports=[export(status=ExportStatus.ACKED)],
        ),
        ["line 1: In Production. In production: waits for the floor to end"],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_the_web_ui_says_why_when(case: str) -> None:
    of, words = CASES[case]
    assert [each for each in words if each not in shown(of)] == []


@pytest.mark.parametrize("status", DraftStatus)
def test_a_plain_draft_is_shown_without_lines_and_doubts(status: DraftStatus) -> None:
    fields: dict[str, Any] = {"exports": []} if status is DraftStatus.ERROR else {}
    text = shown(draft(status, **fields))
    assert status.value in text
    assert "line " not in text
    assert "confirm_may_duplicate" not in text
