"""uvicorn's protocol with bounds on a request's head: `uvicorn --http api.http_protocol:BoundedProtocol`.

httptools, which uvicorn uses by default, bounds neither the size of a head nor the time it takes. Bodies and
complete heads are the application's to judge (`api/request_limits.py`).
"""

import asyncio
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD_BYTES = 64 * 1024
HEAD_WITHIN_S = 10.0
# Longer than the usual 60 s for which a load balancer keeps a connection that it may use again: the server
# that hangs up first does so, sooner or later, on a request that is on its way.
KEEP_ALIVE_S = 75


class BoundedProtocol(HttpToolsProtocol):
    """Hangs up on a head that is too long (431) or not there in time (408).

    Between two requests a connection stays open for KEEP_ALIVE_S; `--timeout-keep-alive` may make it longer.
    """

    _in_head = True
    _head_bytes = 0
    _heads_ended = 0
    _timer: asyncio.TimerHandle | None = None

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.timeout_keep_alive = max(self.timeout_keep_alive, KEEP_ALIVE_S)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        was_in_head, ended = self._in_head, self._heads_ended
        super().data_received(data)
        if not self._in_head or self.transport.is_closing():
            return
        # A chunk that also held the end of a body, or a whole request, counts from the next one on.
        self._head_bytes += len(data) if was_in_head and self._heads_ended == ended else 0
        if self._head_bytes > MAX_HEAD_BYTES:
            self._hang_up(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        elif self._timer is None and self._head_bytes:
            self._expect_head()

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._heads_ended += 1
        self._forget_timer()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._in_head, self._head_bytes = True, 0

    def _expect_head(self) -> None:
        self._timer = self.loop.call_later(HEAD_WITHIN_S, self._too_late)

    def _forget_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _too_late(self) -> None:
        self._timer = None
        if self.cycle is not None and not self.cycle.response_complete:
            return  # an earlier request of this connection is still being answered
        if self._in_head and not self.transport.is_closing():
            self._hang_up(HTTPStatus.REQUEST_TIMEOUT)

    def _hang_up(self, status: HTTPStatus) -> None:
        self._forget_timer()
        if self.cycle is None or self.cycle.response_complete:  # else two answers would mix
            line = f"HTTP/1.1 {status.value} {status.phrase}"
            self.transport.write(f"{line}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".encode())
        self.transport.close()
