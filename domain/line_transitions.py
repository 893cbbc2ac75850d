"""How a decorated line moves: every move with what makes it, and which command a line takes where.

Tests walk every (status, command) pair; docs/state-diagram.md is generated from here. Nothing passes the
production gate: the only way to `Production Ready` is production's approval.
Source: domain.md, "Line status".
"""

from domain.statuses import LineStatus as L
from domain.transitions import Command

LINE_MOVES: tuple[tuple[L, L, str, Command | None], ...] = (
    (L.NEW, L.AWAITING_LOGO, "line accepted", None),
    (L.AWAITING_LOGO, L.PENDING_PRODUCTION_APPROVAL, "logo linked, an Approved color-up fits", None),
    (L.AWAITING_LOGO, L.COLOR_UP_IN_PROGRESS, "logo linked, none fits or the customer decides anyway", None),
    (L.COLOR_UP_IN_PROGRESS, L.INTERNAL_REVIEW, "submitted, internal review on", Command.SUBMIT_LINE),
    (L.COLOR_UP_IN_PROGRESS, L.NEEDS_APPROVER, "submitted, no active approver", Command.SUBMIT_LINE),
    (L.COLOR_UP_IN_PROGRESS, L.SENT_FOR_APPROVAL, "submitted", Command.SUBMIT_LINE),
    (L.INTERNAL_REVIEW, L.COLOR_UP_IN_PROGRESS, "reviewer sends back", Command.REVIEW_LINE),
    (L.INTERNAL_REVIEW, L.NEEDS_APPROVER, "reviewer approves, no active approver", Command.REVIEW_LINE),
    (L.INTERNAL_REVIEW, L.SENT_FOR_APPROVAL, "reviewer approves", Command.REVIEW_LINE),
    (L.NEEDS_APPROVER, L.SENT_FOR_APPROVAL, "approver added", None),
    (L.SENT_FOR_APPROVAL, L.APPROVED, "customer approves", None),
    (L.SENT_FOR_APPROVAL, L.REVISION_IN_PROGRESS, "customer asks for changes, or a newer version", None),
    (L.SENT_FOR_APPROVAL, L.PHONE_CALL, "reminders unanswered", None),
    (L.PHONE_CALL, L.APPROVED, "customer approves", None),
    (L.PHONE_CALL, L.REVISION_IN_PROGRESS, "customer asks for changes, or a newer version", None),
    (L.APPROVED, L.PENDING_PRODUCTION_APPROVAL, "at once", None),
    (L.REVISION_IN_PROGRESS, L.COLOR_UP_IN_PROGRESS, "new version started", Command.SET_COLOR_UP),
    (
        L.PENDING_PRODUCTION_APPROVAL,
        L.PRODUCTION_READY,
        "production approves",
        Command.PRODUCTION_APPROVE,
    ),
    (
        L.PENDING_PRODUCTION_APPROVAL,
        L.REVISION_IN_PROGRESS,
        "production rejects",
        Command.PRODUCTION_REJECT,
    ),
    (L.PRODUCTION_READY, L.REVISION_IN_PROGRESS, "production rejects", Command.PRODUCTION_REJECT),
    (L.PRODUCTION_READY, L.IN_PRODUCTION, "floor starts", Command.MOVE_ON_FLOOR),
    (L.IN_PRODUCTION, L.COMPLETE, "floor ends", Command.MOVE_ON_FLOOR),
)

# An edit of what was decided on; from everywhere, and the only way back to the start.
EDITED = "edited in what was decided on"

LINE_ALLOWED: dict[Command, frozenset[L]] = {
    Command.LINK_LOGO: frozenset({L.NEW, L.AWAITING_LOGO}),
    Command.SET_COLOR_UP: frozenset({L.COLOR_UP_IN_PROGRESS, L.REVISION_IN_PROGRESS}),
    Command.SUBMIT_LINE: frozenset({L.COLOR_UP_IN_PROGRESS}),
    Command.REVIEW_LINE: frozenset({L.INTERNAL_REVIEW}),
    Command.MOVE_ON_FLOOR: frozenset({L.PRODUCTION_READY, L.IN_PRODUCTION}),
    Command.PRODUCTION_APPROVE: frozenset({L.PENDING_PRODUCTION_APPROVAL}),
    Command.PRODUCTION_REJECT: frozenset({L.PENDING_PRODUCTION_APPROVAL, L.PRODUCTION_READY}),
}

# From where the floor moves a line to where.
FLOOR_FROM: dict[L, L] = {L.IN_PRODUCTION: L.PRODUCTION_READY, L.COMPLETE: L.IN_PRODUCTION}

# Where a line waits for something outside its draft, and so is looked up whenever it comes there.
WAITS_OUTSIDE = frozenset(
    {
        L.NEW,
        L.AWAITING_LOGO,
        L.NEEDS_APPROVER,
        L.SENT_FOR_APPROVAL,
        L.PHONE_CALL,
        L.REVISION_IN_PROGRESS,
    }
)

_PHRASES: dict[Command, str] = {
    Command.LINK_LOGO: "get a logo",
    Command.SET_COLOR_UP: "get a color-up",
    Command.SUBMIT_LINE: "be submitted",
    Command.REVIEW_LINE: "be reviewed",
    Command.MOVE_ON_FLOOR: "move on the floor",
    Command.PRODUCTION_APPROVE: "be approved for production",
    Command.PRODUCTION_REJECT: "be rejected by production",
}


def line_allows(status: L, command: Command) -> bool:
    return status in LINE_ALLOWED[command]


def line_refusal(line_no: int, status: L, command: Command) -> str:
    """The sentence for a person; names the line and its current status."""
    return _must(line_no, [name for name in L if name in LINE_ALLOWED[command]], _PHRASES[command], status)


def floor_refusal(line_no: int, status: L, to: L) -> str:
    return _must(line_no, [FLOOR_FROM[to]], f"move to {to}", status)


def _must(line_no: int, wanted: list[L], what: str, status: L) -> str:
    listed = ", ".join(wanted[:-1]) + " or " + wanted[-1] if len(wanted) > 1 else wanted[0]
    return f"Line {line_no} must be {listed} to {what} (current: {status})"


def moves(start: L, end: L) -> bool:
    """Whether the table has this move."""
    return any((start, end) == (row[0], row[1]) for row in LINE_MOVES)
