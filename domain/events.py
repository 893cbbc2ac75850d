"""What happened to a draft: past participles, each with what it changes. Decisions return them."""

from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from domain.draft import Export, ExportError, Header, Issue, Line, ReadyCheck
from domain.statuses import DraftStatus, LineStatus
from domain.values import Legible


class Event(BaseModel):
    model_config = ConfigDict(frozen=True)


class DraftCreated(Event):
    header: Header
    lines: list[Line]


class DraftEdited(Event):
    header: Header
    lines: list[Line]
    before: dict[str, Any]  # only what changed
    after: dict[str, Any]


class ApprovalRevoked(Event):
    by_edit: bool


class DraftValidated(Event):
    ready_check: ReadyCheck
    issues: list[Issue]
    customer_name: str | None
    status: DraftStatus
    asked: bool  # False when an edit's re-check did it


class DraftApproved(Event):
    by_user_id: UUID | None
    by_email: str | None


class DraftProductionApproved(Event):
    """Of a plain draft as a whole, or of the lines named."""

    by_user_id: UUID | None
    note: str | None
    line_nos: list[int] | None = None


class DraftProductionRejected(Event):
    by_user_id: UUID | None
    reason: str
    line_nos: list[int]


class LineMove(BaseModel):
    """One move of one line. What is None stays as it is on the line."""

    model_config = ConfigDict(frozen=True)

    line_no: int
    to: LineStatus
    note: str | None = None
    team_proxy: bool = False
    color_up_id: UUID | None = None
    logo_id: UUID | None = None
    send_for_approval: bool | None = None


class LinesMoved(Event):
    """In the order in which it happened; a line may be in it several times."""

    moves: list[LineMove]


class ColorUpSet(Event):
    """A line got another color-up where it stands."""

    line_no: int
    line_id: UUID
    color_up_id: UUID


class FloorClosed(Event):
    """The order was pushed so long ago that nobody waits for its lines to be finished."""


class PushRequested(Event):
    export: Export
    document: str
    retry: bool
    confirmed_may_duplicate: bool


class ExportSent(Event):
    export_id: UUID
    dropzone_path: str
    unconfirmed: bool


class ExportFailed(Event):
    export_id: UUID
    error: ExportError
    may_have_been_sent: bool
    delivered_by: UUID | None = None  # another export, which the ERP acknowledged meanwhile


class ExportAcked(Event):
    export_id: UUID
    erp_order_id: str | None
    late: bool
    ack_file: str | None = None  # None for an answer that came as a signal


class ExportRejected(Event):
    export_id: UUID
    error: ExportError
    ack_file: str | None = None


class AckRecorded(Event):
    """An ack that changes nothing: a second, a late or a contradicting one."""

    export_id: UUID | None
    status: str
    outcome: str  # an `AckOutcome`
    reason: str
    ack_file: str | None = None


class AckWindowEnded(Event):
    export_id: UUID


class DraftRestored(Event):
    """A new workflow began with the rows, because the old one contradicted them or was gone."""

    replaced_run: str


class DraftRejected(Event):
    reason: str


class CommandRefused(Event):
    """A signal that was not carried out; refused updates leave nothing."""

    command: Legible
    reason: Legible
    code: Legible
