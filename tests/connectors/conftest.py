"""One target of each kind, behind the same handle, so that one suite holds for all."""

import hashlib
import shutil
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID, uuid4

import asyncssh
import pytest

from connectors.dropzone import DropzoneConnector
from connectors.policy import ConnectorPolicy
from domain.delivery import Delivery
from local.sftp_server import sftp_server
from tests.connectors.servers import PROFILES, Profile, profile_server
from tests.connectors.sshd import SSHD

# as with the kinds below: what is a Debian package is left out where it is missing
collect_ignore = [] if SSHD is not None else ["test_sshd.py"]
PASSWORD = "planted-secret-4711"
LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1/128"))


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
class Dropzone:
    connector: Any
    config: Any
    files: Files
    fingerprint: str | None = None
    profile: Profile | None = None
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


@asynccontextmanager
async def profile_dropzone(root: Path, *, profile: str, **changes: Any) -> AsyncIterator[Dropzone]:
    serving = profile_server(PROFILES[profile], root=root, user="demo", password=PASSWORD)
    async with serving as server:
        connector = DropzoneConnector(ConnectorPolicy(allowed_networks=LOOPBACK))
        values = sftp_values(server.port, server.fingerprint, **{"export_path": "orders", **changes})
        files = FolderFiles(root / "orders")
        yield Dropzone(connector, connector.parse(values), files, server.fingerprint, PROFILES[profile])


@asynccontextmanager
async def filesystem_dropzone(root: Path) -> AsyncIterator[Dropzone]:
    (root / "orders").mkdir()
    connector = DropzoneConnector(ConnectorPolicy(filesystem_roots=(root,)))
    config = connector.parse({"mode": "filesystem", "export_path": str(root / "orders")})
    yield Dropzone(connector, config, FolderFiles(root / "orders"))


class MakeDropzone(Protocol):
    def __call__(self, root: Path) -> AbstractAsyncContextManager[Dropzone]: ...


KINDS: dict[str, MakeDropzone] = {
    "filesystem": filesystem_dropzone,
    **{
        name: partial(profile_dropzone, profile=name)
        for name, profile in PROFILES.items()
        if profile.available  # OpenSSH's sftp-server is a Debian package; .ci/run installs it
    },
}


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
