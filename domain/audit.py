"""Audit entries: what each event says in the trail, and the chain that proves it.

Content is hashed canonically; each row's hash covers its content and the entity's previous row.
Source: domain.md, "Audit".
"""

import hashlib
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict

from domain import events as ev
from domain.canonical import digest, in_utc
from domain.draft import Draft
from domain.messages import Actor, Origin
from domain.statuses import Via

GENESIS = "0" * 64
DRAFT_ENTITY = "draft_order"


class AuditEntry(BaseModel):
    model_config = ConfigDict(frozen=True)

    org_id: UUID
    entity_type: str
    entity_id: UUID
    action: str
    actor_user_id: UUID | None
    actor_email: str | None
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    details: dict[str, Any] | None
    via: Via
    request_id: str | None
    ip: str | None
    user_agent: str | None
    created_at: Annotated[datetime, AfterValidator(in_utc)]  # PostgreSQL gives times back in UTC

    def content_hash(self) -> str:
        """SHA-256 over everything the row says, as 64 hex digits."""
        return digest(self.model_dump(mode="json"))


def chain_hash(previous_hash: str, entity_seq: int, content_hash: str) -> str:
    """Hash of a row; PostgreSQL computes the same when it inserts (see storage/migrations)."""
    return hashlib.sha256(f"{previous_hash}:{entity_seq}:{content_hash}".encode()).hexdigest()


Said = tuple[str, dict[str, Any] | None, dict[str, Any] | None, dict[str, Any] | None]


def said(before: Draft, after: Draft, event: ev.Event) -> Said | None:
    """(action, before, after, details) of one event, or None for one that the trail leaves out."""
    return _SAYS[type(event)](before, after, event)


LINE_MOVED: Said = ("LINE_STATUS_CHANGED", None, None, None)


def entry(draft: Draft, what: Said, actor: Actor, origin: Origin, at: datetime) -> AuditEntry:
    action, before, after, details = what
    return AuditEntry(
        org_id=draft.org_id,
        entity_type=DRAFT_ENTITY,
        entity_id=draft.id,
        action=action,
        actor_user_id=actor.user_id,
        actor_email=actor.email,
        before=before,
        after=after,
        details=details,
        via=origin.via,
        request_id=origin.request_id,
        ip=origin.ip,
        user_agent=origin.user_agent,
        created_at=at,
    )


def _status(draft: Draft) -> dict[str, Any]:
    return {"status": draft.status.value}


def _created(before: Draft, after: Draft, event: ev.DraftCreated) -> Said:
    header = event.header.model_dump(mode="json", exclude_none=True)
    facts = {"status": after.status.value, "number": after.number, "lines": len(after.lines), **header}
    return "DRAFT_CREATED", None, facts, None


def _edited(before: Draft, after: Draft, event: ev.DraftEdited) -> Said:
    return "DRAFT_UPDATED", {**_status(before), **event.before}, {**_status(after), **event.after}, None


def _validated(before: Draft, after: Draft, event: ev.DraftValidated) -> Said | None:
    if not event.asked:
        return None
    check = event.ready_check
    details = {"is_ready": check.is_ready, "blocking_reasons": check.blocking_reasons}
    return "DRAFT_VALIDATED", _status(before), _status(after), details


def _moved(action: str) -> Callable[[Draft, Draft, Any], Said]:
    def say(before: Draft, after: Draft, event: ev.Event) -> Said:
        details = event.model_dump(mode="json", exclude_none=True) or None
        return action, _status(before), _status(after), details

    return say


def _pushed(before: Draft, after: Draft, event: ev.PushRequested) -> Said:
    export = event.export
    details = {
        "erp_export_id": str(export.id),
        "attempt": export.attempt,
        "file_name": export.file_name,
        "sha256": export.sha256,
        "connection_id": str(export.connection_id),
        "confirmed_may_duplicate": event.confirmed_may_duplicate,
    }
    action = "DRAFT_PUSH_RETRIED" if event.retry else "DRAFT_PUSHED"
    return action, _status(before), _status(after), details


def _export(action: str) -> Callable[[Draft, Draft, Any], Said]:
    def say(before: Draft, after: Draft, event: Any) -> Said:
        details = event.model_dump(mode="json", exclude={"export_id"}, exclude_none=True)
        return action, _status(before), _status(after), {"erp_export_id": str(event.export_id), **details}

    return say


def _ack_recorded(before: Draft, after: Draft, event: ev.AckRecorded) -> Said:
    action = "EXPORT_ACKED" if event.status == "ACKED" else "EXPORT_REJECTED"
    details = {"erp_export_id": str(event.export_id), "changed": False, "reason": event.reason}
    if event.ack_file is not None:
        details |= {"outcome": event.outcome, "ack_file": event.ack_file}
    return action, _status(before), _status(after), details


def _color_up_set(before: Draft, after: Draft, event: ev.ColorUpSet) -> Said:
    old = before.line(event.line_no)
    was = None if old is None or old.color_up_id is None else str(old.color_up_id)
    details = {"line_no": event.line_no, "line_id": str(event.line_id)}
    return "LINE_COLOR_UP_SET", {"color_up_id": was}, {"color_up_id": str(event.color_up_id)}, details


def _silent(before: Draft, after: Draft, event: Any) -> None:
    return None


_SAYS: dict[type[ev.Event], Callable[[Draft, Draft, Any], Said | None]] = {
    ev.DraftCreated: _created,
    ev.DraftEdited: _edited,
    ev.ApprovalRevoked: _moved("DRAFT_APPROVAL_REVOKED"),
    ev.DraftValidated: _validated,
    ev.DraftApproved: _moved("DRAFT_APPROVED"),
    ev.DraftProductionApproved: _moved("DRAFT_PRODUCTION_APPROVED"),
    ev.DraftProductionRejected: _moved("DRAFT_PRODUCTION_REJECTED"),
    ev.LinesMoved: _silent,  # one entry for each move, see `Record.trail`
    ev.ColorUpSet: _color_up_set,
    ev.FloorClosed: _silent,
    ev.PushRequested: _pushed,
    ev.ExportSent: _export("EXPORT_SENT"),
    ev.ExportFailed: _export("DRAFT_PUSH_FAILED"),
    ev.ExportAcked: _export("EXPORT_ACKED"),
    ev.ExportRejected: _export("EXPORT_REJECTED"),
    ev.AckRecorded: _ack_recorded,
    ev.AckWindowEnded: _silent,
    ev.DraftRejected: _moved("DRAFT_REJECTED"),
    ev.CommandRefused: _moved("COMMAND_REFUSED"),
    ev.DraftRestored: _moved("DRAFT_RESTORED"),
}
