"""A TCP proxy between Countersign and a server, which loses what a network can lose."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum


class Mode(Enum):
    PASS = "pass"
    SWALLOW = "swallow"  # both directions vanish, the connection stays open: a firewall that drops
    CUT = "cut"  # the connection is closed instead of carrying the next bytes


def never() -> bool:
    return False


@dataclass
class Proxy:
    """`lose_reply_when` is asked before bytes from the server are handed on: true cuts the connection.

    A server answers a rename after it has done it, so `lambda: final.exists()` loses exactly that reply.
    """

    port: int = 0
    mode: Mode = Mode.PASS
    lose_reply_when: Callable[[], bool] = never
    lost: int = 0
    opened: int = 0
    most_at_once: int = 0
    links: set["Link"] = field(default_factory=set)

    def cut_open(self) -> None:
        """Reset every connection that is open now."""
        for link in list(self.links):
            link.abort()

    def swallow_open(self) -> None:
        """From now on nothing gets through on the connections that are open now; new ones pass."""
        for link in self.links:
            link.swallowed = True


@dataclass(eq=False)
class Link:
    """One connection, both ends of it."""

    near: asyncio.StreamWriter
    far: asyncio.StreamWriter
    swallowed: bool = False

    def abort(self) -> None:
        self.near.transport.abort()
        self.far.transport.abort()


@asynccontextmanager
async def tcp_proxy(target_port: int, port: int = 0) -> AsyncIterator[Proxy]:
    """Carry connections from a loopback port (0: a free one) to `target_port` until the block ends."""
    proxy = Proxy()
    tasks: set[asyncio.Task[None]] = set()

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        proxy.opened += 1
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", target_port)
        except OSError:
            writer.transport.abort()
            return
        link = Link(writer, far_writer)
        proxy.links.add(link)
        proxy.most_at_once = max(proxy.most_at_once, len(proxy.links))
        try:
            with suppress(ExceptionGroup):
                async with asyncio.TaskGroup() as both:
                    both.create_task(_pump(proxy, link, reader, far_writer, from_server=False))
                    both.create_task(_pump(proxy, link, far_reader, writer, from_server=True))
        finally:
            proxy.links.discard(link)
            link.abort()
            tasks.discard(task)

    server = await asyncio.start_server(carry, "127.0.0.1", port)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _pump(
    proxy: Proxy, link: Link, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, from_server: bool
) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(65536):
            if from_server and proxy.lose_reply_when():
                proxy.lost += 1
                break
            if proxy.mode is Mode.CUT:
                break
            if link.swallowed or proxy.mode is Mode.SWALLOW:
                continue
            writer.write(data)
            await writer.drain()
    raise ConnectionAbortedError  # ends the other direction too
