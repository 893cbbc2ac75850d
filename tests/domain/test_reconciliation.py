"""What counts as a difference between a workflow and its rows."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from domain.draft import Draft
from domain.reconciliation import Difference, WorkflowState, compare, needs_workflow
from domain.statuses import DraftStatus

AT = datetime(2026, 11, 21, tzinfo=UTC)


def draft(version: int, status: DraftStatus = DraftStatus.READY, number: str = "D-000001") -> Draft:
    return Draft(
        org_id=UUID(int=1),
        org_slug="demo",
        id=UUID(int=2),
        number=number,
        status=status,
        version=version,
        created_at=AT,
        updated_at=AT,
    )


@pytest.mark.parametrize(
    ("workflow", "recorded", "row", "expected"),
    [
        (3, 3, draft(3), None),
        (3, 2, draft(2), None),  # busy: its third decision is on the way
        (3, 2, draft(3), None),  # recorded, and the workflow has not heard yet
        (1, 0, None, None),  # just created
        (3, 3, None, Difference.MISSING_ROW),
        (3, 3, draft(2), Difference.ROW_BEHIND),
        (3, 3, draft(4), Difference.WORKFLOW_RESET),
        (3, 3, draft(3, number="D-000009"), Difference.ROW_DIFFERS),
        (3, 2, draft(3, number="D-000009"), Difference.WORKFLOW_RESET),  # its messages were given to it again
    ],
)
def test_versions_and_content_are_compared(
    workflow: int, recorded: int, row: Draft | None, expected: Difference | None
) -> None:
    found = compare(WorkflowState(draft=draft(workflow), recorded=recorded), row)
    assert (found[0] if found else None) == expected


@pytest.mark.parametrize("status", list(DraftStatus))
def test_a_draft_is_open_unless_rejected_or_pushed_and_waiting_for_nothing(status: DraftStatus) -> None:
    assert needs_workflow(draft(1, status), "ack") is (status is not DraftStatus.REJECTED)
    closed = {DraftStatus.REJECTED, DraftStatus.PUSHED}
    assert needs_workflow(draft(1, status), None) is (status not in closed)
