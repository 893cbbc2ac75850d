"""The whole (status x command) table of a connection against a copy made by hand."""

import itertools
from datetime import UTC, datetime

import pytest

from domain.connections import (
    MOVES,
    ConnectionCommand,
    ConnectionRefused,
    ConnectionStatus,
    Pause,
    moved,
    releases,
    releases_again,
)

# Columns: change, test, enable, disable, pause, resume. "=" changes nothing, "." is refused.
BY_HAND = """
ACTIVE    =  =  =         DISABLED  PAUSED  =
PAUSED    =  =  .         DISABLED  =       ACTIVE
DISABLED  =  =  ACTIVE    =         .       .
"""
TABLE = {
    (ConnectionStatus(words[0]), command): end
    for words in (row.split() for row in BY_HAND.strip().splitlines())
    for command, end in zip(ConnectionCommand, words[1:], strict=True)
}


def test_the_table_has_every_pair() -> None:
    assert set(MOVES) == set(TABLE) == set(itertools.product(ConnectionStatus, ConnectionCommand))


@pytest.mark.parametrize(("status", "command"), TABLE)
def test_each_pair_does_what_the_page_says(status: ConnectionStatus, command: ConnectionCommand) -> None:
    wanted = TABLE[status, command]
    if wanted == ".":
        with pytest.raises(ConnectionRefused) as refused:
            moved(status, command)
        assert f"(current: {status})" in refused.value.sentence
        assert refused.value.http_status == 409
        return
    move = moved(status, command)
    assert move.to == (None if wanted == "=" else wanted)
    assert (move.action is not None) == (move.to is not None)


@pytest.mark.parametrize(("status", "command"), TABLE)
def test_drafts_are_told_when_and_only_when_a_pause_ends(
    status: ConnectionStatus, command: ConnectionCommand
) -> None:
    wanted = TABLE[status, command]
    if wanted == ".":
        return
    ends = status is ConnectionStatus.PAUSED and wanted != "="
    assert releases(status, moved(status, command)) is ends


@pytest.mark.parametrize(("status", "command"), TABLE)
def test_only_the_repeat_of_what_ended_a_pause_looks_for_drafts_left_behind(
    status: ConnectionStatus, command: ConnectionCommand
) -> None:
    ends = {
        ConnectionStatus.ACTIVE: ConnectionCommand.RESUME,
        ConnectionStatus.DISABLED: ConnectionCommand.DISABLE,
    }
    assert releases_again(status, command) is (ends.get(status) is command)
    assert not releases_again(status, command) or TABLE[status, command] == "="


def test_a_pause_says_since_when_and_by_whom() -> None:
    pause = Pause(at=datetime(2026, 11, 21, 8, 0, tzinfo=UTC), by="ivo@demo.example")
    assert "2026-11-21T08:00:00Z" in pause.sentence
    assert "ivo@demo.example" in pause.sentence
    assert "paused" in Pause().sentence
