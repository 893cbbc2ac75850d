"""Servers that stop answering: noticed by the keepalive or the timeout that applies, and never waited out."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from connectors.configuration import Known
from connectors.dropzone import LIMITS_S
from connectors.port import no_progress
from domain.delivery import PublishOutcome, StagedFile
from domain.transport import TransportCode, TransportError
from tests.connectors.conftest import PASSWORD, sftp_dropzone
from tests.connectors.proxy import Mode, Proxy, tcp_proxy
from workflows import policies

pytestmark = pytest.mark.fault  # minutes

# operation_timeout_s here: whatever is noticed much sooner was noticed by the keepalive (4 s)
LONG_S = 60


async def failed(step: Any) -> tuple[TransportCode, float]:
    started = time.monotonic()
    with pytest.raises(TransportError) as caught:
        await step
    assert caught.value.retryable
    return caught.value.code, time.monotonic() - started


@asynccontextmanager
async def served_by_a_process(root: Path) -> AsyncIterator[tuple[asyncio.subprocess.Process, int, str]]:
    server = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.connectors.servers", "--profile", "asyncssh", "--root", str(root),
        "--password-env", "PLANTED",
        env=os.environ | {"PLANTED": PASSWORD}, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert server.stdout is not None
    try:
        port, fingerprint = (await server.stdout.readline()).decode().split()
        yield server, int(port), fingerprint
    finally:
        server.kill()
        await server.wait()


async def test_a_stopped_server_is_noticed_and_the_export_goes_on_when_it_continues(
    sftp: Any, tmp_path: Path
) -> None:
    async with served_by_a_process(tmp_path / "b") as (server, port, fingerprint):
        changes = {
            "port": port,
            "host_key_fingerprints": [fingerprint],
            "connect_timeout_s": 3,
            "operation_timeout_s": LONG_S,
        }
        config = sftp.connector.merge(sftp.config, changes)
        config = sftp.connector.load(sftp.connector.dump(config), Known("org/connection"))
        staged = await sftp.connector.stage(sftp.delivery, config, no_progress)
        server.send_signal(signal.SIGSTOP)
        publish = sftp.connector.publish(staged, config, first_try=True, on_progress=no_progress)
        code, took_s = await failed(publish)
        assert code is TransportCode.CONNECTION_TIMEOUT
        assert took_s < LONG_S / 2
        server.send_signal(signal.SIGCONT)
        outcome = await sftp.connector.publish(staged, config, first_try=False, on_progress=no_progress)
        assert outcome is PublishOutcome.PUBLISHED


class Tripping(asyncssh.SFTPServer):
    """Makes the network a black hole while it works on a request."""

    proxy: Proxy
    on = ""

    def trip(self, request: str) -> None:
        if type(self).on == request:
            type(self).proxy.swallow_open()

    def write(self, file_obj: object, offset: int, data: bytes) -> Any:
        self.trip("write")
        return super().write(file_obj, offset, data)

    def posix_rename(self, oldpath: bytes, newpath: bytes) -> Any:
        self.trip("rename")
        super().posix_rename(oldpath, newpath)


@pytest.mark.parametrize("request_name", ["write", "rename"])
async def test_packets_that_vanish_in_the_middle_are_noticed_by_the_keepalive(
    tmp_path: Path, request_name: str
) -> None:
    async with (
        sftp_dropzone(
            tmp_path, sftp_class=Tripping, connect_timeout_s=20, operation_timeout_s=LONG_S
        ) as zone,
        tcp_proxy(zone.config.port) as proxy,
    ):
        Tripping.proxy, Tripping.on = proxy, request_name
        config = zone.connector.merge(zone.config, {"port": proxy.port})
        if request_name == "write":
            code, took_s = await failed(zone.connector.stage(zone.delivery, config, no_progress))
            assert zone.delivery.file_name not in zone.files.names()
        else:
            staged = await zone.connector.stage(zone.delivery, config, no_progress)
            publish = zone.connector.publish(staged, config, first_try=True, on_progress=no_progress)
            code, took_s = await failed(publish)
        assert code is TransportCode.CONNECTION_LOST
        assert took_s < LONG_S / 2
        if request_name == "rename":
            again = await zone.connector.publish(staged, config, first_try=False, on_progress=no_progress)
            assert again is PublishOutcome.ALREADY_THERE


async def test_packets_that_vanish_during_the_log_in_end_with_the_connect_timeout(sftp: Any) -> None:
    async with tcp_proxy(sftp.config.port) as proxy:
        proxy.mode = Mode.SWALLOW
        changes = {"port": proxy.port, "connect_timeout_s": 1, "operation_timeout_s": LONG_S}
        config = sftp.connector.merge(sftp.config, changes)
        code, took_s = await failed(sftp.connector.stage(sftp.delivery, config, no_progress))
        assert code is TransportCode.CONNECTION_TIMEOUT
        assert took_s < LONG_S / 2


class NeverAnswers(asyncssh.SFTPServer):
    async def lstat(self, path: bytes) -> Any:
        await asyncio.sleep(LONG_S)


@pytest.mark.parametrize("step", sorted(LIMITS_S))
async def test_a_step_ends_by_itself_however_long_its_timeouts_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    async with sftp_dropzone(tmp_path, sftp_class=NeverAnswers, operation_timeout_s=LONG_S) as zone:
        connector = zone.connector
        monkeypatch.setitem(LIMITS_S, step, 1.0)
        if step == "stage":
            work = connector.stage(zone.delivery, zone.config, no_progress)
        else:
            ghost = zone.delivery.model_dump() | {"temp_name": f"{zone.delivery.file_name}.0.tmp"}
            staged = StagedFile.model_validate(ghost)
            zone.files.write(staged.temp_name, b"x")
            work = (
                connector.publish(staged, zone.config, first_try=True, on_progress=no_progress)
                if step == "publish"
                else connector.fence(staged, zone.config)
            )
        code, took_s = await failed(work)
        assert code is TransportCode.CONNECTION_TIMEOUT
        assert took_s < LONG_S / 2


def test_every_step_ends_before_temporal_would_end_it() -> None:
    """With time left to write the reason down."""
    for step, limit_s in LIMITS_S.items():
        activity = getattr(policies, step.upper())
        assert limit_s + 5 <= activity.start_to_close.total_seconds()
