"""What decorated lines wait for, read from outside the draft: by `look_up_lines`, and for a line command.

One question for each line, one answer for each line that has one.
"""

from uuid import UUID

from pydantic import BaseModel

from domain.color_ups import ColorUpDecided, ColorUpStatus
from domain.draft import Line
from domain.statuses import LineStatus


class LineQuestion(BaseModel):
    """A line as it stands. `wanted_color_up_id` is the version that `set_color_up` names."""

    line_no: int
    status: LineStatus
    logo_id: UUID | None = None
    netsuite_file_cabinet_id: str | None = None
    style_number: str | None = None
    color_code: str | None = None
    send_for_approval: bool = False
    color_up_id: UUID | None = None
    wanted_color_up_id: UUID | None = None


class LinesRequest(BaseModel):
    org_id: UUID
    draft_id: UUID
    customer_id: UUID | None = None
    internal_review: bool | None = None  # the order's own word; None: the customer's default
    lines: list[LineQuestion]


class ColorUpFact(BaseModel):
    """One version of a color-up, as far as a line must fit it."""

    id: UUID
    logo_id: UUID
    style_number: str
    color_code: str
    version: int
    status: ColorUpStatus


class LineFact(BaseModel):
    """`logo_id` is None when the org has no such logo; `newer` is the newest version of the line's own key
    that is younger than the line's color-up and may still be used."""

    logo_id: UUID | None = None
    logo_customer_id: UUID | None = None
    approved_color_up_id: UUID | None = None
    color_up_status: ColorUpStatus | None = None
    color_up_version: int | None = None
    decision: ColorUpDecided | None = None
    newer_color_up_id: UUID | None = None
    wanted: ColorUpFact | None = None


class LineFacts(BaseModel):
    customer_internal_review: bool = False
    has_active_approver: bool = False
    lines: dict[int, LineFact] = {}


_ASKED = ("logo_id", "netsuite_file_cabinet_id", "style_number", "color_code", "send_for_approval")


def question(line: Line, **instead: object) -> LineQuestion:
    """`instead` replaces what the line says: the logo that is to be linked, the version that is wanted."""
    decoration = line.decoration
    asked: dict[str, object] = {
        "line_no": line.line_no,
        "status": line.status,
        "color_up_id": line.color_up_id,
    }
    if decoration is not None:
        asked |= {name: getattr(decoration, name) for name in _ASKED}
    return LineQuestion.model_validate({**asked, **instead})
