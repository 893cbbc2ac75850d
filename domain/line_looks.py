"""What a look finds for lines that wait outside their draft, and which moves follow. Pure.

Source: docs/adr/0012. The facts are read after the lines' places are on record, so that nothing is missed:
whoever adds what a line waits for tells the drafts that were on record as waiting.
"""

from dataclasses import dataclass
from uuid import UUID

from domain import events as ev
from domain.color_ups import ColorUpDecided, Decision
from domain.draft import Draft, Line
from domain.line_decisions import linked
from domain.line_facts import LineFact, LineFacts
from domain.line_transitions import WAITS_OUTSIDE
from domain.messages import Actor, Origin
from domain.statuses import DraftStatus, LineStatus, Via

_SYSTEM = (Actor(), Origin(via=Via.SYSTEM))
_SUPERSEDED = "A newer version of the color-up takes its place"


@dataclass(frozen=True)
class Found:
    """Moves of several lines that the same person caused."""

    actor: Actor
    origin: Origin
    moves: list[ev.LineMove]


def waits_outside(draft: Draft) -> list[Line]:
    """The lines that something outside the draft may move.

    A draft that an edit took the approval from is taken up again when it is validated, its lines with it.
    """
    if draft.status in {DraftStatus.NEW, DraftStatus.REJECTED}:
        return []
    unchecked = draft.status is DraftStatus.NEEDS_REVIEW and draft.ready_check is None
    waiting = WAITS_OUTSIDE - {LineStatus.NEW} if unchecked else WAITS_OUTSIDE
    return [line for line in draft.decorated_lines if line.status in waiting]


def found(draft: Draft, lines: list[Line], facts: LineFacts) -> list[Found]:
    """What `facts` make of `lines`, which are the draft's own of now; grouped by who caused it."""
    groups: dict[tuple[Actor, Origin], list[ev.LineMove]] = {}
    for line in lines:
        fact = facts.lines.get(line.line_no, LineFact())
        moves = _moves(draft, line, fact, facts)
        if moves:
            groups.setdefault(_cause(line, fact), []).extend(moves)
    return [Found(actor, origin, moves) for (actor, origin), moves in groups.items()]


def _cause(line: Line, fact: LineFact) -> tuple[Actor, Origin]:
    decided = _decision(line, fact)
    if decided is None or decided.decision is Decision.SUPERSEDED:
        return _SYSTEM
    return Actor(user_id=decided.by_user_id, email=decided.by_email), Origin(via=decided.via)


def _decision(line: Line, fact: LineFact) -> ColorUpDecided | None:
    return fact.decision if line.status in {LineStatus.SENT_FOR_APPROVAL, LineStatus.PHONE_CALL} else None


def _moves(draft: Draft, line: Line, fact: LineFact, facts: LineFacts) -> list[ev.LineMove]:
    match line.status:
        case LineStatus.NEW | LineStatus.AWAITING_LOGO:
            if fact.logo_id is not None and fact.logo_customer_id == draft.header.customer_id:
                return linked(line, fact)
            if line.status is LineStatus.NEW:
                return [ev.LineMove(line_no=line.line_no, to=LineStatus.AWAITING_LOGO)]
        case LineStatus.NEEDS_APPROVER if facts.has_active_approver:
            return [ev.LineMove(line_no=line.line_no, to=LineStatus.SENT_FOR_APPROVAL)]
        case LineStatus.SENT_FOR_APPROVAL | LineStatus.PHONE_CALL if fact.decision is not None:
            return _after_decision(line, fact, fact.decision)
        case LineStatus.REVISION_IN_PROGRESS:
            return _renewed(line, fact)
    return []


def _after_decision(line: Line, fact: LineFact, decided: ColorUpDecided) -> list[ev.LineMove]:
    if decided.decision is Decision.APPROVE:
        return [
            _decided(line, LineStatus.APPROVED, decided, decided.note),
            _decided(line, LineStatus.PENDING_PRODUCTION_APPROVAL, decided),
        ]
    if decided.decision is Decision.REQUEST_CHANGES:
        return [
            _decided(line, LineStatus.REVISION_IN_PROGRESS, decided, decided.note),
            *_renewed(line, fact),
        ]
    back = ev.LineMove(line_no=line.line_no, to=LineStatus.REVISION_IN_PROGRESS, note=_SUPERSEDED)
    return [back, *_renewed(line, fact)]


def _decided(line: Line, to: LineStatus, decided: ColorUpDecided, note: str | None = None) -> ev.LineMove:
    return ev.LineMove(line_no=line.line_no, to=to, note=note, team_proxy=decided.team_proxy)


def _renewed(line: Line, fact: LineFact) -> list[ev.LineMove]:
    if fact.newer_color_up_id is None:
        return []
    return [
        ev.LineMove(
            line_no=line.line_no,
            to=LineStatus.COLOR_UP_IN_PROGRESS,
            color_up_id=fact.newer_color_up_id,
            note="A new version of the color-up",
        )
    ]


def phoned(draft: Draft, color_up_id: UUID) -> list[ev.LineMove]:
    """The reminders of a proof are used up: somebody calls about the lines that wait for it."""
    return [
        ev.LineMove(line_no=line.line_no, to=LineStatus.PHONE_CALL)
        for line in draft.decorated_lines
        if line.status is LineStatus.SENT_FOR_APPROVAL and line.color_up_id == color_up_id
    ]
