"""The folder the ERP answers in: list it once, read a file, put it away. The port, and what all kinds share.

Everything in there was written by somebody else: names, sizes and contents are hostile until read.
"""

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Protocol

from domain.transport import TransportCode, TransportError

MAX_ACK_BYTES = 64 * 1024
MAX_LISTED = 50_000  # of one listing; the rest has its turn when these have been put away
_MAX_NAME = 255


class Tray(StrEnum):
    """Folders within the ack folder, made when they are missing."""

    PROCESSED = "processed"
    ERROR = "error"


class Moved(StrEnum):
    MOVED = "moved"
    GONE = "gone"  # it is not there: an earlier try moved it, or somebody took it
    TAKEN = "taken"  # the name is in use in the tray; nothing was touched


@dataclass(frozen=True)
class AckFile:
    """What a listing says of a name. `modified_at` is the server's clock, as exact as the server tells it."""

    name: str
    size_bytes: int
    modified_at: datetime
    regular: bool  # False for links, folders, pipes; those are never opened


class AckFolder(Protocol):
    """An open ack folder. Every method may raise TransportError; names are plain file names."""

    async def files(self) -> list[AckFile]:
        """One listing, oldest first, plain names only, at most `MAX_LISTED`; with the trays, as they are."""
        ...

    async def read(self, name: str) -> tuple[AckFile, bytes] | None:
        """A fresh look and the content; None when it is gone or no regular file. Links are not followed.

        At most `MAX_ACK_BYTES` and one byte are read, so that more is seen to be too much.
        """
        ...

    async def move(self, name: str, tray: Tray, as_name: str) -> Moved:
        """Rename into the tray, never over another file. Doing it again says GONE."""
        ...


OpenAckFolder = AbstractAsyncContextManager[AckFolder]


def plain_name(name: str | bytes) -> str | None:
    """A name as text, or None for one that is not safe to say or to use: it is left alone.

    Servers may list anything: slashes, line breaks, bytes that are no UTF-8.
    """
    try:
        text = name.decode() if isinstance(name, bytes) else name
        text.encode()
    except UnicodeError:
        return None
    if not text or len(text) > _MAX_NAME or text in {".", ".."} or not text.isprintable():
        return None
    return None if "/" in text or "\\" in text else text


def require_plain(name: str) -> str:
    """
    Raises:
        TransportError: SERVER_ERROR for anything but a plain file name.
    """
    if plain_name(name) is None:
        raise TransportError(TransportCode.SERVER_ERROR, "the name is not a plain file name")
    return name


def from_seconds(seconds: float | None) -> datetime:
    """A server's modification time; one that no calendar holds becomes 1970."""
    try:
        return datetime.fromtimestamp(seconds or 0, UTC)
    except (OverflowError, ValueError, OSError):
        return datetime.fromtimestamp(0, UTC)


def oldest_first(files: list[AckFile]) -> list[AckFile]:
    return sorted(files, key=lambda file: (file.modified_at, file.name))
