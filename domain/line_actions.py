"""Which commands a decorated line takes now, from somebody with the role for them."""

from domain.draft import Draft, Line
from domain.line_transitions import LINE_ALLOWED, line_allows
from domain.transitions import Command, is_allowed


def line_actions(draft: Draft, line: Line) -> list[Command]:
    """`production_approve` and `production_reject` are commands on the draft that name its lines."""
    status = line.status
    if status is None:
        return []
    taken = [
        command
        for command in LINE_ALLOWED
        if line_allows(status, command) and is_allowed(draft.status, command, decorated=True)
    ]
    if line.color_up_id is None and Command.SUBMIT_LINE in taken:
        taken.remove(Command.SUBMIT_LINE)
    return taken
