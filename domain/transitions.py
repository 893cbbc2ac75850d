"""Which command a draft takes in which status: the whole table, and the sentence of every refusal.

Tests walk every (status, command) pair; docs/state-diagram.md is generated from here.
"""

from enum import StrEnum

from domain.statuses import DraftStatus as S


class Command(StrEnum):
    EDIT = "edit"
    VALIDATE = "validate"
    APPROVE = "approve"
    REVOKE_APPROVAL = "revoke_approval"
    PRODUCTION_APPROVE = "production_approve"
    PRODUCTION_REJECT = "production_reject"
    PUSH = "push"
    RETRY_PUSH = "retry_push"
    REJECT = "reject"
    LINK_LOGO = "link_logo"
    SET_COLOR_UP = "set_color_up"
    SUBMIT_LINE = "submit_line"
    REVIEW_LINE = "review_line"
    MOVE_ON_FLOOR = "move_on_floor"


# Where header and lines are worked on.
_OPEN = frozenset({S.EXTRACTED, S.NEEDS_REVIEW, S.READY, S.APPROVED, S.ERROR})

ALLOWED: dict[Command, frozenset[S]] = {
    Command.EDIT: _OPEN,
    Command.VALIDATE: frozenset({S.EXTRACTED, S.NEEDS_REVIEW, S.READY}),
    Command.APPROVE: frozenset({S.READY}),
    Command.REVOKE_APPROVAL: frozenset({S.APPROVED}),
    Command.PRODUCTION_APPROVE: frozenset({S.APPROVED}),
    Command.PRODUCTION_REJECT: frozenset({S.APPROVED}),
    Command.PUSH: frozenset({S.APPROVED}),
    Command.RETRY_PUSH: frozenset({S.ERROR}),
    Command.REJECT: frozenset({S.NEEDS_REVIEW, S.READY}),
    Command.LINK_LOGO: _OPEN,
    Command.SET_COLOR_UP: _OPEN,
    Command.SUBMIT_LINE: _OPEN,
    Command.REVIEW_LINE: _OPEN,
    Command.MOVE_ON_FLOOR: frozenset(S) - {S.NEW, S.REJECTED},
}

# With decorated lines production signs line by line, wherever lines are worked on; after the push as well,
# for an org whose pushes don't wait for it: nothing comes to the floor unsigned. A color-up is worked on
# there, too: a late ack may meet a draft with a line that production has rejected, and the floor cannot
# finish it before it has a new version.
ALLOWED_DECORATED: dict[Command, frozenset[S]] = {
    Command.SET_COLOR_UP: _OPEN | {S.PUSHED},
    Command.SUBMIT_LINE: _OPEN | {S.PUSHED},
    Command.REVIEW_LINE: _OPEN | {S.PUSHED},
    Command.PRODUCTION_APPROVE: _OPEN | {S.PUSHING, S.PUSHED},
    Command.PRODUCTION_REJECT: _OPEN | {S.PUSHED},
}

# Commands on one line; what the line itself allows stands in domain/line_transitions.py.
LINE_COMMANDS = frozenset(
    {
        Command.LINK_LOGO,
        Command.SET_COLOR_UP,
        Command.SUBMIT_LINE,
        Command.REVIEW_LINE,
        Command.MOVE_ON_FLOOR,
    }
)

MOVES: tuple[tuple[S, S, str], ...] = (
    (S.NEW, S.EXTRACTED, "data present"),
    (S.EXTRACTED, S.NEEDS_REVIEW, "validate: not ready"),
    (S.EXTRACTED, S.READY, "validate: ready"),
    (S.NEEDS_REVIEW, S.READY, "validate or edit: ready"),
    (S.READY, S.NEEDS_REVIEW, "validate or edit: not ready"),
    (S.NEEDS_REVIEW, S.REJECTED, "reject"),
    (S.READY, S.REJECTED, "reject"),
    (S.READY, S.APPROVED, "approve"),
    (S.APPROVED, S.NEEDS_REVIEW, "revoke approval, or any edit"),
    (S.APPROVED, S.PUSHING, "push"),
    (S.PUSHING, S.PUSHED, "export sent, or failed beside an ACKED one"),
    (S.PUSHING, S.ERROR, "export failed"),
    (S.ERROR, S.PUSHING, "retry-push"),
    (S.ERROR, S.NEEDS_REVIEW, "edit"),
    (S.PUSHED, S.ERROR, "ERP ack: FAILED"),
    (S.ERROR, S.PUSHED, "late ack: ACKED"),
)

_PHRASES: dict[Command, str] = {
    Command.EDIT: "edit it",
    Command.VALIDATE: "validate",
    Command.APPROVE: "approve",
    Command.REVOKE_APPROVAL: "revoke the approval",
    Command.PRODUCTION_APPROVE: "approve for production",
    Command.PRODUCTION_REJECT: "reject for production",
    Command.PUSH: "push",
    Command.RETRY_PUSH: "retry the push",
    Command.REJECT: "reject",
    Command.LINK_LOGO: "link a logo",
    Command.SET_COLOR_UP: "give a line its color-up",
    Command.SUBMIT_LINE: "submit a line",
    Command.REVIEW_LINE: "review a line",
    Command.MOVE_ON_FLOOR: "move a line on the floor",
}

_SPECIAL: dict[tuple[Command, S], str] = {
    (Command.APPROVE, S.APPROVED): "Draft already approved",
    (Command.PUSH, S.PUSHING): "Export already in progress or completed",
    (Command.PUSH, S.PUSHED): "Export already in progress or completed",
    (Command.RETRY_PUSH, S.PUSHING): "Export already in progress or completed",
    (Command.RETRY_PUSH, S.PUSHED): "Export already succeeded",
}


def allowed_in(command: Command, *, decorated: bool = False) -> frozenset[S]:
    """The statuses that take `command`; `decorated`: the draft has decorated lines."""
    return ALLOWED_DECORATED.get(command, ALLOWED[command]) if decorated else ALLOWED[command]


def is_allowed(status: S, command: Command, *, decorated: bool = False) -> bool:
    return status in allowed_in(command, decorated=decorated)


def refusal(status: S, command: Command, *, decorated: bool = False) -> str:
    """The sentence for a person; names the current status. Source: domain.md, "Draft status"."""
    special = _SPECIAL.get((command, status))
    if special is not None:
        return special
    wanted = [name for name in S if name in allowed_in(command, decorated=decorated)]
    listed = ", ".join(wanted[:-1]) + " or " + wanted[-1] if len(wanted) > 1 else wanted[0]
    return f"Draft must be {listed} to {_PHRASES[command]} (current: {status})"
