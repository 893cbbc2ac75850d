"""Requests as we read them: exact decimals, an id each, a size limit, a deadline.

JSON numbers become decimals, never binary floats; NaN and Infinity are refused.
"""

import asyncio
import json
import re
from collections.abc import Callable, Coroutine
from decimal import Decimal
from typing import Any
from uuid import uuid4

import structlog
from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import Problem, render, unavailable

log = structlog.get_logger(__name__)

UNFORESEEN = "An error that we did not foresee; it was logged under this request id"
MAX_BODY_BYTES = 1024 * 1024
_SANE_ID = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}")


def _refuse_constant(text: str) -> Decimal:
    raise json.JSONDecodeError(f"{text} is not JSON", text, 0)


class ExactRequest(Request):
    async def json(self) -> Any:
        if not hasattr(self, "_json"):
            body = await self.body()
            try:
                self._json = json.loads(body, parse_float=Decimal, parse_constant=_refuse_constant)
            except (RecursionError, UnicodeDecodeError, ValueError) as error:
                if isinstance(error, json.JSONDecodeError):
                    raise
                raise json.JSONDecodeError("the body is not valid JSON", "", 0) from None
        return self._json


class ExactRoute(APIRoute):
    """Route class of every router, so that bodies are read by `ExactRequest`."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()
        takes_json = self.body_field is not None

        async def handle(request: Request) -> Response:
            if takes_json:
                _require_json(request)
            return await handler(ExactRequest(request.scope, request.receive))

        return handle


def _require_json(request: Request) -> None:
    """
    Raises:
        Problem: 415, for a body that does not say that it is JSON.
    """
    headers = request.headers
    if headers.get("content-length", "0") == "0" and "transfer-encoding" not in headers:
        return
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json" and not (kind.startswith("application/") and kind.endswith("+json")):
        raise Problem(415, "Send the body as JSON, with the header Content-Type: application/json")


class RequestGuard:
    """Outermost: gives each request its id and its deadline, and refuses large bodies.

    `exempt` names path endings that talk to a customer's server and keep their own time.
    """

    def __init__(self, app: ASGIApp, *, answer_within_s: float, exempt: tuple[str, ...]) -> None:
        self._app = app
        self._answer_within_s = answer_within_s
        self._exempt = exempt

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        given = headers.get("x-request-id", "")
        request_id = given if _SANE_ID.fullmatch(given) else uuid4().hex
        scope.setdefault("state", {})["request_id"] = request_id
        structlog.contextvars.bind_contextvars(request_id=request_id)
        try:
            await self._limited(scope, headers, receive, _tagged(send, request_id))
        finally:
            structlog.contextvars.clear_contextvars()

    async def _limited(self, scope: Scope, headers: Headers, receive: Receive, send: Send) -> None:
        request = Request(scope)
        too_large = Problem(413, f"The body may have at most {MAX_BODY_BYTES} bytes (1 MiB)")
        length = headers.get("content-length", "0")
        if not length.isdigit() or int(length) > MAX_BODY_BYTES:
            await render(request, too_large)(scope, receive, send)
            return
        started = False
        bounded = _BoundedBody(receive)

        async def watched(message: Message) -> None:
            nonlocal started
            if bounded.exceeded and not started:
                return  # whatever the application makes of the cut body: the answer is 413
            started = True
            await send(message)

        within = None if scope["path"].endswith(self._exempt) else self._answer_within_s
        try:
            async with asyncio.timeout(within):
                await self._app(scope, bounded, watched)
            if bounded.exceeded and not started:
                await render(request, too_large)(scope, receive, send)
        except TimeoutError:
            if started:
                raise
            await render(request, unavailable("A server that we depend on"))(scope, receive, send)
        except Exception as error:
            log.error("request_failed", method=scope["method"], path=scope["path"], exc_info=error)
            if not started:
                await render(request, Problem(500, UNFORESEEN))(scope, receive, send)


class _BoundedBody:
    """Ends a body without a declared length once it is over the limit."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._seen = 0
        self.exceeded = False

    async def __call__(self) -> Message:
        if self.exceeded:
            return {"type": "http.disconnect"}
        message = await self._receive()
        self._seen += len(message.get("body", b""))
        if self._seen > MAX_BODY_BYTES:
            self.exceeded = True
            return {"type": "http.request", "body": b"", "more_body": False}
        return message


def _tagged(send: Send, request_id: str) -> Send:
    async def tagged(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers["X-Request-Id"] = request_id
        await send(message)

    return tagged
