"""What a draft waits for, in one sentence for operators, and why it does not get on as far as rows know.

api/stuck.py asks Temporal for more. docs/operators.md has the table of all ways, "What stuck looks like".
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from domain.acknowledgements import overdue
from domain.asked_proofs import AskedProof
from domain.canonical import utc_text
from domain.connections import RESUMED, ConnectionStatus, UsedConnection
from domain.draft import Draft, Export
from domain.gates import CONNECTOR_PAUSED, NO_CONNECTOR, Gate, GateName, doubt, export_in_doubt
from domain.line_waiting import line_waiting
from domain.policy import OrgPolicy
from domain.statuses import CUSTOMER_SIGNED, LineStatus, WaitingFor
from storage.draft_orders import StoredDraft

# a delivery that has shown no sign of life for this long is stuck, and says so
SILENT_AFTER = timedelta(seconds=45)

Say = Callable[[StoredDraft, Sequence[Gate], OrgPolicy], str]


def draft_waiting_message(stored: StoredDraft, judged: Sequence[Gate], policy: OrgPolicy) -> str | None:
    """None for a draft that waits for nothing."""
    if stored.waiting_for is None:
        return None
    return _SAYS[WaitingFor(stored.waiting_for)](stored, judged, policy)


def ack_overdue(stored: StoredDraft, policy: OrgPolicy) -> bool:
    last = stored.draft.last_export
    if last is None or stored.waiting_for != WaitingFor.ACK:
        return False
    return overdue(last, datetime.now(UTC), policy.ack_overdue_hours)


def _just(sentence: str) -> Say:
    return lambda _stored, _judged, _policy: sentence


def _correction(stored: StoredDraft, _judged: Sequence[Gate], _policy: OrgPolicy) -> str:
    if stored.draft.ready_check is None:
        return "Changed after approval or failure; validate again"
    return "Waiting for corrections"


def _customer(stored: StoredDraft, judged: Sequence[Gate], _policy: OrgPolicy) -> str:
    waits = _asked(stored.asked) if stored.asked else _message(judged, GateName.CUSTOMER)
    ours = _held_by_us(stored.draft)
    return f"{waits}; {ours}" if ours else waits


def _production(_stored: StoredDraft, judged: Sequence[Gate], _policy: OrgPolicy) -> str:
    return _message(judged, GateName.PRODUCTION)


def _message(judged: Sequence[Gate], name: GateName) -> str:
    return next(gate.message for gate in judged if gate.gate is name)


def _asked(asked: Sequence[AskedProof]) -> str:
    """Of the one that waits longest."""
    others = len(asked) - 1
    more = f"; {others} more {'proof waits' if others == 1 else 'proofs wait'}" if others else ""
    return f"Waiting for {asked[0].words}{more}"


def _held_by_us(draft: Draft) -> str | None:
    """The first line that is not before the customer yet, with what it waits for."""
    before = CUSTOMER_SIGNED | {LineStatus.SENT_FOR_APPROVAL}
    ours = [line for line in draft.decorated_lines if line.status not in before]
    words = line_waiting(ours[0]) if ours else None
    if words is None:
        return None
    more = f", and {len(ours) - 1} more are not before the customer" if len(ours) > 1 else ""
    return f"line {ours[0].line_no}: {words[0].lower()}{words[1:]}{more}"


def _push(stored: StoredDraft, _judged: Sequence[Gate], _policy: OrgPolicy) -> str:
    said = ["Waiting for a push to the ERP"]
    doubtful = export_in_doubt(stored.draft)
    if doubtful is not None:
        said.append(f"{doubt(doubtful)}: look there first, then push with confirm_may_duplicate=true")
    return _with_connection(said, stored)


def _retry(stored: StoredDraft, _judged: Sequence[Gate], _policy: OrgPolicy) -> str:
    last = stored.draft.last_export
    if last is None or last.error is None:
        return "The export failed; retry the push or edit the draft"
    said = [f"The export failed: {last.error.message}"]
    doubtful = export_in_doubt(stored.draft)
    if doubtful is not None:
        said.append(f"{doubt(doubtful)}: look there before you retry the push")
    return _with_connection(said, stored)


def _with_connection(said: list[str], stored: StoredDraft) -> str:
    if not stored.has_connection:
        said.append(NO_CONNECTOR)
    elif stored.connection_status == ConnectionStatus.PAUSED:
        said.append(CONNECTOR_PAUSED)
    return "; ".join(said)


def _export(stored: StoredDraft, _judged: Sequence[Gate], _policy: OrgPolicy) -> str:
    last = stored.draft.last_export
    if last is None:
        return "Waiting for its export"
    if stored.is_held:
        return _held(stored.used)
    if stored.delivery_error:
        return _repeated(stored, stored.delivery_error)
    return _under_way(stored, last)


def _held(used: UsedConnection | None) -> str:
    if used is not None and used.pause is not None:
        return used.pause.sentence
    if used is not None and used.status is ConnectionStatus.DISABLED:
        return (
            "The connection was disabled while the order waited; its export ends, and nothing of it was sent"
        )
    return RESUMED


def _repeated(stored: StoredDraft, error: str) -> str:
    said = [f"The last delivery try failed and is repeated: {error}"]
    next_at, began_at, now = stored.delivery_next_at, stored.delivery_began_at, datetime.now(UTC)
    waits = next_at is not None and (began_at is None or began_at < next_at)
    if next_at is not None and waits and now - next_at > SILENT_AFTER:
        said.append(f"no worker has taken up the try of {_second(next_at)}; check that workers run")
    elif next_at is not None and next_at > now:
        said.append(f"next try at {_second(next_at)}")
    if stored.used is not None and stored.used.pause is not None:
        pause = stored.used.pause.sentence
        said.append(f"{pause[0].lower()}{pause[1:]}")
    elif stored.used is not None and stored.used.status is ConnectionStatus.DISABLED:
        said.append("the connection was disabled, so the next try ends the export")
    return "; ".join(said)


def _under_way(stored: StoredDraft, export: Export) -> str:
    began_at = stored.delivery_began_at
    if datetime.now(UTC) - (began_at or export.created_at) <= SILENT_AFTER:
        return "Being delivered to the ERP's dropzone"
    if began_at is None:
        return "No worker has taken up the delivery; check that workers run and reach PostgreSQL"
    return (
        f"The delivery try that began at {utc_text(began_at)} shows no result; the worker or "
        "the dropzone hangs, and the try will be repeated"
    )


def _ack(stored: StoredDraft, _judged: Sequence[Gate], policy: OrgPolicy) -> str:
    said = ["Delivered; waiting for the ERP's acknowledgement"]
    if ack_overdue(stored, policy):
        hours = policy.ack_overdue_hours
        said = [f"Delivered more than {hours} h ago; the ERP's acknowledgement is overdue: ask its operators"]
    used = stored.used
    if used is not None and used.status is ConnectionStatus.DISABLED and not stored.has_connection:
        said.append(
            "no answer is heard, its connection is disabled: enable it, or connect its ack folder anew"
        )
    elif used is not None and used.ack_error is not None:
        said.append(f"the ERP's answers cannot be read: {used.ack_error}")
    return "; ".join(said)


def _second(moment: datetime) -> str:
    return utc_text(moment.replace(microsecond=0))


_SAYS: Mapping[WaitingFor, Say] = {
    WaitingFor.VALIDATION: _just("Waiting for validation"),
    WaitingFor.CORRECTION: _correction,
    WaitingFor.OPERATOR_APPROVAL: _just("Waiting for an operator's approval"),
    WaitingFor.CUSTOMER_APPROVAL: _customer,
    WaitingFor.PRODUCTION_APPROVAL: _production,
    WaitingFor.PUSH: _push,
    WaitingFor.EXPORT: _export,
    WaitingFor.ACK: _ack,
    WaitingFor.RETRY: _retry,
    WaitingFor.FLOOR: _just("Delivered; production has not finished its decorated lines"),
}
