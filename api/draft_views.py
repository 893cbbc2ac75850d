"""Drafts, lines and exports as the API answers them. Source: api.md, "Resources"."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import quote
from uuid import UUID

from pydantic import BaseModel

from api.caller import Caller
from api.line_views import LineView, RemovedLine, histories, line_view, removed_lines
from api.waiting_words import ack_overdue, draft_waiting_message
from domain.acknowledgements import overdue
from domain.connections import ConnectionStatus
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
