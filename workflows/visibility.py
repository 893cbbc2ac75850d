"""What an engineer sees in the Temporal Web UI: search attributes and a sentence in words."""

from temporalio import workflow

from commands.draft_orders import DRAFT_STATUS, WAITING_FOR
from domain.canonical import utc_text
from domain.draft import Draft
from domain.gates import doubt, export_in_doubt
from domain.line_waiting import line_waiting
from domain.statuses import CUSTOMER_SIGNED, PRODUCTION_SIGNED, DraftStatus, LineStatus, WaitingFor
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
    doubtful = export_in_doubt(draft) if waiting in {WaitingFor.PUSH, WaitingFor.RETRY} else None
    if doubtful is not None:
        text += f"\n\n{doubt(doubtful)}: a push needs confirm_may_duplicate"
    return text + _lines(draft, waiting)


# Which signatures the lines that are shown lack.
_LACKING: dict[WaitingFor, frozenset[LineStatus]] = {
    WaitingFor.CUSTOMER_APPROVAL: CUSTOMER_SIGNED,
    WaitingFor.PRODUCTION_APPROVAL: PRODUCTION_SIGNED,
    WaitingFor.FLOOR: frozenset({LineStatus.COMPLETE}),
}
_LINES_SHOWN = 5


def _lines(draft: Draft, waiting: WaitingFor | None) -> str:
    """The first decorated lines that hold it up, each with what it waits for."""
    signed = _LACKING.get(waiting) if waiting else None
    if signed is None:
        return ""
    held = [line for line in draft.decorated_lines if line.status not in signed]
    said = [f"line {line.line_no}: {line.status}. {line_waiting(line)}" for line in held[:_LINES_SHOWN]]
    if len(held) > _LINES_SHOWN:
        said.append(f"and {len(held) - _LINES_SHOWN} more lines")
    return "".join(f"\n\n{each}" for each in said)


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
