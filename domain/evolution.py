"""How an event changes a draft. Nothing here refuses anything: decisions did that before."""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from domain import events as ev
from domain.draft import Draft, Export, Line
from domain.statuses import PRODUCTION_SIGNED, DraftStatus, ExportStatus, LineStatus

Change = dict[str, Any]

_APPROVAL_GONE: Change = {
    "approved_at": None,
    "approved_by_user_id": None,
    "approved_by_email": None,
    "production_approved_at": None,
    "production_approved_by_user_id": None,
}


def evolve(draft: Draft, event: ev.Event, at: datetime, actor: UUID | None) -> Draft:
    """The draft after `event`. `at` is the decision's time (UTC), `actor` who caused it."""
    change = _CHANGES[type(event)](draft, event, at, actor)
    changed = draft.model_copy(update={"updated_at": at, **change})
    if draft.decorated_lines or changed.decorated_lines:
        changed = changed.model_copy(update=_production_of(changed.decorated_lines))
    return changed


def _production_of(decorated: list[Line]) -> Change:
    """A draft with decorated lines is approved for production when all of them are; by the last who did."""
    newest = max(
        (line for line in decorated if line.production_approved_at is not None),
        key=lambda line: (line.production_approved_at, line.line_no),
        default=None,
    )
    if newest is None or any(line.status not in PRODUCTION_SIGNED for line in decorated):
        return {"production_approved_at": None, "production_approved_by_user_id": None}
    return {
        "production_approved_at": newest.production_approved_at,
        "production_approved_by_user_id": newest.production_approved_by_user_id,
    }


def _created(draft: Draft, event: ev.DraftCreated, at: datetime, actor: UUID | None) -> Change:
    return {
        "status": DraftStatus.EXTRACTED,
        "header": event.header,
        "lines": event.lines,
        "created_at": at,
        "created_by_user_id": actor,
    }


def _edited(draft: Draft, event: ev.DraftEdited, at: datetime, actor: UUID | None) -> Change:
    change: Change = {"header": event.header, "lines": event.lines, "last_edited_by_user_id": actor}
    if event.header.customer_id != draft.header.customer_id:
        change["customer_name"] = None
    return change


def _revoked(draft: Draft, event: ev.ApprovalRevoked, at: datetime, actor: UUID | None) -> Change:
    change: Change = {"status": DraftStatus.NEEDS_REVIEW, **_APPROVAL_GONE}
    if event.by_edit:
        change |= {"ready_check": None, "issues": []}
    return change


def _validated(draft: Draft, event: ev.DraftValidated, at: datetime, actor: UUID | None) -> Change:
    return {
        "status": event.status,
        "ready_check": event.ready_check,
        "issues": event.issues,
        "customer_name": event.customer_name,
    }


def _approved(draft: Draft, event: ev.DraftApproved, at: datetime, actor: UUID | None) -> Change:
    return {
        "status": DraftStatus.APPROVED,
        "approved_at": at,
        "approved_by_user_id": event.by_user_id,
        "approved_by_email": event.by_email,
        "production_approved_at": None,
        "production_approved_by_user_id": None,
    }


def _production_approved(
    draft: Draft, event: ev.DraftProductionApproved, at: datetime, actor: UUID | None
) -> Change:
    return {"production_approved_at": at, "production_approved_by_user_id": event.by_user_id}


def _lines_moved(draft: Draft, event: ev.LinesMoved, at: datetime, actor: UUID | None) -> Change:
    lines = {line.line_no: line for line in draft.lines}
    for move in event.moves:
        lines[move.line_no] = _moved(lines[move.line_no], move, at, actor)
    return {"lines": [lines[line.line_no] for line in draft.lines]}


def _moved(line: Line, move: ev.LineMove, at: datetime, actor: UUID | None) -> Line:
    change: Change = {"status": move.to}
    if move.color_up_id is not None:
        change["color_up_id"] = move.color_up_id
    if move.to is LineStatus.PRODUCTION_READY:
        change |= {"production_approved_at": at, "production_approved_by_user_id": actor}
    elif move.to not in PRODUCTION_SIGNED:
        change |= {"production_approved_at": None, "production_approved_by_user_id": None}
    said = {"logo_id": move.logo_id, "send_for_approval": move.send_for_approval}
    said = {name: value for name, value in said.items() if value is not None}
    if said and line.decoration is not None:
        change["decoration"] = line.decoration.model_copy(update=said)
    return line.model_copy(update=change)


def _color_up_set(draft: Draft, event: ev.ColorUpSet, at: datetime, actor: UUID | None) -> Change:
    change = {"color_up_id": event.color_up_id}
    return {
        "lines": [
            line.model_copy(update=change) if line.line_no == event.line_no else line for line in draft.lines
        ]
    }


def _floor_closed(draft: Draft, event: ev.FloorClosed, at: datetime, actor: UUID | None) -> Change:
    return {"floor_closed_at": at}


def _push_requested(draft: Draft, event: ev.PushRequested, at: datetime, actor: UUID | None) -> Change:
    return {"status": DraftStatus.PUSHING, "exports": [*draft.exports, event.export]}


def _sent(draft: Draft, event: ev.ExportSent, at: datetime, actor: UUID | None) -> Change:
    sent = {
        "status": ExportStatus.SENT,
        "sent_at": at,
        "dropzone_path": event.dropzone_path,
        "unconfirmed": event.unconfirmed,
    }
    return {"status": DraftStatus.PUSHED, "exports": _exports(draft, event.export_id, sent)}


def _failed(draft: Draft, event: ev.ExportFailed, at: datetime, actor: UUID | None) -> Change:
    failed = {
        "status": ExportStatus.FAILED,
        "error": event.error,
        "may_have_been_sent": event.may_have_been_sent,
    }
    status = DraftStatus.ERROR if event.delivered_by is None else DraftStatus.PUSHED
    return {"status": status, "exports": _exports(draft, event.export_id, failed)}


def _acked(draft: Draft, event: ev.ExportAcked, at: datetime, actor: UUID | None) -> Change:
    acked = {"status": ExportStatus.ACKED, "acked_at": at, "erp_order_id": event.erp_order_id}
    change: Change = {
        "exports": _exports(draft, event.export_id, acked),
        "erp_order_id": event.erp_order_id or draft.erp_order_id,
    }
    if draft.status is DraftStatus.ERROR:
        change["status"] = DraftStatus.PUSHED
    return change


def _refused(draft: Draft, event: ev.ExportRejected, at: datetime, actor: UUID | None) -> Change:
    refused = {
        "status": ExportStatus.FAILED,
        "error": event.error,
        "may_have_been_sent": False,
        "refused_by_erp": True,
    }
    change: Change = {"exports": _exports(draft, event.export_id, refused)}
    last = draft.last_export
    if draft.status is DraftStatus.PUSHED and last is not None and last.id == event.export_id:
        change["status"] = DraftStatus.ERROR
    return change


def _rejected(draft: Draft, event: ev.DraftRejected, at: datetime, actor: UUID | None) -> Change:
    return {"status": DraftStatus.REJECTED, "reject_reason": event.reason}


def _window_ended(draft: Draft, event: ev.AckWindowEnded, at: datetime, actor: UUID | None) -> Change:
    return {"exports": _exports(draft, event.export_id, {"ack_expected": False})}


def _nothing(draft: Draft, event: ev.Event, at: datetime, actor: UUID | None) -> Change:
    return {}


def _exports(draft: Draft, export_id: UUID, change: Change) -> list[Export]:
    return [
        export.model_copy(update=change) if export.id == export_id else export for export in draft.exports
    ]


_CHANGES: dict[type[ev.Event], Callable[[Draft, Any, datetime, UUID | None], Change]] = {
    ev.DraftCreated: _created,
    ev.DraftEdited: _edited,
    ev.ApprovalRevoked: _revoked,
    ev.DraftValidated: _validated,
    ev.DraftApproved: _approved,
    ev.DraftProductionApproved: _production_approved,
    ev.DraftProductionRejected: _nothing,
    ev.LinesMoved: _lines_moved,
    ev.ColorUpSet: _color_up_set,
    ev.FloorClosed: _floor_closed,
    ev.PushRequested: _push_requested,
    ev.ExportSent: _sent,
    ev.ExportFailed: _failed,
    ev.ExportAcked: _acked,
    ev.ExportRejected: _refused,
    ev.AckRecorded: _nothing,
    ev.AckWindowEnded: _window_ended,
    ev.DraftRejected: _rejected,
    ev.CommandRefused: _nothing,
    ev.DraftRestored: _nothing,
}
