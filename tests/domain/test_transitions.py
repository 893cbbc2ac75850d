"""The whole (status x command) table against a copy made by hand from domain.md and api.md."""

import itertools
import re
from collections.abc import Callable

import pytest

from domain import events as ev
from domain import messages as msg
from domain.acknowledgements import acknowledged, delivered_meanwhile
from domain.decisions import admit
from domain.draft import Draft
from domain.refusals import Refusal, TransitionRejected
from domain.state_diagram import PATH, markdown
from domain.statuses import DraftStatus as S
from domain.statuses import ExportStatus as E
from domain.transitions import LINE_COMMANDS, MOVES, Command, is_allowed, refusal
from tests.domain.orders import (
    ANNA,
    LATER,
    NOT_READY,
    after,
    carried_out,
    decided,
    decorated,
    draft,
    error,
    export,
    facts,
    failed,
    fitting,
    message,
)

# Columns: edit, validate, approve, revoke approval, production approve, production reject, push,
# retry-push, reject; then of one line: logo, color-up, submit, review, floor.
BY_HAND = """
NEW           .  .  .  .  .  .  .  .  .  .  .  .  .  .
EXTRACTED     x  x  .  .  .  .  .  .  .  x  x  x  x  x
NEEDS_REVIEW  x  x  .  .  .  .  .  .  x  x  x  x  x  x
READY         x  x  x  .  .  .  .  .  x  x  x  x  x  x
APPROVED      x  .  .  x  x  x  x  .  .  x  x  x  x  x
PUSHING       .  .  .  .  .  .  .  .  .  .  .  .  .  x
PUSHED        .  .  .  .  .  .  .  .  .  .  .  .  .  x
REJECTED      .  .  .  .  .  .  .  .  .  .  .  .  .  .
ERROR         x  .  .  .  .  .  .  x  .  x  x  x  x  x
"""
COLUMNS = [
    "edit",
    "validate",
    "approve",
    "revoke_approval",
    "production_approve",
    "production_reject",
    "push",
    "retry_push",
    "reject",
    "link_logo",
    "set_color_up",
    "submit_line",
    "review_line",
    "move_on_floor",
]
TABLE = {
    (S(words[0]), Command(column)): mark == "x"
    for words in (row.split() for row in BY_HAND.strip().splitlines())
    for column, mark in zip(COLUMNS, words[1:], strict=True)
}
FIXED = {
    (S.APPROVED, Command.APPROVE): "Draft already approved",
    (S.PUSHING, Command.PUSH): "Export already in progress or completed",
    (S.PUSHED, Command.PUSH): "Export already in progress or completed",
    (S.PUSHING, Command.RETRY_PUSH): "Export already in progress or completed",
    (S.PUSHED, Command.RETRY_PUSH): "Export already succeeded",
}
PAIRS = list(itertools.product(S, Command))
REFUSED = [pair for pair in PAIRS if not TABLE[pair]]


def test_the_table_by_hand_has_every_pair() -> None:
    assert set(TABLE) == set(PAIRS)


@pytest.mark.parametrize(("status", "command"), PAIRS)
def test_a_status_takes_the_commands_of_the_table_and_no_other(status: S, command: Command) -> None:
    assert is_allowed(status, command) is TABLE[status, command]
    if TABLE[status, command]:
        admit(fitting(status, command), command, message(command))
        return
    with pytest.raises(TransitionRejected) as caught:
        admit(draft(status), command, message(command))
    assert caught.value.http_status == 409
    assert caught.value.sentence == refusal(status, command)
    assert caught.value.details["current_status"] == status


DECORATED = {
    Command.PRODUCTION_APPROVE: {
        S.EXTRACTED,
        S.NEEDS_REVIEW,
        S.READY,
        S.APPROVED,
        S.PUSHING,
        S.PUSHED,
        S.ERROR,
    },
    Command.PRODUCTION_REJECT: {S.EXTRACTED, S.NEEDS_REVIEW, S.READY, S.APPROVED, S.ERROR, S.PUSHED},
    Command.SET_COLOR_UP: {S.EXTRACTED, S.NEEDS_REVIEW, S.READY, S.APPROVED, S.ERROR, S.PUSHED},
    Command.SUBMIT_LINE: {S.EXTRACTED, S.NEEDS_REVIEW, S.READY, S.APPROVED, S.ERROR, S.PUSHED},
    Command.REVIEW_LINE: {S.EXTRACTED, S.NEEDS_REVIEW, S.READY, S.APPROVED, S.ERROR, S.PUSHED},
}


@pytest.mark.parametrize(("status", "command"), PAIRS)
def test_with_decorated_lines_production_signs_wherever_lines_are_worked_on(
    status: S, command: Command
) -> None:
    wanted = status in DECORATED[command] if command in DECORATED else TABLE[status, command]
    assert is_allowed(status, command, decorated=True) is wanted
    if command in DECORATED and not wanted:
        with pytest.raises(TransitionRejected) as caught:
            admit(draft(status, lines=[decorated(1)]), command, message(command))
        assert caught.value.sentence == refusal(status, command, decorated=True)


@pytest.mark.parametrize(("status", "command"), REFUSED)
def test_every_refusal_names_the_current_status_or_is_a_fixed_sentence(status: S, command: Command) -> None:
    sentence = refusal(status, command)
    if (status, command) in FIXED:
        assert sentence == FIXED[status, command]
        return
    found = re.fullmatch(
        r"Draft must be ([A-Z_, ]+?(?: or [A-Z_]+)?) to ([a-z -]+) \(current: (\w+)\)", sentence
    )
    assert found is not None, sentence
    assert found[3] == status
    wanted = {S(name) for name in re.split(r", | or ", found[1])}
    assert wanted == {one for one in S if TABLE[one, command]}


def test_the_sentences_of_the_reference_are_used_word_by_word() -> None:
    assert (
        refusal(S.NEEDS_REVIEW, Command.APPROVE) == "Draft must be READY to approve (current: NEEDS_REVIEW)"
    )
    assert refusal(S.READY, Command.PUSH) == "Draft must be APPROVED to push (current: READY)"
    assert refusal(S.ERROR, Command.PUSH) == "Draft must be APPROVED to push (current: ERROR)"
    assert (
        refusal(S.APPROVED, Command.VALIDATE)
        == "Draft must be EXTRACTED, NEEDS_REVIEW or READY to validate (current: APPROVED)"
    )


@pytest.mark.parametrize("status", [S.PUSHING, S.PUSHED])
@pytest.mark.parametrize("command", [Command.PUSH, Command.RETRY_PUSH])
def test_a_push_during_or_after_an_export_is_refused_with_that_exports_id(
    status: S, command: Command
) -> None:
    pushed = draft(status)
    with pytest.raises(TransitionRejected) as caught:
        admit(pushed, command, message(command))
    assert pushed.last_export is not None
    assert caught.value.details["erp_export_id"] == str(pushed.last_export.id)


def _ack(of: Draft, status: str) -> Draft:
    assert of.last_export is not None
    ack = msg.Acknowledgement(export_id=of.last_export.id, status=status)
    return after(of, *acknowledged(of, ack, LATER))


def _outcome(of: Draft, *, sent: bool) -> Draft:
    assert of.last_export is not None
    number = of.last_export.id
    if sent:
        return after(of, ev.ExportSent(export_id=number, dropzone_path="/orders/x", unconfirmed=False))
    by = delivered_meanwhile(of, number)
    event = ev.ExportFailed(export_id=number, error=error(), may_have_been_sent=False, delivered_by=by)
    return after(of, event)


def _beside_an_acked_one(of: Draft) -> Draft:
    return of.model_copy(update={"exports": [export(1, E.ACKED), export(2, E.PENDING)]})


def _created(of: Draft) -> Draft:
    return after(of, ev.DraftCreated(header=of.header, lines=of.lines))


def _validated(of: Draft) -> list[Draft]:
    return [carried_out(Command.VALIDATE, of), carried_out(Command.VALIDATE, of, known=NOT_READY)]


def _edited(of: Draft) -> list[Draft]:
    return [carried_out(Command.EDIT, of), carried_out(Command.EDIT, of, known=NOT_READY)]


# What makes each move happen; a way may end elsewhere too, but one of its ends is the move's.
WAYS: dict[str, list[Callable[[Draft], list[Draft]]]] = {
    "data present": [lambda of: [_created(of)]],
    "validate: not ready": [_validated],
    "validate: ready": [_validated],
    "validate or edit: ready": [_validated, _edited],
    "validate or edit: not ready": [_validated, _edited],
    "reject": [lambda of: [carried_out(Command.REJECT, of)]],
    "approve": [lambda of: [carried_out(Command.APPROVE, of)]],
    "revoke approval, or any edit": [lambda of: [carried_out(Command.REVOKE_APPROVAL, of)], _edited],
    "push": [lambda of: [carried_out(Command.PUSH, of)]],
    "export sent, or failed beside an ACKED one": [
        lambda of: [_outcome(of, sent=True)],
        lambda of: [_outcome(_beside_an_acked_one(of), sent=False)],
    ],
    "export failed": [lambda of: [_outcome(of, sent=False)]],
    "retry-push": [lambda of: [carried_out(Command.RETRY_PUSH, of)]],
    "edit": [_edited],
    "ERP ack: FAILED": [lambda of: [_ack(of, "FAILED")]],
    "late ack: ACKED": [
        lambda of: [_ack(of.model_copy(update={"exports": [failed(may_have_been_sent=True)]}), "ACKED")]
    ],
}


@pytest.mark.parametrize(("start", "end", "by"), MOVES)
def test_each_move_of_the_table_happens_in_the_way_it_says(start: S, end: S, by: str) -> None:
    for way in WAYS[by]:
        assert end in {reached.status for reached in way(draft(start))}


def _everything_that_can_happen(to: Draft) -> list[Draft]:
    reached = []
    for command, known in itertools.product(set(Command) - LINE_COMMANDS, (facts(), NOT_READY)):
        try:
            reached.append(after(to, *decided(command, to, known=known)))
        except Refusal:
            continue
    if to.status is S.NEW:
        reached.append(_created(to))
    if to.status is S.PUSHING:
        reached += [_outcome(to, sent=True), _outcome(to, sent=False)]
    if to.last_export is not None and to.status is not S.PUSHING:
        doubtful = to.last_export.model_copy(update={"may_have_been_sent": True})
        for each in (to, to.model_copy(update={"exports": [doubtful]})):
            reached += [_ack(each, "ACKED"), _ack(each, "FAILED")]
            reached.append(after(each, ev.AckWindowEnded(export_id=doubtful.id)))
    return reached


def test_no_draft_moves_outside_the_table() -> None:
    seen = {(start, now.status) for start in S for now in _everything_that_can_happen(draft(start))}
    assert {(start, end) for start, end in seen if start is not end} == {(move[0], move[1]) for move in MOVES}


def test_a_new_draft_with_data_is_extracted_and_has_a_creator_but_no_editor_yet() -> None:
    created = _created(draft(S.NEW))
    assert (created.status, created.created_at) == (S.EXTRACTED, LATER)
    assert (created.created_by_user_id, created.last_edited_by_user_id) == (ANNA.user_id, None)


def test_the_page_about_states_is_what_the_table_generates() -> None:
    assert PATH.read_text(encoding="utf-8") == markdown(), "run `python -m domain.state_diagram`"


def test_the_page_shows_every_move_and_every_sentence() -> None:
    page = markdown().split("# Line status")[0]
    assert page.count("-->") == len(MOVES) + 2
    for start, end, _by in MOVES:
        assert f"    {start} --> {end}: " in page
    for status, command in REFUSED:
        section = page.split(f"### {status}\n")[1].split("###")[0]
        assert f"| `{command}` | {refusal(status, command)} |" in section
