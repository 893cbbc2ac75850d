"""What an ERP's acknowledgement means for an export. Source: domain.md, "Export status"."""

from datetime import datetime

from domain import events as ev
from domain.draft import Draft, Export, ExportError
from domain.messages import Acknowledgement
from domain.statuses import ExportStatus


def acknowledged(draft: Draft, ack: Acknowledgement, at: datetime) -> list[ev.Event]:
    """Events of one ack; never refuses, because a second or late ack is harmless and recorded."""
    export = draft.export(ack.export_id)
    if export is None:
        return [_recorded(ack, "no such export of this draft")]
    if export.refused_by_erp:
        return [_recorded(ack, "the ERP had already refused this export")]
    if export.status is ExportStatus.ACKED:
        return [_recorded(ack, "this export was already acknowledged")]
    if not export.ack_expected and export.status is ExportStatus.SENT:
        return [_recorded(ack, "the time for acknowledgements is over")]
    if export.status is ExportStatus.FAILED and not export.may_have_been_sent:
        return [_recorded(ack, "this export had failed before anything was sent")]
    return [_positive(export, ack)] if ack.status == "ACKED" else [_negative(export, ack, at)]


def _positive(export: Export, ack: Acknowledgement) -> ev.Event:
    late = export.status is ExportStatus.FAILED
    return ev.ExportAcked(export_id=export.id, erp_order_id=ack.erp_order_id, late=late)


def _negative(export: Export, ack: Acknowledgement, at: datetime) -> ev.Event:
    message = ack.message or "The ERP refused the order without giving a reason"
    error = ExportError(code=ack.error_code or "ERP_REFUSED", message=message, at=at)
    return ev.ExportRejected(export_id=export.id, error=error)


def _recorded(ack: Acknowledgement, reason: str) -> ev.AckRecorded:
    return ev.AckRecorded(export_id=ack.export_id, status=ack.status, reason=reason)
