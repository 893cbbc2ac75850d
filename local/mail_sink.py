"""The embedded mail server: takes every mail and writes it to a folder, for people and tests to look at.

`python -m local.mail_sink --port 2525 --folder var/mail`. Nothing leaves the machine. Not for production.
"""

import argparse
import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from aiosmtpd.smtp import SMTP, Envelope, Session


class Folder:
    """aiosmtpd's handler: one file a mail, named by its time, there whole or not at all."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = count(1)

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        name = f"{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}-{os.getpid()}-{next(self._numbers)}.eml"
        content = envelope.content or b""
        draft = self._folder / f".{name}.new"
        draft.write_bytes(content if isinstance(content, bytes) else content.encode())
        draft.replace(self._folder / name)
        return "250 OK"


@asynccontextmanager
async def mail_sink(folder: Path, *, port: int = 0, handler: object | None = None) -> AsyncIterator[int]:
    """Serve on loopback until the block ends; gives the port.

    Raises:
        OSError: the port is in use.
    """
    folder.mkdir(parents=True, exist_ok=True)
    taker = handler or Folder(folder)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(taker, hostname="localhost", enable_SMTPUTF8=True), "127.0.0.1", port
    )
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


async def _serve(folder: Path, port: int) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with mail_sink(folder, port=port) as taken:
        print(f"Mail sink on 127.0.0.1:{taken}, mails in {folder}", flush=True)
        await stop.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description="The embedded mail server of the local stack.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    arguments = parser.parse_args()
    asyncio.run(_serve(arguments.folder, arguments.port))


if __name__ == "__main__":
    main()
