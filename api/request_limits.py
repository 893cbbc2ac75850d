"""Requests that are out of proportion: long addresses, many parameters, large headers, bodies that drip.

What has no head at all yet is not a request: see `api/http_protocol.py`.
"""

import asyncio

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import Problem, render

MAX_ADDRESS_BYTES = 8 * 1024
MAX_QUERY_PARAMETERS = 100
MAX_HEADERS_BYTES = 32 * 1024
MAX_HEADERS = 100
BODY_WITHIN_S = 20.0


def refusal(scope: Scope) -> Problem | None:
    """What is out of proportion, by the head alone."""
    query: bytes = scope["query_string"]
    if len(scope.get("raw_path") or scope["path"]) + len(query) > MAX_ADDRESS_BYTES:
        return Problem(414, f"The address may have at most {MAX_ADDRESS_BYTES} bytes")
    if query.count(b"&") >= MAX_QUERY_PARAMETERS:
        return Problem(422, f"The query may have at most {MAX_QUERY_PARAMETERS} parameters", errors=[])
    headers = scope["headers"]
    if (
        len(headers) > MAX_HEADERS
        or sum(len(name) + len(value) for name, value in headers) > MAX_HEADERS_BYTES
    ):
        return Problem(431, f"Send at most {MAX_HEADERS} headers with {MAX_HEADERS_BYTES} bytes in all")
    return None


class RequestLimits:
    """Inside the `RequestGuard`, so that refusals have a request id and are logged and counted."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refused = refusal(scope)
        if refused is not None:
            await render(Request(scope), refused)(scope, receive, send)
            return
        body = _TimelyBody(receive)
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            if body.late and not started:
                return  # whatever the application makes of the missing body: the answer is 408
            started = True
            await send(message)

        try:
            await self._app(scope, body, watched)
        except Exception:
            # what the application makes of a cut body is no fault of its own: the answer is the 408 below
            if started or not body.late:
                raise
        if body.late and not started:
            problem = Problem(408, f"The body did not arrive within {BODY_WITHIN_S:.0f} s")
            problem.headers["Connection"] = "close"
            await render(Request(scope), problem)(scope, receive, send)


class _TimelyBody:
    """The whole body by one deadline; afterwards waiting for the client to leave has none."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._deadline = asyncio.get_running_loop().time() + BODY_WITHIN_S
        self._complete = False
        self.late = False

    async def __call__(self) -> Message:
        if self._complete:
            return await self._receive()
        if self.late:
            return {"type": "http.disconnect"}
        try:
            async with asyncio.timeout_at(self._deadline) as limit:
                message = await self._receive()
        except TimeoutError:
            if not limit.expired():
                raise
            self.late = True
            return {"type": "http.disconnect"}
        self._complete = not message.get("more_body", False)
        return message
