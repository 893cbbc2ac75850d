"""A connection's life: which command it takes in which status, and what a person is told when it does not.

PAUSED keeps the org's one place, so that resuming never meets another active connection.
Tests walk every (status, command) pair; docs/operators.md shows the same table.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel

from domain.canonical import utc_text
from domain.refusals import TransitionRejected
from domain.transport import TransportCode, TransportError


class ConnectionStatus(StrEnum):
    ACTIVE = "ACTIVE"  # pushes go through it
    PAUSED = "PAUSED"  # pushes are taken and wait until it is resumed
    DISABLED = "DISABLED"  # nothing uses it


class ConnectionCommand(StrEnum):
    CHANGE = "change"
    TEST = "test"
    ENABLE = "enable"
    DISABLE = "disable"
    PAUSE = "pause"
    RESUME = "resume"


class ConnectionRefused(TransitionRejected):
    """The status does not allow the command."""


@dataclass(frozen=True)
class Move:
    """`to` is None where nothing changes; `action` is the audit row of a change."""

    to: ConnectionStatus | None
    action: str | None = None


_S, _C = ConnectionStatus, ConnectionCommand
_STAYS = Move(None)

# A command whose end is reached already changes nothing, so that a repeat is safe.
MOVES: dict[tuple[ConnectionStatus, ConnectionCommand], Move | str] = {
    (_S.ACTIVE, _C.ENABLE): _STAYS,
    (_S.ACTIVE, _C.DISABLE): Move(_S.DISABLED, "CONNECTION_DISABLED"),
    (_S.ACTIVE, _C.PAUSE): Move(_S.PAUSED, "CONNECTION_PAUSED"),
    (_S.ACTIVE, _C.RESUME): _STAYS,
    (_S.PAUSED, _C.ENABLE): "Connection must be DISABLED to enable (current: PAUSED); resume it instead",
    (_S.PAUSED, _C.DISABLE): Move(_S.DISABLED, "CONNECTION_DISABLED"),
    (_S.PAUSED, _C.PAUSE): _STAYS,
    (_S.PAUSED, _C.RESUME): Move(_S.ACTIVE, "CONNECTION_RESUMED"),
    (_S.DISABLED, _C.ENABLE): Move(_S.ACTIVE, "CONNECTION_ENABLED"),
    (_S.DISABLED, _C.DISABLE): _STAYS,
    (_S.DISABLED, _C.PAUSE): "Connection must be ACTIVE to pause (current: DISABLED)",
    (_S.DISABLED, _C.RESUME): "Connection must be PAUSED to resume (current: DISABLED); enable it instead",
    **{(status, command): _STAYS for status in _S for command in (_C.CHANGE, _C.TEST)},
}


def moved(status: ConnectionStatus, command: ConnectionCommand) -> Move:
    """
    Raises:
        ConnectionRefused: with the sentence for a person.
    """
    found = MOVES[status, command]
    if isinstance(found, str):
        raise ConnectionRefused(found, current_status=status.value)
    return found


def releases(status: ConnectionStatus, move: Move) -> bool:
    """Whether drafts that wait for the end of a pause must be told."""
    return status is _S.PAUSED and move.to is not None


def releases_again(status: ConnectionStatus, command: ConnectionCommand) -> bool:
    """Whether a repeat takes up a release that ended before it had told all."""
    return (status, command) in {(_S.ACTIVE, _C.RESUME), (_S.DISABLED, _C.DISABLE)}


class Pause(BaseModel):
    """Since when a connection is paused, and the e-mail address of who did it."""

    at: datetime | None = None
    by: str | None = None

    @property
    def sentence(self) -> str:
        """What a draft that waits says, in reads and in the Web UI."""
        since = f" since {utc_text(self.at)}" if self.at is not None else ""
        who = f", by {self.by}" if self.by else ""
        return f"The connection is paused{since}{who}; the order is delivered after it is resumed"


class UsedConnection(BaseModel):
    """The connection of a draft's newest export, as it is by now. `ack_error`: why answers cannot be read."""

    status: ConnectionStatus
    paused_at: datetime | None = None
    paused_by: str | None = None
    ack_error: str | None = None

    @property
    def pause(self) -> Pause | None:
        paused = self.status is ConnectionStatus.PAUSED
        return Pause(at=self.paused_at, by=self.paused_by) if paused else None


RESUMED = "The connection was resumed; waiting orders follow in the order of their pushes"


class HeldByPause(TransportError):
    """A delivery met a paused connection at a point where it may wait: nothing of it is half done."""

    def __init__(self, pause: Pause) -> None:
        super().__init__(TransportCode.CONNECTION_PAUSED, sentence=pause.sentence)
