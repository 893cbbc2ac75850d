"""Requests out of proportion: refused by their head, and hung up on when they drip. Served by uvicorn."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import suppress

import httpx
import pytest
import pytest_asyncio
import uvicorn
from fastapi import FastAPI, Request

from api import http_protocol, request_limits
from api.answer_headers import AnswerHeaders
from api.problems import install
from api.request_limits import MAX_HEADERS, MAX_QUERY_PARAMETERS, RequestLimits
from api.requests import RequestGuard


@pytest_asyncio.fixture
async def port() -> AsyncIterator[int]:
    """A small app behind the API's own middleware, protocol and options."""
    app = FastAPI()

    @app.post("/taken")
    async def taken(request: Request) -> int:
        return len(await request.body())

    @app.get("/read")
    async def read() -> str:
        return "read"

    install(app)
    app.add_middleware(RequestLimits)
    app.add_middleware(RequestGuard, answer_within_s=2.7, exempt=("POST /taken",))
    app.add_middleware(AnswerHeaders, hsts_s=0)
    config = uvicorn.Config(
        app, port=0, log_config=None, http=http_protocol.BoundedProtocol, server_header=False, lifespan="off"
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    await serving


class Wire:
    """A client that sends what it likes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def to(cls, port: int) -> "Wire":
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    @property
    def gone(self) -> bool:
        """The server hung up."""
        return self.reader.at_eof() or self.reader.exception() is not None or self.writer.is_closing()

    async def send(self, data: bytes) -> None:
        with suppress(ConnectionError):
            self.writer.write(data)
            await self.writer.drain()

    async def rest(self, within_s: float = 5) -> bytes:
        """Everything until the server hangs up."""
        try:
            async with asyncio.timeout(within_s):
                return await self.reader.read()
        except ConnectionError:
            return b""

    async def answer(self, within_s: float = 5) -> bytes:
        """One whole answer on a connection that stays open."""
        async with asyncio.timeout(within_s):
            head = await self.reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"content-length: (\d+)", head)
            return head + await self.reader.readexactly(int(length[1]) if length else 0)


GET = b"GET /read HTTP/1.1\r\nHost: api\r\n"


async def test_an_ordinary_request_passes_and_the_server_does_not_say_what_it_is(port: int) -> None:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
        for _ in range(3):
            answer = await client.get("/read")
            assert answer.status_code == 200
        assert "server" not in answer.headers
        assert (await client.post("/taken", content=b"x" * 1_000_000)).json() == 1_000_000


async def test_a_head_and_a_large_body_that_arrive_at_once_are_one_request(port: int) -> None:
    body = b"x" * 100_000
    wire = await Wire.to(port)
    for _ in range(20):  # how much the server reads at once is the kernel's to say: some arrive whole
        await wire.send(b"POST /taken HTTP/1.1\r\nHost: api\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        assert (await wire.answer()).endswith(b"100000")


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET /read?" + b"a" * 9000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
        (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
        (b"GET /read?" + b"a&" * (MAX_QUERY_PARAMETERS - 1) + b"a HTTP/1.1\r\nHost: a\r\n\r\n", 200),
        (b"GET /read?" + b"a&" * MAX_QUERY_PARAMETERS + b"a HTTP/1.1\r\nHost: a\r\n\r\n", 422),
        (GET + b"X-Long: " + b"a" * 33_000 + b"\r\n\r\n", 431),
        (GET + b"X: y\r\n" * (MAX_HEADERS + 1) + b"\r\n", 431),
    ],
)
async def test_a_head_out_of_proportion_is_refused_as_a_problem(port: int, head: bytes, status: int) -> None:
    wire = await Wire.to(port)
    await wire.send(head)
    answer = await wire.answer()
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert b"content-security-policy" in answer
    assert status == 200 or b'"request_id"' in answer


async def test_a_head_without_end_is_hung_up_on_before_it_fills_the_memory(port: int) -> None:
    wire = await Wire.to(port)
    await wire.send(GET + b"X-Endless: ")
    sent = 0
    while sent < 64 * 1024 * 1024 and not wire.gone:
        await wire.send(b"a" * 8192)
        sent += 8192
        await asyncio.sleep(0)
    assert sent < 8 * 1024 * 1024
    answer = await wire.rest()
    assert answer == b"" or answer.startswith(b"HTTP/1.1 431 ")


@pytest.mark.parametrize("said", [b"", b"GET /re", GET + b"X-Slow: "])
async def test_a_head_that_does_not_come_is_hung_up_on(
    port: int, monkeypatch: pytest.MonkeyPatch, said: bytes
) -> None:
    monkeypatch.setattr(http_protocol, "HEAD_WITHIN_S", 0.3)
    wire = await Wire.to(port)
    began = time.monotonic()
    await wire.send(said)
    assert (await wire.rest()).startswith(b"HTTP/1.1 408 ")
    assert 0.2 < time.monotonic() - began < 2


async def test_a_head_that_drips_does_not_get_more_time_with_every_drop(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_protocol, "HEAD_WITHIN_S", 0.4)
    wire = await Wire.to(port)
    await wire.send(GET + b"\r\n")
    assert (await wire.answer()).startswith(b"HTTP/1.1 200 ")
    began = time.monotonic()
    await wire.send(GET + b"X-Slow: ")  # the connection's second request
    while not wire.gone and time.monotonic() - began < 3:
        await wire.send(b"a")
        await asyncio.sleep(0.05)
    assert time.monotonic() - began < 2


async def test_a_body_that_drips_is_408_also_where_the_guard_gives_all_time(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(request_limits, "BODY_WITHIN_S", 0.4)
    wire = await Wire.to(port)
    await wire.send(b"POST /taken HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n")
    began = time.monotonic()
    answering = asyncio.create_task(wire.rest())
    while not answering.done() and time.monotonic() - began < 3:
        await wire.send(b"x")
        await asyncio.sleep(0.05)
    answer = await answering
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b'"REQUEST_TIMEOUT"' in answer
    assert 0.3 < time.monotonic() - began < 2


async def test_many_requests_on_one_connection_are_not_added_up(port: int) -> None:
    wire = await Wire.to(port)
    for _ in range(5):
        await wire.send(GET + b"X-Long: " + b"a" * 20_000 + b"\r\n\r\n")
        assert (await wire.answer()).startswith(b"HTTP/1.1 200 ")
