"""What an engineer sees in the Temporal Web UI: search attributes and a sentence in words."""

from temporalio import workflow

from commands.draft_orders import DRAFT_STATUS, WAITING_FOR
from domain.canonical import utc_text
from domain.statuses import DraftStatus, WaitingFor
from workflows.ledger import Ledger

_WORDS: dict[WaitingFor, str] = {
    WaitingFor.VALIDATION: "waiting for validation",
    WaitingFor.CORRECTION: "waiting for corrections",
    WaitingFor.OPERATOR_APPROVAL: "waiting for operator approval",
    WaitingFor.CUSTOMER_APPROVAL: "waiting for the customer's artwork approval",
    WaitingFor.PRODUCTION_APPROVAL: "waiting for production approval",
    WaitingFor.PUSH: "waiting for a push to the ERP",
    WaitingFor.EXPORT: "delivering to the ERP's dropzone",
    WaitingFor.ACK: "delivered, waiting for the ERP's acknowledgement",
    WaitingFor.FLOOR: "delivered, production is at work on its lines",
    WaitingFor.RETRY: "the export failed, waiting for a retry or an edit",
}
_DONE = {DraftStatus.PUSHED: "delivered to the ERP", DraftStatus.REJECTED: "rejected"}


def details(ledger: Ledger, instead: str | None = None) -> str:
    draft, waiting = ledger.draft, ledger.waiting_for
    names = (draft.number, draft.header.external_order_number, draft.customer_name)
    state = (
        instead
        or ledger.held
        or (_WORDS[waiting] if waiting else _DONE.get(draft.status, draft.status.value))
    )
    text = f"{', '.join(name for name in names if name)}: {state}"
    text += f"\n\n{draft.status.value}, so since {utc_text(ledger.waits_since)}"
    last = draft.last_export
    if draft.status is DraftStatus.ERROR and last is not None and last.error is not None:
        text += f"\n\n{last.error.code}: {last.error.message}"
    return text


def show(ledger: Ledger) -> None:
    """Say it in words; upsert search attributes only when they change, because each upsert costs."""
    workflow.set_current_details(details(ledger))
    status, waiting = ledger.draft.status.value, ledger.waiting_for
    shown = workflow.info().typed_search_attributes
    wanted = waiting.value if waiting else None
    updates = []
    if shown.get(DRAFT_STATUS) != status:
        updates.append(DRAFT_STATUS.value_set(status))
    if shown.get(WAITING_FOR) != wanted:
        updates.append(WAITING_FOR.value_set(wanted) if wanted else WAITING_FOR.value_unset())
    if updates:
        workflow.upsert_search_attributes(updates)
