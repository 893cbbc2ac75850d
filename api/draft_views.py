"""Drafts, lines and exports as the API answers them. Source: api.md, "Resources"."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import quote
from uuid import UUID

from pydantic import BaseModel

from api.caller import Caller
from api.line_views import LineView, RemovedLine, histories, line_view, removed_lines
from domain.acknowledgements import overdue
from domain.asked_proofs import AskedProof
from domain.canonical import utc_text
from domain.connections import RESUMED, ConnectionStatus
from domain.draft import (
    Address,
    Draft,
    Export,
    ExportError,
    Issue,
    ReadyCheck,
    SourceDocument,
)
from domain.gates import Gate, allowed_actions, gates, line_summary
from domain.messages import draft_workflow_id
from domain.policy import OrgPolicy
from domain.statuses import DraftStatus, ExportStatus, WaitingFor
from domain.transitions import Command
from storage.draft_orders import StoredDraft


class ExportView(BaseModel):
    id: UUID
    draft_order_id: UUID
    attempt: int
    status: ExportStatus
    connection_id: UUID
    connector_type: str
    file_name: str
    dropzone_path: str | None
    export_storage_key: str
    sha256: str
    size_bytes: int
    erp_order_id: str | None
    unconfirmed: bool
    may_have_been_sent: bool
    error: ExportError | None
    created_at: datetime
    sent_at: datetime | None
    acked_at: datetime | None
    ack_overdue: bool


class WorkflowView(BaseModel):
    """Where an engineer finds the draft in Temporal; `run_id` is the run that decided last."""

    id: str
    run_id: str | None = None
    url: str | None


class DraftHead(BaseModel):
    """A draft in a list."""

    id: UUID
    org_id: UUID
    number: str
    status: DraftStatus
    version: int
    customer_id: UUID | None
    customer_name: str | None
    external_order_number: str | None
    currency: str | None
    order_date: date | None
    requested_delivery_date: date | None
    waiting_for: str | None
    ack_overdue: bool
    line_summary: str
    erp_order_id: str | None
    approved_at: datetime | None
    approved_by_user_id: UUID | None
    created_at: datetime
    updated_at: datetime
    created_by_user_id: UUID | None
    last_edited_by_user_id: UUID | None
    ready_check: ReadyCheck | None


class DraftView(DraftHead):
    notes: str | None
    ship_to: Address | None
    internal_review: bool | None
    source_document: SourceDocument | None
    lines: list[LineView]
    removed_lines: list[RemovedLine]
    approved_by: str | None
    production_approved_at: datetime | None
    production_approved_by_user_id: UUID | None
    reject_reason: str | None
    issues: list[Issue]
    gates: list[Gate]
    waiting_message: str | None
    allowed_actions: list[Command]
    exports: list[ExportView]
    workflow: WorkflowView


def head_view(
    draft: Draft,
    waiting_for: str | None,
    customer_name: str | None,
    acks_wait_since: datetime | None,
    overdue_hours: int,
) -> DraftHead:
    """`customer_name`: of today. `acks_wait_since`: when the export was sent whose ack is waited for."""
    late = acks_wait_since is not None and datetime.now(UTC) - acks_wait_since > timedelta(
        hours=overdue_hours
    )
    return DraftHead(**_head(draft, waiting_for, customer_name, ack_overdue=late))


def shown_waiting(waiting_for: str | None) -> str | None:
    """As clients are told: with the ERP the order is done, whatever the floor still has to do."""
    return None if waiting_for == WaitingFor.FLOOR else waiting_for


def _head(
    draft: Draft, waiting_for: str | None, customer_name: str | None, *, ack_overdue: bool
) -> dict[str, Any]:
    own = {name: getattr(draft, name) for name in DraftHead.model_fields if name in Draft.model_fields}
    header = {
        name: getattr(draft.header, name)
        for name in (
            "customer_id",
            "external_order_number",
            "currency",
            "order_date",
            "requested_delivery_date",
        )
    }
    state = {
        "customer_name": customer_name,
        "waiting_for": shown_waiting(waiting_for),
        "ack_overdue": ack_overdue,
        "line_summary": line_summary(draft),
    }
    return own | header | state


def draft_view(
    stored: StoredDraft, caller: Caller, ui_url: str | None, stuck: str | None = None
) -> DraftView:
    """`stuck`: why the draft does not get on, when somebody has looked."""
    draft = stored.draft
    known = histories(stored.moves)
    paused = stored.connection_status == ConnectionStatus.PAUSED
    judged = gates(draft, caller.policy, has_connection=stored.has_connection, paused=paused)
    return DraftView(
        **_head(
            draft, stored.waiting_for, stored.customer_name, ack_overdue=ack_overdue(stored, caller.policy)
        ),
        notes=draft.header.notes,
        ship_to=draft.header.ship_to,
        internal_review=draft.header.internal_review,
        source_document=draft.header.source_document,
        lines=[line_view(draft, line, known, stored.asked) for line in draft.lines],
        removed_lines=removed_lines(draft.lines, stored.moves, known),
        approved_by=draft.approved_by_email,
        production_approved_at=draft.production_approved_at,
        production_approved_by_user_id=draft.production_approved_by_user_id,
        reject_reason=draft.reject_reason,
        issues=draft.issues,
        gates=judged,
        waiting_message=stuck or draft_waiting_message(stored, judged, caller.policy),
        allowed_actions=allowed_actions(draft, caller.policy, has_connection=stored.has_connection),
        exports=[
            export_view(export, draft.id, caller.policy.ack_overdue_hours)
            for export in reversed(draft.exports)
        ],
        workflow=workflow_view(draft.org_id, draft.id, stored.run_id, ui_url),
    )


def export_view(export: Export, draft_id: UUID, overdue_hours: int) -> ExportView:
    late = overdue(export, datetime.now(UTC), overdue_hours)
    same = {name: getattr(export, name) for name in ExportView.model_fields if name in Export.model_fields}
    return ExportView(
        **same, draft_order_id=draft_id, export_storage_key=export.storage_key, ack_overdue=late
    )


def workflow_view(org_id: UUID, draft_id: UUID, run_id: str | None, ui_url: str | None) -> WorkflowView:
    name = draft_workflow_id(org_id, draft_id)
    url = None
    if ui_url is not None:
        url = f"{ui_url.rstrip('/')}/namespaces/default/workflows/{quote(name, safe='')}"
        url += f"/{run_id}/history" if run_id else ""
    return WorkflowView(id=name, run_id=run_id, url=url)


# a delivery that has shown no sign of life for this long is stuck, and says so
SILENT_AFTER = timedelta(seconds=45)


def _delivery_message(stored: StoredDraft, export: Export) -> str:
    if stored.is_held:
        return RESUMED if stored.pause is None else stored.pause.sentence
    if stored.delivery_error:
        return f"The last delivery try failed and is repeated: {stored.delivery_error}"
    silent = datetime.now(UTC) - (stored.delivery_began_at or export.created_at) > SILENT_AFTER
    if not silent:
        return "Being delivered to the ERP's dropzone"
    if stored.delivery_began_at is None:
        return "No worker has taken up the delivery; check that workers run and reach PostgreSQL"
    return (
        f"The delivery try that began at {utc_text(stored.delivery_began_at)} shows no result; the worker or "
        "the dropzone hangs, and the try will be repeated"
    )


_WAITING_WORDS = {
    "validation": "Waiting for validation",
    "correction": "Waiting for corrections",
    "operator_approval": "Waiting for an operator's approval",
    "push": "Waiting for a push to the ERP",
    "ack": "Delivered; waiting for the ERP's acknowledgement",
    "retry": "The export failed; retry the push or edit the draft",
    "floor": "Delivered; production has not finished its decorated lines",
}


def ack_overdue(stored: StoredDraft, policy: OrgPolicy) -> bool:
    last = stored.draft.last_export
    if last is None or stored.waiting_for != "ack":
        return False
    return overdue(last, datetime.now(UTC), policy.ack_overdue_hours)


def draft_waiting_message(stored: StoredDraft, judged: list[Gate], policy: OrgPolicy) -> str | None:
    """One sentence for the operator: what this draft waits for, and why when it is stuck."""
    if stored.waiting_for is None:
        return None
    last = stored.draft.last_export
    if stored.waiting_for == "export" and last is not None:
        return _delivery_message(stored, last)
    if stored.waiting_for == "retry" and last is not None and last.error is not None:
        return f"The export failed: {last.error.message}"
    if ack_overdue(stored, policy):
        hours = policy.ack_overdue_hours
        return f"Delivered more than {hours} h ago; the ERP's acknowledgement is overdue: ask its operators"
    if stored.waiting_for == "correction" and stored.draft.ready_check is None:
        return "Changed after approval or failure; validate again"
    return _at_a_gate(stored, judged)


def _at_a_gate(stored: StoredDraft, judged: list[Gate]) -> str:
    waits = stored.waiting_for or ""
    if waits == "customer_approval" and stored.asked:
        return _asked_message(stored.asked)
    by_gate = {"customer_approval": "customer", "production_approval": "production"}
    gate = next((gate for gate in judged if gate.gate.value == by_gate.get(waits)), None)
    return gate.message if gate else _WAITING_WORDS[waits]


def _asked_message(asked: Sequence[AskedProof]) -> str:
    """Of the one that waits longest."""
    others = len(asked) - 1
    more = f"; {others} more {'proof waits' if others == 1 else 'proofs wait'}" if others else ""
    return f"Waiting for {asked[0].words}{more}"
