"""Production's signature and its refusal: of lines, or of a plain draft as a whole.

All or nothing: a command that names a line which does not wait moves none.
"""

from domain import events as ev
from domain.draft import Draft, Line
from domain.four_eyes import hold_four_eyes
from domain.gates import production_signed
from domain.line_decisions import decorated_line
from domain.line_transitions import line_allows, line_refusal
from domain.messages import ProductionApproveMessage, ProductionRejectMessage
from domain.refusals import GateHeld, InputRefused, TransitionRejected
from domain.situation import Situation
from domain.statuses import LineStatus
from domain.transitions import Command


def approve_production(message: ProductionApproveMessage, now: Situation) -> list[ev.Event]:
    draft, person = now.draft, message.actor.user_id
    lines = _to_sign(draft, message.line_nos)
    others = {"the last editor": draft.last_edited_by_user_id, "the approver": draft.approved_by_user_id}
    hold_four_eyes(now.policy, person, others, "approve the draft for production")
    if not draft.decorated_lines:
        return [ev.DraftProductionApproved(by_user_id=person, note=message.note)]
    moves = [
        ev.LineMove(line_no=line.line_no, to=LineStatus.PRODUCTION_READY, note=message.note) for line in lines
    ]
    line_nos = [line.line_no for line in lines]
    return [
        ev.DraftProductionApproved(by_user_id=person, note=message.note, line_nos=line_nos),
        ev.LinesMoved(moves=moves),
    ]


def reject_production(message: ProductionRejectMessage, now: Situation) -> list[ev.Event]:
    lines = _named(now.draft, message.line_nos, Command.PRODUCTION_REJECT)
    moves = [
        ev.LineMove(line_no=line.line_no, to=LineStatus.REVISION_IN_PROGRESS, note=message.reason)
        for line in lines
    ]
    line_nos = [line.line_no for line in lines]
    rejected = ev.DraftProductionRejected(
        by_user_id=message.actor.user_id, reason=message.reason, line_nos=line_nos
    )
    return [rejected, ev.LinesMoved(moves=moves)]


def _to_sign(draft: Draft, line_nos: list[int] | None) -> list[Line]:
    """The lines that are signed; none for a plain draft.

    Raises:
        GateHeld: no line waits for production.
    """
    if line_nos is not None:
        return _named(draft, line_nos, Command.PRODUCTION_APPROVE)
    decorated = draft.decorated_lines
    if not decorated:
        if production_signed(draft):
            raise TransitionRejected("Draft already approved for production", current_status=draft.status)
        return []
    waiting = [line for line in decorated if line.status is LineStatus.PENDING_PRODUCTION_APPROVAL]
    if not waiting:
        held = [{"line_no": line.line_no, "status": str(line.status)} for line in decorated]
        raise GateHeld("No line waits for production approval", held_by=held)
    return waiting


def _named(draft: Draft, line_nos: list[int], command: Command) -> list[Line]:
    if not line_nos:
        raise InputRefused("line_nos names no line; leave it out to mean all that wait")
    lines, elsewhere = [], []
    for line_no in dict.fromkeys(line_nos):
        line, status = decorated_line(draft, line_no)
        lines.append(line)
        if not line_allows(status, command):
            elsewhere.append((line_no, status))
    if elsewhere:
        line_no, status = elsewhere[0]
        raise TransitionRejected(
            line_refusal(line_no, status, command),
            current_status=draft.status,
            held_by=[{"line_no": line_no, "status": status.value} for line_no, status in elsewhere],
        )
    return lines
