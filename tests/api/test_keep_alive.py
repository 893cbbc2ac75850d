"""How long a connection stays open between two requests: longer than a load balancer may use it again."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from api import http_protocol
from api.http_protocol import KEEP_ALIVE_S, BoundedProtocol
from local.ports import Ports
from local.processes import child

ROOT = Path(__file__).parents[2]
USUAL_IDLE_TIME_OF_LOAD_BALANCERS_S = 60
OPTION = ("--http", "api.http_protocol:BoundedProtocol")


async def _hello(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
    await send({"type": "http.response.body", "body": b"hello"})


@asynccontextmanager
async def _served(keep_alive_s: int) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """A request on the one connection; it raises when the server has hung up."""
    config = uvicorn.Config(
        _hello,
        port=0,
        log_config=None,
        lifespan="off",
        http=BoundedProtocol,
        timeout_keep_alive=keep_alive_s,
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)

    async def ask() -> None:
        writer.write(b"GET / HTTP/1.1\r\nHost: api\r\n\r\n")
        async with asyncio.timeout(5):
            assert (await reader.readuntil(b"hello")).startswith(b"HTTP/1.1 200 ")

    yield ask
    writer.close()
    server.should_exit = True
    await serving


async def test_an_idle_connection_outlives_the_servers_own_default() -> None:
    async with _served(keep_alive_s=0) as ask:
        await ask()
        await asyncio.sleep(0.3)
        await ask()


async def test_an_idle_connection_is_hung_up_on_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_protocol, "KEEP_ALIVE_S", 0.2)
    async with _served(keep_alive_s=0) as ask:
        await ask()
        await asyncio.sleep(0.6)
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await ask()


async def test_a_longer_time_on_the_command_line_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_protocol, "KEEP_ALIVE_S", 0.2)
    async with _served(keep_alive_s=60) as ask:
        await ask()
        await asyncio.sleep(0.6)
        await ask()


def test_it_is_longer_than_what_load_balancers_keep() -> None:
    assert KEEP_ALIVE_S > USUAL_IDLE_TIME_OF_LOAD_BALANCERS_S


@pytest.mark.parametrize("service", ["api", "codec"])
def test_the_local_stack_serves_with_it(service: str, tmp_path: Path) -> None:
    command = child(service, tmp_path, Ports.free(), {}).command
    assert OPTION in pairwise(command)


@pytest.mark.parametrize("file", ["Dockerfile", "docker-compose.yml"])
def test_the_image_and_the_compose_file_serve_with_it(file: str) -> None:
    found = re.findall(r"(\[\"uvicorn\".*\])", (ROOT / file).read_text())
    assert found
    for command in map(json.loads, found):
        assert OPTION in pairwise(command)


@pytest.mark.parametrize("page", sorted((ROOT / "docs").glob("*.md")), ids=lambda page: page.stem)
def test_every_command_that_the_documents_show_serves_with_it(page: Path) -> None:
    for command in re.findall(r"`uvicorn [^`]*`", page.read_text()):
        assert " ".join(OPTION) in command
