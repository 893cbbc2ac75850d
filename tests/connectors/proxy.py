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


def hand_on(_port: int) -> Mode:
    return Mode.PASS


@dataclass
class Proxy:
    """`lose_reply_when` is asked before bytes from the server are handed on: true cuts the connection.

    A server answers a rename after it has done it, so `lambda: final.exists()` loses exactly that reply.
    `reply` is asked as well, with the port under which the server knows the connection: what to do with it.
    """

    port: int = 0
    mode: Mode = Mode.PASS
    lose_reply_when: Callable[[], bool] = never
    reply: Callable[[int], Mode] = hand_on
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

    @property
    def far_port(self) -> int:
        """Ours, as the server sees it."""
        port: int = self.far.get_extra_info("sockname")[1]
        return port

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
        proxy.cut_open()
        if tasks:
            await asyncio.wait(tasks, timeout=1)
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _pump(
    proxy: Proxy, link: Link, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, from_server: bool
) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(65536):
            if from_server and _loses(proxy, link):
                break
            if proxy.mode is Mode.CUT:
                break
            if link.swallowed or proxy.mode is Mode.SWALLOW:
                continue
            writer.write(data)
            await writer.drain()
    raise ConnectionAbortedError  # ends the other direction too


def _loses(proxy: Proxy, link: Link) -> bool:
    """Whether the connection is to be cut now; one that is to be silent from now on is marked so."""
    mode = Mode.CUT if proxy.lose_reply_when() else proxy.reply(link.far_port)
    proxy.lost += mode is not Mode.PASS
    link.swallowed |= mode is Mode.SWALLOW
    return mode is Mode.CUT
