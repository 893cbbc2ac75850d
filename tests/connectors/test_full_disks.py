"""A full disk on the server's side: named as such, nothing published, and the next try goes through."""

import hashlib
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from connectors.dropzone import DropzoneConnector
from connectors.policy import ConnectorPolicy
from connectors.port import no_progress
from domain.delivery import PublishOutcome
from domain.transport import TransportCode, TransportError
from tests.connectors.conftest import (
    LOOPBACK,
    PASSWORD,
    Dropzone,
    FolderFiles,
    make_delivery,
    profile_dropzone,
    sftp_values,
)
from tests.connectors.servers import PROFILES

ROOM_BYTES = 64 * 1024
BIG = make_delivery("ä" * ROOM_BYTES)
SMALL = make_delivery()


@contextmanager
def small_disk(path: Path) -> Iterator[Path]:
    """A file system of its own with `ROOM_BYTES`; needs the right to mount."""
    path.mkdir()
    options = f"size={ROOM_BYTES}"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", path], check=True, capture_output=True)
    try:
        yield path
    finally:
        subprocess.run(["umount", "-l", path], check=True)


def may_mount() -> bool:
    probe = Path(f"/tmp/countersign-mount-{uuid4().hex}")
    try:
        with small_disk(probe):
            return True
    except (OSError, subprocess.CalledProcessError):
        return False
    finally:
        probe.rmdir()


@asynccontextmanager
async def filesystem(root: Path) -> AsyncIterator[Dropzone]:
    (root / "orders").mkdir()
    connector = DropzoneConnector(ConnectorPolicy(filesystem_roots=(root,)))
    config = connector.parse({"mode": "filesystem", "export_path": str(root / "orders")})
    yield Dropzone(connector, config, FolderFiles(root / "orders"))


# "bare" cannot be asked for room: what a full disk did there is told as what was seen of it
NAMED = {TransportCode.DISK_FULL}
EXPECTED = {
    **{name: NAMED for name in (*PROFILES, "filesystem")},
    "bare": {TransportCode.SERVER_ERROR, TransportCode.VERIFICATION_FAILED},
}
# Where nothing can be mounted, tests/connectors/test_sftp_faults.py has a server that pretends.
KINDS = [name for name in EXPECTED if name == "filesystem" or PROFILES[name].available] if may_mount() else []


async def code_of(step: Any) -> TransportCode:
    with pytest.raises(TransportError) as caught:
        await step
    assert caught.value.retryable
    return caught.value.code


@pytest.mark.parametrize("kind", KINDS)
async def test_a_full_disk_is_named_publishes_nothing_and_is_tried_again(tmp_path: Path, kind: str) -> None:
    with small_disk(tmp_path / "disk") as disk:
        zone_of = filesystem(disk) if kind == "filesystem" else profile_dropzone(disk, profile=kind)
        async with zone_of as zone:
            assert await code_of(zone.connector.stage(BIG, zone.config, no_progress)) in EXPECTED[kind]
            assert zone.files.names() == set()
            filler = disk / "filler"
            filler.write_bytes(b"x" * (ROOM_BYTES - 4096 * 2))
            with filler.open("ab", buffering=0) as stream:
                try:
                    while stream.write(b"x" * 4096):
                        pass
                except OSError:
                    pass
            assert await code_of(zone.connector.stage(SMALL, zone.config, no_progress)) in EXPECTED[kind]
            assert SMALL.file_name not in zone.files.names()
            tested = await zone.connector.test_connection(zone.config)
            assert not tested.success
            assert tested.code in EXPECTED[kind]
            filler.unlink()
            staged = await zone.connector.stage(SMALL, zone.config, no_progress)
            outcome = await zone.connector.publish(
                staged, zone.config, first_try=True, on_progress=no_progress
            )
            assert outcome is PublishOutcome.PUBLISHED
            assert hashlib.sha256(zone.files.read(SMALL.file_name)).hexdigest() == SMALL.sha256


@pytest.mark.parametrize("name", [name for name, profile in PROFILES.items() if profile.available])
async def test_a_quota_that_cuts_a_file_short_publishes_nothing(tmp_path: Path, name: str) -> None:
    """Room is left on the disk, so the cause stays unnamed; the file is not handed over all the same."""

    serve = [sys.executable, "-m", "tests.connectors.servers", "--profile", name]
    serve += ["--root", str(tmp_path), "--password-env", "PLANTED"]
    command = ["sh", "-c", 'ulimit -f 16 && exec "$@"', "sh", *serve]
    with subprocess.Popen(command, env=os.environ | {"PLANTED": PASSWORD}, stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        try:
            port, fingerprint = server.stdout.readline().decode().split()
            connector = DropzoneConnector(ConnectorPolicy(allowed_networks=LOOPBACK))
            values = sftp_values(int(port), fingerprint, export_path="orders", connect_timeout_s=20)
            config = connector.parse(values)
            code = await code_of(connector.stage(BIG, config, no_progress))
            assert code in {
                TransportCode.VERIFICATION_FAILED,
                TransportCode.SERVER_ERROR,
                TransportCode.CONNECTION_LOST,  # OpenSSH's sftp-server is killed by the signal
            }
            assert BIG.file_name not in {path.name for path in (tmp_path / "orders").iterdir()}
            staged = await connector.stage(SMALL, config, no_progress)
            await connector.publish(staged, config, first_try=True, on_progress=no_progress)
            assert (tmp_path / "orders" / SMALL.file_name).read_bytes() == SMALL.document.encode()
        finally:
            server.kill()
