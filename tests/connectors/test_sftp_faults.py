"""What an operator is told when an SFTP server misbehaves, and that no order is lost or doubled by it."""

import asyncio
import errno
import gc
import json
import os
import time
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from connectors.port import no_progress
from domain.delivery import PublishOutcome
from domain.transport import TransportCode, TransportError
from local.sftp_server import load_host_key, sftp_server
from tests.connectors.conftest import make_delivery


class ReadOnly(asyncssh.SFTPServer):
    def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> Any:
        if pflags & asyncssh.FXF_WRITE:
            raise asyncssh.SFTPPermissionDenied("read-only")
        return super().open(path, pflags, attrs)


class Truncating(asyncssh.SFTPServer):
    def write(self, file_obj: object, offset: int, data: bytes) -> Any:
        super().write(file_obj, offset, data[: len(data) // 2])
        return len(data)


class NoExtensions(asyncssh.SFTPServer):
    def posix_rename(self, oldpath: bytes, newpath: bytes) -> Any:
        raise asyncssh.SFTPOpUnsupported("no posix-rename")

    def fsync(self, file_obj: object) -> Any:
        raise asyncssh.SFTPOpUnsupported("no fsync")


class FullDisk(asyncssh.SFTPServer):
    def write(self, file_obj: object, offset: int, data: bytes) -> Any:
        raise OSError(errno.ENOSPC, "no space")

    def statvfs(self, path: bytes) -> Any:
        return asyncssh.SFTPVFSAttrs(bsize=4096, frsize=4096, blocks=10, bfree=0, bavail=0)


class LosesTheReply(asyncssh.SFTPServer):
    """The rename happens, the reply does not arrive."""

    def posix_rename(self, oldpath: bytes, newpath: bytes) -> Any:
        super().posix_rename(oldpath, newpath)
        self.connection.abort()


class LiesAboutTheRename(asyncssh.SFTPServer):
    """The rename happens, the reply says it failed; with the ERP taking the file at once."""

    taken = False

    def posix_rename(self, oldpath: bytes, newpath: bytes) -> Any:
        super().posix_rename(oldpath, newpath)
        if self.taken:
            Path(os.fsdecode(self.map_path(newpath))).unlink()
        raise asyncssh.SFTPFailure("failed")


class TakenAtOnce(LiesAboutTheRename):
    taken = True


class NeverRenames(asyncssh.SFTPServer):
    def posix_rename(self, oldpath: bytes, newpath: bytes) -> Any:
        raise asyncssh.SFTPFailure("failed")


async def failed_stage(zone: Any) -> TransportError:
    with pytest.raises(TransportError) as caught:
        await zone.connector.stage(zone.delivery, zone.config, no_progress)
    return caught.value


async def publish(zone: Any, staged: Any, *, first_try: bool = True) -> Any:
    return await zone.connector.publish(staged, zone.config, first_try=first_try, on_progress=no_progress)


async def test_a_wrong_password_fails_at_once(sftp: Any) -> None:
    sftp.config = sftp.connector.merge(sftp.config, {"password": "wrong"})
    error = await failed_stage(sftp)
    assert error.code is TransportCode.AUTHENTICATION_FAILED
    assert not error.retryable
    assert (await sftp.connector.test_connection(sftp.config)).error_message.startswith(
        "Authentication failed"
    )


async def test_a_key_logs_in_and_the_process_owners_keys_are_never_offered(tmp_path: Path, sftp: Any) -> None:
    key = asyncssh.generate_private_key("ssh-ed25519")
    authorized = tmp_path / "authorized"
    authorized.write_bytes(key.export_public_key())
    async with sftp_server(
        root=tmp_path / "b", user="demo", password=None, authorized_keys=authorized
    ) as server:
        config = sftp.connector.merge(
            sftp.config,
            {
                "port": server.port,
                "host_key_fingerprints": [server.fingerprint],
                "private_key": key.export_private_key().decode(),
            },
        )
        assert (await sftp.connector.test_connection(config)).success
        other = asyncssh.generate_private_key("ssh-ed25519").export_private_key().decode()
        refused = await sftp.connector.test_connection(sftp.connector.merge(config, {"private_key": other}))
        assert refused.code == "AUTHENTICATION_FAILED"


async def test_a_refused_port_says_so(sftp: Any, unused_tcp_port: int) -> None:
    sftp.config = sftp.connector.merge(sftp.config, {"port": unused_tcp_port})
    assert (await failed_stage(sftp)).code is TransportCode.CONNECTION_REFUSED


@asynccontextmanager
async def silent_server() -> Any:
    server = await asyncio.start_server(lambda _reader, _writer: asyncio.sleep(30), "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def test_a_server_that_accepts_and_never_answers_times_out(sftp: Any) -> None:
    async with silent_server() as port:
        sftp.config = sftp.connector.merge(sftp.config, {"port": port, "connect_timeout_s": 0.3})
        started = time.monotonic()
        assert (await failed_stage(sftp)).code is TransportCode.CONNECTION_TIMEOUT
        assert time.monotonic() - started < 2


class Hanging(asyncssh.SFTPServer):
    async def write(self, file_obj: object, offset: int, data: bytes) -> int:
        await asyncio.sleep(30)
        return len(data)


FAULTS = [
    (ReadOnly, TransportCode.PERMISSION_DENIED),
    (Truncating, TransportCode.VERIFICATION_FAILED),
    (FullDisk, TransportCode.DISK_FULL),
    (Hanging, TransportCode.CONNECTION_TIMEOUT),
]


@pytest.mark.parametrize(("server", "code"), FAULTS, ids=[code.value for _, code in FAULTS])
async def test_a_failed_upload_names_its_cause_and_leaves_no_final_file(
    make_sftp: Any, tmp_path: Path, server: type[asyncssh.SFTPServer], code: TransportCode
) -> None:
    async with make_sftp(tmp_path, sftp_class=server, operation_timeout_s=0.5) as zone:
        assert (await failed_stage(zone)).code is code
        assert zone.delivery.file_name not in zone.files.names()


class HangingRead(asyncssh.SFTPServer):
    async def read(self, file_obj: object, offset: int, size: int) -> bytes:
        await asyncio.sleep(30)
        return b""


@pytest.mark.parametrize("server", [Hanging, HangingRead])
async def test_a_request_that_is_cut_leaves_no_task_behind(
    make_sftp: Any, tmp_path: Path, server: type[asyncssh.SFTPServer]
) -> None:
    """Such a task would end with the connection, and its error would be logged as nobody's."""
    unheard: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: unheard.append(context))
    async with make_sftp(tmp_path, sftp_class=server, operation_timeout_s=0.5) as zone:
        assert (await failed_stage(zone)).code is TransportCode.CONNECTION_TIMEOUT
        left = [task for task in asyncio.all_tasks() if "_start_task" in repr(task.get_coro())]
    gc.collect()
    assert left == []
    assert unheard == []


class ShortReads(asyncssh.SFTPServer):
    def read(self, file_obj: object, offset: int, size: int) -> Any:
        return super().read(file_obj, offset, min(size, 20_000))


async def test_a_server_that_reads_short_is_asked_for_the_rest(make_sftp: Any, tmp_path: Path) -> None:
    async with make_sftp(tmp_path, sftp_class=ShortReads) as zone:
        large = make_delivery(json.dumps({"notes": [*range(100_000)]}))
        staged = await zone.connector.stage(large, zone.config, no_progress)
        assert await publish(zone, staged) is PublishOutcome.PUBLISHED


async def test_a_server_without_extensions_gets_a_plain_rename(make_sftp: Any, tmp_path: Path) -> None:
    async with make_sftp(tmp_path, sftp_class=NoExtensions) as zone:
        assert (await zone.connector.export(zone.delivery, zone.config)).success
        result = await zone.connector.test_connection(zone.config)
        assert result.success
        assert result.capabilities.rename
        assert not result.capabilities.posix_rename
        assert not result.capabilities.fsync


async def test_a_lost_reply_to_the_rename_is_settled_by_the_next_try(make_sftp: Any, tmp_path: Path) -> None:
    async with make_sftp(tmp_path, sftp_class=LosesTheReply) as zone:
        staged = await zone.connector.stage(zone.delivery, zone.config, no_progress)
        with pytest.raises(TransportError) as caught:
            await publish(zone, staged)
        assert caught.value.retryable
        assert await publish(zone, staged, first_try=False) is PublishOutcome.ALREADY_THERE
        assert zone.files.names() == {staged.file_name}


async def test_after_an_error_in_the_rename_the_folder_is_believed(make_sftp: Any, tmp_path: Path) -> None:
    expected = {LiesAboutTheRename: PublishOutcome.PUBLISHED, TakenAtOnce: PublishOutcome.UNCONFIRMED}
    for server, outcome in expected.items():
        async with make_sftp(tmp_path / server.__name__, sftp_class=server) as zone:
            staged = await zone.connector.stage(zone.delivery, zone.config, no_progress)
            assert await publish(zone, staged) is outcome
    async with make_sftp(tmp_path / "never", sftp_class=NeverRenames) as zone:
        staged = await zone.connector.stage(zone.delivery, zone.config, no_progress)
        with pytest.raises(TransportError) as caught:
            await publish(zone, staged)
        assert caught.value.code is TransportCode.SERVER_ERROR
        assert zone.files.names() == {staged.temp_name}


async def test_no_secret_is_in_an_error_a_view_or_a_repr(sftp: Any) -> None:
    planted = "planted-secret-0815"
    config = sftp.connector.merge(sftp.config, {"password": planted})
    sftp.config = config
    error = await failed_stage(sftp)
    result = await sftp.connector.test_connection(config)
    chain: list[str] = []
    link: BaseException | None = error
    while link is not None:
        chain.append(f"{link!s} {link!r}")
        link = link.__cause__ or link.__context__
    shown = [*chain, repr(config), str(config), str(config.public_view()), result.model_dump_json()]
    assert not [text for text in shown if planted in text]


async def test_the_host_key_is_made_once_and_private(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "host_key"
    first = load_host_key(path).get_fingerprint("sha256")
    assert load_host_key(path).get_fingerprint("sha256") == first
    assert path.stat().st_mode & 0o777 == 0o600
