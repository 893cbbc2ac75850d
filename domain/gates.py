"""The gates before a push, in order, and what holds each.

Source: domain.md, "The gates before a push".
"""

from enum import StrEnum

from pydantic import BaseModel

from domain.draft import Draft, Export, Line
from domain.line_transitions import line_allows
from domain.policy import OrgPolicy
from domain.statuses import (
    CUSTOMER_SIGNED,
    PRODUCTION_SIGNED,
    DraftStatus,
    ExportStatus,
    LineStatus,
    ProductionGate,
    WaitingFor,
)
from domain.transitions import LINE_COMMANDS, Command, is_allowed

NO_CONNECTOR = "No active ERP connector configured"
CONNECTOR_ACTIVE = "ERP connector is active"
CONNECTOR_PAUSED = "ERP connector is paused; a push is taken and waits until it is resumed"


class GateName(StrEnum):
    OPERATOR = "operator"
    CUSTOMER = "customer"
    PRODUCTION = "production"
    CONNECTOR = "connector"


class HeldLine(BaseModel):
    line_no: int
    status: str


class Gate(BaseModel):
    gate: GateName
    passed: bool
    held_by: list[HeldLine] = []
    message: str


def gates(draft: Draft, policy: OrgPolicy, *, has_connection: bool, paused: bool = False) -> list[Gate]:
    """A paused connection is a connection: a push is taken, and waits."""
    return [
        _operator(draft),
        _customer(draft),
        _production(draft, policy),
        Gate(
            gate=GateName.CONNECTOR,
            passed=has_connection,
            message=(CONNECTOR_PAUSED if paused else CONNECTOR_ACTIVE) if has_connection else NO_CONNECTOR,
        ),
    ]


def held_by(closed: list[Gate]) -> list[dict[str, object]]:
    """What holds a push: each line once, and for a gate about the draft as a whole an entry without line."""
    lines = {line.line_no: line.model_dump() for gate in closed for line in gate.held_by}
    whole = [{"line_no": None, "status": gate.message} for gate in closed if not gate.held_by]
    return [*lines.values(), *whole]


def _operator(draft: Draft) -> Gate:
    passed = draft.approved_at is not None
    message = "Approved by an operator" if passed else "Waiting for an operator's approval"
    return Gate(gate=GateName.OPERATOR, passed=passed, message=message)


def _held(lines: list[Line], signed: frozenset[LineStatus]) -> list[HeldLine]:
    return [
        HeldLine(line_no=line.line_no, status=line.status or LineStatus.NEW)
        for line in lines
        if line.status not in signed
    ]


def _customer(draft: Draft) -> Gate:
    held = _held(draft.decorated_lines, CUSTOMER_SIGNED)
    if held:
        message = f"Waiting for the customer's artwork approval of {_count(held)}"
    else:
        message = "Artwork approved" if draft.decorated_lines else "No decorated lines"
    return Gate(gate=GateName.CUSTOMER, passed=not held, held_by=held, message=message)


def production_gate_applies(draft: Draft, policy: OrgPolicy) -> bool:
    if policy.production_gate is ProductionGate.DECORATED:
        return bool(draft.decorated_lines)
    return policy.production_gate is ProductionGate.ALWAYS


def production_signed(draft: Draft) -> bool:
    if draft.decorated_lines:
        return not _held(draft.decorated_lines, PRODUCTION_SIGNED)
    return draft.production_approved_at is not None


def _production(draft: Draft, policy: OrgPolicy) -> Gate:
    name = GateName.PRODUCTION
    if not production_gate_applies(draft, policy):
        return Gate(gate=name, passed=True, message="Production approval is not needed")
    if production_signed(draft):
        return Gate(gate=name, passed=True, message="Approved for production")
    held = _held(draft.decorated_lines, PRODUCTION_SIGNED)
    what = f" of {_count(held)}" if held else ""
    return Gate(gate=name, passed=False, held_by=held, message=f"Waiting for production approval{what}")


def _count(held: list[HeldLine]) -> str:
    return "1 line" if len(held) == 1 else f"{len(held)} lines"


def export_in_doubt(draft: Draft) -> Export | None:
    """The newest export whose document the ERP has or may have; None when another cannot duplicate it.

    A doubt about an earlier export ended with the confirmation that made the next one; its late ACKED
    is no doubt and counts for ever.
    """
    delivered = {ExportStatus.SENT, ExportStatus.ACKED}
    for export in reversed(draft.exports):
        doubtful = export.may_have_been_sent and export is draft.last_export
        if not export.refused_by_erp and (doubtful or export.status in delivered):
            return export
    return None


def doubt(export: Export) -> str:
    """Of an `export_in_doubt`, in words."""
    if export.status is ExportStatus.ACKED:
        return f"The ERP has confirmed export {export.attempt}"
    return f"Export {export.attempt} may already have reached the ERP"


def may_be_in_the_erp(draft: Draft) -> bool:
    return export_in_doubt(draft) is not None


_WAITING: dict[DraftStatus, WaitingFor | None] = {
    DraftStatus.NEW: WaitingFor.VALIDATION,
    DraftStatus.EXTRACTED: WaitingFor.VALIDATION,
    DraftStatus.NEEDS_REVIEW: WaitingFor.CORRECTION,
    DraftStatus.READY: WaitingFor.OPERATOR_APPROVAL,
    DraftStatus.APPROVED: WaitingFor.PUSH,
    DraftStatus.PUSHING: WaitingFor.EXPORT,
    DraftStatus.PUSHED: None,
    DraftStatus.REJECTED: None,
    DraftStatus.ERROR: WaitingFor.RETRY,
}


def waiting_for(draft: Draft, policy: OrgPolicy) -> WaitingFor | None:
    if draft.status is DraftStatus.APPROVED:
        if not _customer(draft).passed:
            return WaitingFor.CUSTOMER_APPROVAL
        if not _production(draft, policy).passed:
            return WaitingFor.PRODUCTION_APPROVAL
    if draft.status is DraftStatus.PUSHED:
        last = draft.last_export
        awaits_ack = last is not None and last.ack_expected and last.status is ExportStatus.SENT
        if awaits_ack:
            return WaitingFor.ACK
        return WaitingFor.FLOOR if on_the_floor(draft) else None
    return _WAITING[draft.status]


def allowed_actions(draft: Draft, policy: OrgPolicy, *, has_connection: bool) -> list[Command]:
    """Commands that would be taken now from somebody with the role for them."""
    decorated = draft.decorated_lines
    mine = (command for command in Command if command not in LINE_COMMANDS)
    actions = [command for command in mine if is_allowed(draft.status, command, decorated=bool(decorated))]
    held = any(not gate.passed for gate in gates(draft, policy, has_connection=has_connection))
    refused_now = {
        Command.PUSH: held,
        Command.PRODUCTION_APPROVE: not _some(decorated, Command.PRODUCTION_APPROVE)
        if decorated
        else production_signed(draft),
        Command.PRODUCTION_REJECT: not _some(decorated, Command.PRODUCTION_REJECT),
        Command.RETRY_PUSH: held,
    }
    return [command for command in actions if not refused_now.get(command, False)]


def _some(lines: list[Line], command: Command) -> bool:
    return any(line.status is not None and line_allows(line.status, command) for line in lines)


def on_the_floor(draft: Draft) -> bool:
    """Pushed, and production still has work with it that somebody waits for."""
    if draft.status is not DraftStatus.PUSHED or draft.floor_closed_at is not None:
        return False
    return any(line.status is not LineStatus.COMPLETE for line in draft.decorated_lines)


def line_summary(draft: Draft) -> str:
    """For lists: how many lines could be pushed as far as their own signatures go."""
    ready = len(draft.lines) - len(_held(draft.decorated_lines, PRODUCTION_SIGNED))
    waiting = len(_held(draft.decorated_lines, CUSTOMER_SIGNED))
    text = f"{ready} of {len(draft.lines)} ready"
    return f"{text}, {waiting} awaiting approval" if waiting else text
