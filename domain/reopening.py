"""What an edit takes back: signatures, and how far decorated lines had come.

Its answer says so, and its preview before anything is changed. Source: api.md, clarifications on edits.
"""

from pydantic import BaseModel, ConfigDict, Field

from domain.draft import Draft, Line
from domain.statuses import PRODUCTION_SIGNED, LineStatus


class ReopenedLine(BaseModel):
    """A line that the customer or production must decide on again; `from` is how far it was."""

    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)

    line_no: int
    from_: LineStatus = Field(alias="from")


class Reopened(BaseModel):
    operator_approval: bool = False
    production_approval: bool = False
    lines: list[ReopenedLine] = Field(default_factory=list)


def reopened(before: Draft, after: Draft) -> Reopened:
    lines = [line for line in before.decorated_lines if _went_back(line, after)]
    unsigned = before.production_approved_at is not None and after.production_approved_at is None
    return Reopened(
        operator_approval=before.approved_at is not None and after.approved_at is None,
        production_approval=unsigned or any(line.status in PRODUCTION_SIGNED for line in lines),
        lines=[ReopenedLine(line_no=line.line_no, from_=line.status or LineStatus.NEW) for line in lines],
    )


def _went_back(line: Line, after: Draft) -> bool:
    """A line that is gone, or plain now, asks nobody for anything."""
    now = after.line(line.line_no)
    if now is None or now.decoration is None or now.id != line.id:
        return False
    return now.status is LineStatus.NEW and line.status is not LineStatus.NEW
