"""The whole (line status x command) table against a copy made by hand from domain.md."""

import itertools

import pytest

from domain.decisions import admit, decide
from domain.draft import Draft
from domain.line_facts import LineFact, LineFacts
from domain.line_looks import found, phoned
from domain.line_transitions import LINE_ALLOWED, LINE_MOVES, WAITS_OUTSIDE, line_refusal, moves
from domain.policy import OrgPolicy
from domain.refusals import LineNotFound, Refusal, TransitionRejected
from domain.situation import Situation
from domain.state_diagram import markdown
from domain.statuses import DraftStatus, LineStatus
from domain.transitions import Command
from tests.domain.lines import ANSWERS, DECISIONS, line_of, moved
from tests.domain.orders import BEN, COLOR_UP, LATER, decorated, draft, facts, message

# Columns: logo, color-up, submit, review, floor, production approve, production reject.
BY_HAND = """
New                         x  .  .  .  .  .  .
Awaiting Logo               x  .  .  .  .  .  .
Color-Up In Progress        .  x  x  .  .  .  .
Internal Review             .  .  .  x  .  .  .
Needs Approver              .  .  .  .  .  .  .
Sent for Approval           .  .  .  .  .  .  .
Phone Call                  .  .  .  .  .  .  .
Approved                    .  .  .  .  .  .  .
Revision In Progress        .  x  .  .  .  .  .
Pending Production Approval .  .  .  .  .  x  x
Production Ready            .  .  .  .  x  .  x
In Production               .  .  .  .  x  .  .
Complete                    .  .  .  .  .  .  .
"""
COLUMNS = [
    "link_logo",
    "set_color_up",
    "submit_line",
    "review_line",
    "move_on_floor",
    "production_approve",
    "production_reject",
]
TABLE = {
    (LineStatus(row[:28].strip()), Command(column)): mark == "x"
    for row in BY_HAND.strip().splitlines()
    for column, mark in zip(COLUMNS, row[28:].split(), strict=True)
}
PAIRS = list(itertools.product(LineStatus, map(Command, COLUMNS)))
# domain.md, "Line status", move by move.
MOVES_BY_HAND = {
    "New": ["Awaiting Logo"],
    "Awaiting Logo": ["Pending Production Approval", "Color-Up In Progress"],
    "Color-Up In Progress": ["Internal Review", "Needs Approver", "Sent for Approval"],
    "Internal Review": ["Color-Up In Progress", "Needs Approver", "Sent for Approval"],
    "Needs Approver": ["Sent for Approval"],
    "Sent for Approval": ["Approved", "Revision In Progress", "Phone Call"],
    "Phone Call": ["Approved", "Revision In Progress"],
    "Approved": ["Pending Production Approval"],
    "Revision In Progress": ["Color-Up In Progress"],
    "Pending Production Approval": ["Production Ready", "Revision In Progress"],
    "Production Ready": ["In Production", "Revision In Progress"],
    "In Production": ["Complete"],
    "Complete": [],
}


def with_line(status: LineStatus) -> Draft:
    return draft(DraftStatus.READY, lines=[decorated(1, status, color_up_id=COLOR_UP)])


def asked(command: Command, status: LineStatus) -> dict[str, object]:
    """Fields with which `command` would be taken at `status`, if anything is."""
    if command is Command.PRODUCTION_APPROVE:
        return {"line_nos": [1], "actor": BEN}
    if command is Command.MOVE_ON_FLOOR and status is LineStatus.IN_PRODUCTION:
        return {"to": "Complete"}
    return {}


def test_the_tables_by_hand_have_everything() -> None:
    assert set(TABLE) == set(PAIRS)
    assert {Command(column) for column in COLUMNS} == set(LINE_ALLOWED)
    assert set(MOVES_BY_HAND) == set(LineStatus)


@pytest.mark.parametrize(("status", "command"), PAIRS)
def test_a_line_takes_the_commands_of_the_table_and_no_other(status: LineStatus, command: Command) -> None:
    of, fields = with_line(status), asked(command, status)
    now = Situation(of, LATER, OrgPolicy(), facts(), ANSWERS)
    if TABLE[status, command]:
        assert decide(command, message(command, **fields), now)
        return
    with pytest.raises(TransitionRejected) as caught:
        decide(command, message(command, **fields), now)
    assert caught.value.sentence == line_refusal(1, status, command)
    assert caught.value.http_status == 409
    assert f"(current: {status})" in caught.value.sentence


@pytest.mark.parametrize(("status", "command"), [pair for pair in PAIRS if not TABLE[pair]])
def test_line_commands_are_refused_before_anything_is_read(status: LineStatus, command: Command) -> None:
    if command in {Command.PRODUCTION_APPROVE, Command.PRODUCTION_REJECT}:
        return  # all or nothing, decided as a whole; they read nothing either
    with pytest.raises(TransitionRejected):
        admit(with_line(status), command, message(command, **asked(command, status)))


def test_the_sentence_of_the_reference_is_used_word_by_word() -> None:
    assert line_refusal(3, LineStatus.AWAITING_LOGO, Command.SUBMIT_LINE) == (
        "Line 3 must be Color-Up In Progress to be submitted (current: Awaiting Logo)"
    )


@pytest.mark.parametrize("to", ["In Production", "Complete"])
@pytest.mark.parametrize("status", list(LineStatus))
def test_the_floor_starts_what_is_ready_and_ends_what_was_started(status: LineStatus, to: str) -> None:
    starts = {"In Production": LineStatus.PRODUCTION_READY, "Complete": LineStatus.IN_PRODUCTION}
    of, fields = with_line(status), {"to": to}
    if status is starts[to]:
        admit(of, Command.MOVE_ON_FLOOR, message(Command.MOVE_ON_FLOOR, **fields))
        return
    with pytest.raises(TransitionRejected) as caught:
        admit(of, Command.MOVE_ON_FLOOR, message(Command.MOVE_ON_FLOOR, **fields))
    assert f"(current: {status})" in caught.value.sentence


def test_the_moves_are_those_of_the_reference() -> None:
    table = {(start, end) for start, end, _by, _command in LINE_MOVES}
    assert table == {
        (LineStatus(start), LineStatus(end)) for start, ends in MOVES_BY_HAND.items() for end in ends
    }
    assert len(LINE_MOVES) == len(table)


def _everything_that_can_happen(status: LineStatus) -> set[tuple[LineStatus, LineStatus]]:
    """Each step that any command, any look and any phone call makes of a line at `status`."""
    of, steps = with_line(status), set()
    for command in LINE_ALLOWED:
        for answers in DECISIONS:
            for fields in ({}, {"decision": "send_back"}, asked(command, status)):
                try:
                    made = decide(
                        command,
                        message(command, **fields),
                        Situation(of, LATER, OrgPolicy(), facts(), answers),
                    )
                except (Refusal, ValueError):
                    continue
                steps |= moved(of, made)
    for answers in DECISIONS:
        for each in found(of, [line_of(of)], answers) if status in WAITS_OUTSIDE else []:
            steps |= moved(of, each.moves)
    return steps | moved(of, phoned(of, COLOR_UP))


def test_no_line_moves_outside_the_table_and_every_move_of_it_happens() -> None:
    steps = set().union(*(_everything_that_can_happen(status) for status in LineStatus))
    outside = {step for step in steps if not moves(*step)}
    assert outside == set()
    never = {(start, end) for start, end, _by, _command in LINE_MOVES} - steps
    assert never == set()


def test_nothing_but_production_makes_a_line_production_ready() -> None:
    ways = [command for _start, end, _by, command in LINE_MOVES if end is LineStatus.PRODUCTION_READY]
    assert ways == [Command.PRODUCTION_APPROVE]
    beyond = {LineStatus.PRODUCTION_READY, LineStatus.IN_PRODUCTION, LineStatus.COMPLETE}
    before = {start for start, end, _by, _command in LINE_MOVES if end in beyond and start not in beyond}
    assert before == {LineStatus.PENDING_PRODUCTION_APPROVAL}


def test_a_line_that_is_not_there_is_not_found() -> None:
    with pytest.raises(LineNotFound):
        admit(with_line(LineStatus.NEW), Command.LINK_LOGO, message(Command.LINK_LOGO, line_no=2))


def test_the_page_shows_every_move_and_every_command_of_a_line() -> None:
    page = markdown().split("# Line status")[1]
    for start, end, by, _command in LINE_MOVES:
        assert f"    {start.name} --> {end.name}: {by}\n" in page
    for status in LineStatus:
        marks = ["✓" if TABLE[status, command] else "" for command in LINE_ALLOWED]
        assert f"| {status} | " + " | ".join(marks) + " |" in page


def test_an_answer_without_the_line_moves_nothing() -> None:
    for status in WAITS_OUTSIDE - {LineStatus.NEW}:
        of = with_line(status)
        assert found(of, [line_of(of)], LineFacts(lines={9: LineFact()})) == []
