"""The server that a log-in meets: it speaks soon, and shows a pinned key before it is told anything."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import asyncssh

from connectors.deadline import begun_within

# To be connected and to hear the server's first line, which every SSH server sends unasked. What follows has
# the time of a log-in: some servers look our name up there.
FIRST_LINE_S = 4.0

# Called with each step of logging in that has just succeeded and what was seen, for the connection test.
Trace = Callable[[str, str], None]


def no_trace(step: str, seen: str) -> None:
    """For callers that do not want to know."""


class PinnedHost(asyncssh.SSHClient):
    """Accepts the pinned host keys; with `accept_any`, whatever is shown, and remembers it."""

    def __init__(self, pinned: list[str], *, accept_any: bool, trace: Trace) -> None:
        self._pinned = pinned
        self._accept_any = accept_any
        self._trace = trace
        self._connection: asyncssh.SSHClientConnection | None = None
        self.seen: str | None = None
        self.seen_algorithm = ""

    def speaks_soon(self) -> AbstractAsyncContextManager[None]:
        """
        Raises:
            TimeoutError: in the block, when the server's first line has not come within `FIRST_LINE_S`.
        """
        return begun_within(FIRST_LINE_S, self._has_spoken)

    def _has_spoken(self) -> bool:
        return self._connection is not None and bool(self._connection.get_extra_info("server_version"))

    def connection_made(self, conn: asyncssh.SSHClientConnection) -> None:
        self._connection = conn
        self._trace("connect", "")

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
        self.seen = key.get_fingerprint("sha256")
        self.seen_algorithm = key.get_algorithm()
        accepted = self._accept_any or self.seen in self._pinned
        if accepted:
            self._trace("host_key", self.seen)
        return accepted

    def auth_completed(self) -> None:
        self._trace("authentication", "")
