"""Workflow against rows: what can be wrong between them, and whether the rows may be written anew.

The workflow decides and PostgreSQL answers, so a difference is mended in the rows, never in the workflow.
"""

from enum import StrEnum

from pydantic import BaseModel

from domain.draft import Draft, Export
from domain.statuses import DraftStatus


class Difference(StrEnum):
    MISSING_ROW = "missing_row"
    ROW_BEHIND = "row_behind"
    ROW_DIFFERS = "row_differs"
    WORKFLOW_RESET = "workflow_reset"
    WORKFLOW_MISSING = "workflow_missing"
    WORKFLOW_SILENT = "workflow_silent"
    WORKFLOW_STUCK = "workflow_stuck"
    HELD_AFTER_PAUSE = "held_after_pause"
    TRY_LEFT_OPEN = "try_left_open"


class Rule(BaseModel):
    repairable: bool
    sentence: str


RULES: dict[Difference, Rule] = {
    Difference.MISSING_ROW: Rule(
        repairable=True, sentence="The workflow is open and its draft has no row; the row is written from it"
    ),
    Difference.ROW_BEHIND: Rule(
        repairable=True,
        sentence="The rows are older than what the workflow has recorded (a restored backup?); "
        "they are written from it, but the audit rows in between are lost",
    ),
    Difference.ROW_DIFFERS: Rule(
        repairable=True, sentence="The row says something else than the workflow; it is written from it"
    ),
    Difference.WORKFLOW_RESET: Rule(
        repairable=False,
        sentence="The rows are newer than the workflow: it was reset or restored, and its next decision "
        "will not be recorded. `countersign restore` starts it anew from the rows",
    ),
    Difference.WORKFLOW_MISSING: Rule(
        repairable=False,
        sentence="The draft is open and no workflow runs for it: it was terminated or its namespace lost. "
        "`countersign restore` starts it anew from the rows",
    ),
    Difference.WORKFLOW_SILENT: Rule(
        repairable=False, sentence="The workflow does not answer: no worker runs, or its task fails"
    ),
    Difference.WORKFLOW_STUCK: Rule(
        repairable=False, sentence="The workflow agrees with its rows, but a step of it does not get on"
    ),
    Difference.HELD_AFTER_PAUSE: Rule(
        repairable=True,
        sentence="The export waits for the end of a pause that is over, and nobody was about to tell its "
        "draft (was the release workflow terminated?); it is told",
    ),
    Difference.TRY_LEFT_OPEN: Rule(
        repairable=True,
        sentence="The export is over and its push log shows a try as running, whose worker died; it is ended",
    ),
}


class WorkflowState(BaseModel):
    """What a workflow's `state` query answers. `recorded` is the last sequence that PostgreSQL has."""

    draft: Draft
    recorded: int
    run_id: str | None = None


class Finding(BaseModel):
    org: str
    draft_id: str
    number: str
    difference: Difference
    detail: str
    repaired: bool = False


def compare(state: WorkflowState, row: Draft | None) -> tuple[Difference, str] | None:
    """What is wrong between an open workflow and its row, with the figures; None when nothing is.

    A workflow whose outbox is not empty is busy with it: only what it has recorded is held against the row.
    """
    recorded = state.recorded
    if row is None:
        return (Difference.MISSING_ROW, f"recorded {recorded}") if recorded else None
    if row.version > state.draft.version:
        return Difference.WORKFLOW_RESET, f"row {row.version}, workflow {state.draft.version}"
    if recorded < row.version == state.draft.version and row != state.draft:
        # not merely on its way: what it has yet to record stands there already, with other content
        return Difference.WORKFLOW_RESET, f"both at {row.version}, recorded {recorded}"
    if row.version < recorded:
        return Difference.ROW_BEHIND, f"row {row.version}, recorded {recorded}"
    if row.version == state.draft.version and row != state.draft:
        return Difference.ROW_DIFFERS, ", ".join(_differing(row, state.draft))
    return None


def _differing(row: Draft, draft: Draft) -> list[str]:
    """Names of fields; of an export as `exports.<attempt>.<field>`."""
    names = [name for name in Draft.model_fields if getattr(row, name) != getattr(draft, name)]
    if "exports" not in names or len(row.exports) != len(draft.exports):
        return names
    names.remove("exports")
    for one, other in zip(row.exports, draft.exports, strict=True):
        fields = [name for name in Export.model_fields if getattr(one, name) != getattr(other, name)]
        names += [f"exports.{other.attempt}.{name}" for name in fields]
    return names


def needs_workflow(row: Draft, waiting_for: str | None) -> bool:
    """Open by its row: a workflow must be running."""
    if row.status is DraftStatus.REJECTED:
        return False
    return row.status is not DraftStatus.PUSHED or waiting_for is not None
