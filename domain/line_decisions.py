"""Decisions about one decorated line: (draft, line command, facts) -> events, or a `Refusal`. Pure.

Source: domain.md, "Line status". What moves lines without a command stands in domain/line_looks.py.
"""

from collections.abc import Callable
from typing import Any

from domain import events as ev
from domain.color_ups import ColorUpStatus
from domain.draft import Decoration, Draft, Line
from domain.line_facts import ColorUpFact, LineFact, LineFacts, LineQuestion, LinesRequest, question
from domain.line_transitions import FLOOR_FROM, floor_refusal, line_allows, line_refusal
from domain.messages import (
    LineMessage,
    LinkLogoMessage,
    MoveOnFloorMessage,
    Review,
    ReviewLineMessage,
    SetColorUpMessage,
    SubmitLineMessage,
)
from domain.refusals import InputRefused, LineNotFound, ReferenceNotFound, TransitionRejected
from domain.situation import Situation
from domain.statuses import LineStatus
from domain.transitions import Command

NEEDS_LINE_FACTS = frozenset(
    {Command.LINK_LOGO, Command.SET_COLOR_UP, Command.SUBMIT_LINE, Command.REVIEW_LINE}
)


def decorated_line(draft: Draft, line_no: int) -> tuple[Line, LineStatus]:
    """
    Raises:
        LineNotFound: the draft has no such line.
        InputRefused: it is a plain line.
    """
    line = draft.line(line_no)
    if line is None:
        raise LineNotFound(f"The draft has no line {line_no}")
    if line.status is None:
        raise InputRefused(f"Line {line_no} has no decoration")
    return line, line.status


def admit_line(draft: Draft, command: Command, message: LineMessage) -> None:
    """Refuse what the draft and its line alone can refuse.

    Raises:
        LineNotFound, InputRefused: see `decorated_line`.
        TransitionRejected: the line does not take the command where it stands.
    """
    line, status = decorated_line(draft, message.line_no)
    if not line_allows(status, command):
        raise _stands_elsewhere(line_refusal(line.line_no, status, command), status)
    if isinstance(message, MoveOnFloorMessage):
        to = LineStatus(message.to.value)
        if FLOOR_FROM[to] is not status:
            raise _stands_elsewhere(floor_refusal(line.line_no, status, to), status)
    if isinstance(message, LinkLogoMessage) and draft.header.customer_id is None:
        raise _stands_elsewhere("The draft has no customer yet; a logo belongs to one", status)
    if isinstance(message, SubmitLineMessage) and line.color_up_id is None:
        raise _stands_elsewhere(f"Line {line.line_no} has no color-up to submit", status)


def _stands_elsewhere(sentence: str, status: LineStatus) -> TransitionRejected:
    return TransitionRejected(sentence, current_status=status.value)


def asked(draft: Draft, message: LineMessage) -> LinesRequest:
    """What must be known from outside before `message` is decided."""
    line, _status = decorated_line(draft, message.line_no)
    instead: dict[str, object] = {}
    if isinstance(message, LinkLogoMessage):
        instead = {"logo_id": message.logo_id, "netsuite_file_cabinet_id": None}
    elif isinstance(message, SetColorUpMessage):
        instead = {"wanted_color_up_id": message.color_up_id}
    return lines_request(draft, [question(line, **instead)])


def lines_request(draft: Draft, lines: list[LineQuestion]) -> LinesRequest:
    return LinesRequest(
        org_id=draft.org_id,
        draft_id=draft.id,
        customer_id=draft.header.customer_id,
        internal_review=draft.header.internal_review,
        lines=lines,
    )


def decide_line(command: Command, message: LineMessage, now: Situation) -> list[ev.Event]:
    """Events of one line command that `admit_line` has let through."""
    line, _status = decorated_line(now.draft, message.line_no)
    return _RULES[command](message, line, now)


def _fact(line: Line, now: Situation) -> LineFact:
    return now.known_lines.lines.get(line.line_no, LineFact())


def _link_logo(message: LinkLogoMessage, line: Line, now: Situation) -> list[ev.Event]:
    fact = _fact(line, now)
    if fact.logo_id is None:
        raise ReferenceNotFound("There is no such logo")
    if fact.logo_customer_id != now.draft.header.customer_id:
        raise InputRefused("The logo belongs to another customer")
    override = message.send_for_approval
    return [ev.LinesMoved(moves=linked(line, fact, send_for_approval=override))]


def linked(line: Line, fact: LineFact, *, send_for_approval: bool | None = None) -> list[ev.LineMove]:
    """The moves of a line that has its logo; the customer of one that was approved before is not asked again.

    `fact` is about the line with that logo.
    """
    moves = []
    if line.status is LineStatus.NEW:
        moves.append(ev.LineMove(line_no=line.line_no, to=LineStatus.AWAITING_LOGO))
    decoration = line.decoration or Decoration()
    anyway = decoration.send_for_approval if send_for_approval is None else send_for_approval
    has_key = decoration.style_number is not None and decoration.color_code is not None
    repeat = fact.approved_color_up_id if has_key and not anyway else None
    moves.append(
        ev.LineMove(
            line_no=line.line_no,
            to=LineStatus.COLOR_UP_IN_PROGRESS if repeat is None else LineStatus.PENDING_PRODUCTION_APPROVAL,
            note=None if repeat is None else "The customer has approved this color-up before",
            color_up_id=repeat,
            logo_id=fact.logo_id,
            send_for_approval=send_for_approval,
        )
    )
    return moves


def _set_color_up(message: SetColorUpMessage, line: Line, now: Situation) -> list[ev.Event]:
    fact, wanted = _fact(line, now), _fact(line, now).wanted
    if wanted is None:
        raise ReferenceNotFound("There is no such color-up")
    decoration = line.decoration or Decoration()
    if not _is_key_of(wanted, decoration):
        raise InputRefused(
            f"The color-up is for another logo, style or colour than line {line.line_no}; they must be equal"
        )
    if wanted.status is ColorUpStatus.RETIRED:
        raise TransitionRejected(
            f"Version {wanted.version} of the color-up is retired; take a newer one",
            current_status=line.status,
        )
    if wanted.status is ColorUpStatus.APPROVED and decoration.send_for_approval:
        raise TransitionRejected(
            f"Version {wanted.version} of the color-up is approved already, and line {line.line_no} shall be "
            "sent for approval; make a new version",
            current_status=line.status,
        )
    if line.status is LineStatus.REVISION_IN_PROGRESS:
        if wanted.version <= (fact.color_up_version or 0):
            raise TransitionRejected(
                f"Line {line.line_no} is being revised; it needs a newer version of its color-up than "
                f"{fact.color_up_version}",
                current_status=line.status,
            )
        move = ev.LineMove(
            line_no=line.line_no, to=LineStatus.COLOR_UP_IN_PROGRESS, color_up_id=message.color_up_id
        )
        return [ev.LinesMoved(moves=[move])]
    return [ev.ColorUpSet(line_no=line.line_no, line_id=line.id, color_up_id=message.color_up_id)]


def _is_key_of(wanted: ColorUpFact, decoration: Decoration) -> bool:
    mine = (decoration.logo_id, decoration.style_number, decoration.color_code)
    return (wanted.logo_id, wanted.style_number, wanted.color_code) == mine


def _submit(message: SubmitLineMessage, line: Line, now: Situation) -> list[ev.Event]:
    if _fact(line, now).color_up_status is ColorUpStatus.RETIRED:
        raise TransitionRejected(
            f"The color-up of line {line.line_no} is retired; give it a newer version",
            current_status=line.status,
        )
    review = now.draft.header.internal_review
    if now.known_lines.customer_internal_review if review is None else review:
        return _to(line, LineStatus.INTERNAL_REVIEW)
    return _to(line, sent_to(now.known_lines))


def sent_to(facts: LineFacts) -> LineStatus:
    """Where a line goes that would be sent to the customer."""
    return LineStatus.SENT_FOR_APPROVAL if facts.has_active_approver else LineStatus.NEEDS_APPROVER


def _review(message: ReviewLineMessage, line: Line, now: Situation) -> list[ev.Event]:
    if message.decision is Review.SEND_BACK:
        return _to(line, LineStatus.COLOR_UP_IN_PROGRESS, message.note)
    return _to(line, sent_to(now.known_lines), message.note)


def _move_on_floor(message: MoveOnFloorMessage, line: Line, now: Situation) -> list[ev.Event]:
    return _to(line, LineStatus(message.to.value))


def _to(line: Line, status: LineStatus, note: str | None = None) -> list[ev.Event]:
    return [ev.LinesMoved(moves=[ev.LineMove(line_no=line.line_no, to=status, note=note)])]


_RULES: dict[Command, Callable[[Any, Line, Situation], list[ev.Event]]] = {
    Command.LINK_LOGO: _link_logo,
    Command.SET_COLOR_UP: _set_color_up,
    Command.SUBMIT_LINE: _submit,
    Command.REVIEW_LINE: _review,
    Command.MOVE_ON_FLOOR: _move_on_floor,
}
