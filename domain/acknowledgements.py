"""What an ERP's acknowledgement means for an export. Source: domain.md, "Export status"."""

from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from pydantic import BaseModel

from domain import events as ev
from domain.draft import Draft, Export, ExportError
from domain.messages import Acknowledgement
from domain.statuses import DraftStatus, ExportStatus


class AckOutcome(StrEnum):
    """How an ack file ended; each file has one end."""

    ACKED = "ACKED"  # the export is acknowledged
    REJECTED = "REJECTED"  # the ERP refused the order; the draft can be mended and pushed again
    DUPLICATE = "DUPLICATE"  # says again what was said before
    CONTRADICTING = "CONTRADICTING"  # says the opposite of what was said before; the first answer counts
    LATE = "LATE"  # nobody waits for it any more
    UNEXPECTED = "UNEXPECTED"  # answers an export of which nothing was sent
    UNKNOWN_EXPORT = "UNKNOWN_EXPORT"  # no export of this organisation has that file name
    OTHER_CONNECTION = (
        "OTHER_CONNECTION"  # the export went through another connection, with its own ack folder
    )
    MALFORMED = "MALFORMED"  # cannot be read, and does not change any more
    GONE = "GONE"  # taken away before it could be read


class HeardAck(BaseModel):
    """One ack file's end, as the draft decided it. `message` is a sentence for people."""

    ack_id: UUID
    outcome: AckOutcome
    message: str


_SENTENCES: dict[AckOutcome, str] = {
    AckOutcome.ACKED: "The ERP has taken the order",
    AckOutcome.REJECTED: "The ERP refused the order",
}


def acknowledged(draft: Draft, ack: Acknowledgement, at: datetime) -> list[ev.Event]:
    """Events of one ack; never refuses, because a second or late ack is harmless and recorded."""
    export = draft.export(ack.export_id)
    if export is None:
        return [_recorded(ack, AckOutcome.UNKNOWN_EXPORT, "no such export of this draft")]
    if export.refused_by_erp:
        same = AckOutcome.DUPLICATE if ack.status == "FAILED" else AckOutcome.CONTRADICTING
        return [_recorded(ack, same, "the ERP had already refused this export")]
    if export.status is ExportStatus.ACKED:
        same = AckOutcome.DUPLICATE if ack.status == "ACKED" else AckOutcome.CONTRADICTING
        return [_recorded(ack, same, "this export was already acknowledged")]
    if not export.ack_expected and export.status is ExportStatus.SENT:
        return [_recorded(ack, AckOutcome.LATE, "the time for acknowledgements is over")]
    if export.status is ExportStatus.FAILED and not export.may_have_been_sent:
        return [_recorded(ack, AckOutcome.UNEXPECTED, "this export had failed before anything was sent")]
    return [_positive(export, ack)] if ack.status == "ACKED" else [_negative(export, ack, at)]


def delivered_meanwhile(draft: Draft, export_id: UUID) -> UUID | None:
    """Another export that the ERP has acknowledged: then a failed one leaves nothing to be done."""
    acked = (each.id for each in draft.exports if each.status is ExportStatus.ACKED and each.id != export_id)
    return next(acked, None)


def overdue(export: Export, at: datetime, after_hours: int) -> bool:
    """Sent, and the ERP has not answered for longer than the org allows."""
    if export.status is not ExportStatus.SENT or not export.ack_expected or export.sent_at is None:
        return False
    return at - export.sent_at > timedelta(hours=after_hours)


def heard(ack_id: UUID, event: ev.Event) -> HeardAck:
    """What the ledger of ack files says of an event that `acknowledged` returned."""
    if isinstance(event, ev.AckRecorded):
        said = f"Recorded, nothing changed: {event.reason}"
        return HeardAck(ack_id=ack_id, outcome=AckOutcome(event.outcome), message=said)
    outcome = AckOutcome.ACKED if isinstance(event, ev.ExportAcked) else AckOutcome.REJECTED
    return HeardAck(ack_id=ack_id, outcome=outcome, message=_SENTENCES[outcome])


def unheard(draft: Draft, ack: Acknowledgement, at: datetime, *, is_open: bool) -> ev.AckRecorded | None:
    """The end of an ack that no workflow hears any more; None when one should: the draft `is_open`."""
    (event,) = acknowledged(draft, ack, at)
    if isinstance(event, ev.AckRecorded):
        return event
    if draft.status is DraftStatus.REJECTED:
        return _recorded(ack, AckOutcome.LATE, "the draft had been rejected; the ERP may have its order")
    if is_open:
        return None
    if ack.status == "ACKED":
        return _recorded(
            ack, AckOutcome.LATE, "the draft was finished by another export; the ERP may have it twice"
        )
    return _recorded(ack, AckOutcome.LATE, "the draft was finished by another export")


def _positive(export: Export, ack: Acknowledgement) -> ev.Event:
    late = export.status is ExportStatus.FAILED
    return ev.ExportAcked(
        export_id=export.id, erp_order_id=ack.erp_order_id, late=late, ack_file=ack.file_name
    )


def _negative(export: Export, ack: Acknowledgement, at: datetime) -> ev.Event:
    message = ack.message or "The ERP refused the order without giving a reason"
    error = ExportError(code=ack.error_code or "ERP_REFUSED", message=message, at=at)
    return ev.ExportRejected(export_id=export.id, error=error, ack_file=ack.file_name)


def _recorded(ack: Acknowledgement, outcome: AckOutcome, reason: str) -> ev.AckRecorded:
    return ev.AckRecorded(
        export_id=ack.export_id, status=ack.status, outcome=outcome, reason=reason, ack_file=ack.file_name
    )
