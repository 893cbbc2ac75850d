"""Requests as we read them: exact decimals, an id each, a size limit, a deadline.

JSON numbers become decimals, never binary floats; NaN and Infinity are refused.
"""

import asyncio
import re
import time
from collections.abc import Callable, Coroutine
from typing import Any
from uuid import uuid4

import structlog
from fastapi import Request, Response
from fastapi.routing import APIRoute
from prometheus_client import Histogram
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.caller import admission
from api.exact_json import read_json
from api.problems import Problem, render, unavailable

log = structlog.get_logger(__name__)

UNFORESEEN = "An error that we did not foresee; it was logged under this request id"
MAX_BODY_BYTES = 1024 * 1024
UNREMARKABLE = frozenset({"/livez", "/readyz", "/metrics"})
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_SANE_ID = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}")


class ExactRequest(Request):
    async def json(self) -> Any:
        if not hasattr(self, "_json"):
            self._json = read_json(await self.body())
        return self._json


class ExactRoute(APIRoute):
    """Route class of every router: first who asks, then the body, read by `ExactRequest`."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()
        takes_json = self.body_field is not None
        admit = admission(self.dependant)

        async def handle(request: Request) -> Response:
            if admit is not None:
                await admit(request)
            if takes_json:
                require_json(request)
            return await handler(ExactRequest(request.scope, request.receive))

        return handle


def require_json(request: Request) -> None:
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

    `exempt` are patterns of `METHOD /path` that talk to a customer's server and keep their own time.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        answer_within_s: float,
        exempt: tuple[str, ...],
        counted: Histogram | None = None,
    ) -> None:
        self._app = app
        self._answer_within_s = answer_within_s
        self._exempt = re.compile("|".join(exempt))
        self._counted = counted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        given = headers.get("x-request-id", "")
        request_id = given if _SANE_ID.fullmatch(given) else uuid4().hex
        scope.setdefault("state", {})["request_id"] = request_id
        structlog.contextvars.bind_contextvars(request_id=request_id)
        answer = _Answer(send, request_id)
        try:
            await self._limited(scope, headers, receive, answer)
        finally:
            self._tell(scope, answer)
            structlog.contextvars.clear_contextvars()

    def _tell(self, scope: Scope, answer: "_Answer") -> None:
        """One line and one measurement: the route's template, never the path, its values or a body."""
        route, method, status = route_of(scope), method_of(scope), answer.status
        say = log.debug if route in UNREMARKABLE and status == 200 else log.info
        say(
            "request",
            method=method,
            route=route,
            status=status,
            duration_ms=round(answer.lasted_s() * 1000, 1),
        )
        if self._counted is not None:
            status_class = f"{status // 100}xx" if status else "none"
            self._counted.labels(route, method, status_class).observe(answer.waited_s)

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
            if _is_last(message) and not deadline.expired():
                deadline.reschedule(None)  # answered: the tasks that follow keep their own time

        own_time = self._exempt.fullmatch(f"{scope['method']} {scope['path']}")
        within = None if own_time else self._answer_within_s
        try:
            async with asyncio.timeout(within) as deadline:
                await self._app(scope, bounded, watched)
            if bounded.exceeded and not started:
                await render(request, too_large)(scope, receive, send)
        except TimeoutError:
            if started:
                raise
            await render(request, unavailable("A server that we depend on"))(scope, receive, send)
        except Exception as error:
            log.error("request_failed", method=method_of(scope), route=route_of(scope), exc_info=error)
            if not started:
                await render(request, Problem(500, UNFORESEEN))(scope, receive, send)


def _is_last(message: Message) -> bool:
    return message["type"] == "http.response.body" and not message.get("more_body", False)


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


class _Answer:
    """Sends with the headers that every answer has; remembers status and times."""

    def __init__(self, send: Send, request_id: str) -> None:
        self._send = send
        self._request_id = request_id
        self._began = time.perf_counter()
        self._first_byte: float | None = None
        self.status: int | None = None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self._first_byte = self.lasted_s()
            headers = MutableHeaders(scope=message)
            headers["X-Request-Id"] = self._request_id
        await self._send(message)

    def lasted_s(self) -> float:
        return time.perf_counter() - self._began

    @property
    def waited_s(self) -> float:
        """Until the answer began: a stream of events may then stay open for hours."""
        return self.lasted_s() if self._first_byte is None else self._first_byte


def route_of(scope: Scope) -> str:
    """The route's template; unknown paths share a word, or scanners would fill the metrics."""
    path = getattr(scope.get("route"), "path", None)
    return path if isinstance(path, str) else "unmatched"


def method_of(scope: Scope) -> str:
    return scope["method"] if scope["method"] in _METHODS else "other"
