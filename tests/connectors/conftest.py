"""One dropzone of each kind, behind the same handle, so that one suite holds for all."""

import asyncio
import hashlib
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID, uuid4

import asyncssh
import pytest

from connectors.dropzone import DropzoneConnector
from connectors.mock import MockConnector
from connectors.policy import ConnectorPolicy
from domain.delivery import Delivery
from local.sftp_server import sftp_server

PASSWORD = "planted-secret-4711"
LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
OPENSSH_SFTP_SERVER = shutil.which(
    "sftp-server", path=f"/usr/lib/openssh:/usr/libexec/openssh:{os.environ.get('PATH', '')}"
)


class Files(Protocol):
    """The ERP's side of the dropzone."""

    def names(self) -> set[str]: ...
    def read(self, name: str) -> bytes: ...
    def write(self, name: str, content: bytes) -> None: ...
    def take(self, name: str) -> None: ...
    def remove_folder(self) -> None: ...


@dataclass
class FolderFiles:
    path: Path

    def names(self) -> set[str]:
        return {entry.name for entry in self.path.iterdir()}

    def read(self, name: str) -> bytes:
        return (self.path / name).read_bytes()

    def write(self, name: str, content: bytes) -> None:
        (self.path / name).write_bytes(content)

    def take(self, name: str) -> None:
        (self.path / name).unlink()

    def remove_folder(self) -> None:
        shutil.rmtree(self.path)


@dataclass
class MemoryFiles:
    folders: dict[str, dict[str, bytes]]

    def names(self) -> set[str]:
        return set(self.folders["orders"])

    def read(self, name: str) -> bytes:
        return self.folders["orders"][name]

    def write(self, name: str, content: bytes) -> None:
        self.folders["orders"][name] = content

    def take(self, name: str) -> None:
        del self.folders["orders"][name]

    def remove_folder(self) -> None:
        del self.folders["orders"]


@dataclass
class Dropzone:
    connector: Any
    config: Any
    files: Files
    fingerprint: str | None = None
    delivery: Delivery = field(default_factory=lambda: make_delivery())  # noqa: PLW0108


def make_delivery(
    document: str = '{"export_version": "1", "größe": 1.2300}\n', export_id: UUID | None = None
) -> Delivery:
    content = document.encode()
    return Delivery(
        export_id=export_id or uuid4(),
        file_name="sales_order_1_20261121T080000Z_0a0b0c0d.json",
        document=document,
        sha256=hashlib.sha256(content).hexdigest(),
        size_bytes=len(content),
    )


def sftp_values(port: int, fingerprint: str, **changes: Any) -> dict[str, Any]:
    return {
        "mode": "sftp",
        "host": "127.0.0.1",
        "port": port,
        "username": "demo",
        "password": PASSWORD,
        "host_key_fingerprints": [fingerprint],
        "export_path": "/orders",
        "connect_timeout_s": 3,
        "operation_timeout_s": 3,
        **changes,
    }


@asynccontextmanager
async def sftp_dropzone(
    root: Path, *, sftp_class: type[asyncssh.SFTPServer] = asyncssh.SFTPServer, **changes: Any
) -> AsyncIterator[Dropzone]:
    async with sftp_server(root=root, user="demo", password=PASSWORD, sftp_class=sftp_class) as server:
        connector = DropzoneConnector(ConnectorPolicy(allowed_networks=LOOPBACK))
        config = connector.parse(sftp_values(server.port, server.fingerprint, **changes))
        yield Dropzone(connector, config, FolderFiles(root / "orders"), server.fingerprint)


class OpenSshPipe(asyncssh.SSHServerSession[bytes]):
    def connection_made(self, chan: "asyncssh.SSHServerChannel[bytes]") -> None:
        self.chan = chan
        self.incoming: asyncio.Queue[bytes] = asyncio.Queue()

    def subsystem_requested(self, subsystem: str) -> bool:
        return subsystem == "sftp"

    def session_started(self) -> None:
        self.task = asyncio.create_task(self.run())

    def data_received(self, data: bytes, datatype: int | None) -> None:
        self.incoming.put_nowait(data)

    def eof_received(self) -> bool:
        self.incoming.put_nowait(b"")
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self.incoming.put_nowait(b"")

    async def run(self) -> None:
        assert OPENSSH_SFTP_SERVER is not None
        pipe = asyncio.subprocess.PIPE
        child = await asyncio.create_subprocess_exec(OPENSSH_SFTP_SERVER, stdin=pipe, stdout=pipe)
        assert child.stdin is not None
        assert child.stdout is not None
        answers = asyncio.create_task(self.answer(child.stdout))
        while data := await self.incoming.get():
            child.stdin.write(data)
        child.stdin.close()
        await child.wait()
        await answers
        self.chan.close()

    async def answer(self, stdout: asyncio.StreamReader) -> None:
        while data := await stdout.read(65536):
            if not self.chan.is_closing():
                self.chan.write(data)


class OpenSshLogin(asyncssh.SSHServer):
    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self.conn = conn

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return password == PASSWORD

    def session_requested(self) -> Any:
        return self.conn.create_server_channel(encoding=None), OpenSshPipe()


@asynccontextmanager
async def openssh_dropzone(root: Path) -> AsyncIterator[Dropzone]:
    """asyncssh carries the SSH part; the folder is served by OpenSSH's own sftp-server."""
    key = asyncssh.generate_private_key("ssh-ed25519")
    server = await asyncssh.listen(
        "127.0.0.1",
        0,
        server_factory=OpenSshLogin,
        server_host_keys=[key],
        encoding=None,
        gss_host=None,
    )
    (root / "orders").mkdir()
    connector = DropzoneConnector(ConnectorPolicy(allowed_networks=LOOPBACK))
    fingerprint = key.get_fingerprint("sha256")
    config = connector.parse(sftp_values(server.get_port(), fingerprint, export_path=str(root / "orders")))
    try:
        yield Dropzone(connector, config, FolderFiles(root / "orders"), fingerprint)
    finally:
        server.close()


@asynccontextmanager
async def filesystem_dropzone(root: Path) -> AsyncIterator[Dropzone]:
    (root / "orders").mkdir()
    connector = DropzoneConnector(ConnectorPolicy(filesystem_roots=(root,)))
    config = connector.parse({"mode": "filesystem", "export_path": str(root / "orders")})
    yield Dropzone(connector, config, FolderFiles(root / "orders"))


@asynccontextmanager
async def mock_dropzone(root: Path) -> AsyncIterator[Dropzone]:
    connector = MockConnector(ConnectorPolicy(mock_allowed=True))
    yield Dropzone(connector, connector.parse({}), MemoryFiles(connector.dropzone.folders))


class MakeDropzone(Protocol):
    def __call__(self, root: Path) -> AbstractAsyncContextManager[Dropzone]: ...


KINDS: dict[str, MakeDropzone] = {
    "asyncssh": sftp_dropzone,
    "filesystem": filesystem_dropzone,
    "mock": mock_dropzone,
}
if OPENSSH_SFTP_SERVER is not None:
    KINDS["openssh"] = openssh_dropzone


@pytest.fixture(params=sorted(KINDS))
async def dropzone(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Dropzone]:
    async with KINDS[request.param](tmp_path) as opened:
        yield opened


@pytest.fixture
def make_sftp() -> Any:
    return sftp_dropzone


@pytest.fixture
async def sftp(tmp_path: Path) -> AsyncIterator[Dropzone]:
    async with sftp_dropzone(tmp_path) as opened:
        yield opened
