"""The connection test: every step on every profile, every cause with its step and sentence, nothing left."""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from connectors.certification_report import (
    ACK_FOLDER,
    EXPORT_FOLDER,
    FAILED,
    LOG_IN,
    PASSED,
    sentence_of,
)
from connectors.dropzone import DropzoneConnector
from connectors.policy import ConnectorPolicy
from domain.transport import TransportCode, TransportError
from tests.connectors.conftest import profile_dropzone, sftp_dropzone
from tests.connectors.proxy import Mode, tcp_proxy
from tests.connectors.servers import PROFILES, Overwriting

ALL_STEPS = [*LOG_IN, *EXPORT_FOLDER, *ACK_FOLDER]


def left_in(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", [name for name, profile in PROFILES.items() if profile.available])
async def test_a_good_server_passes_every_step_and_keeps_nothing(tmp_path: Path, name: str) -> None:
    async with profile_dropzone(tmp_path, profile=name, ack_path="acks") as zone:
        result = await zone.connector.test_connection(zone.config)
        assert result.success, result.error_message
        assert [step.step for step in result.steps] == ALL_STEPS
        assert all(step.ok and step.message for step in result.steps)
        profile = PROFILES[name]
        assert result.capabilities is not None
        assert result.capabilities.model_dump() == {
            "exclusive_create": profile.exclusive_create,
            "rename": True,
            "posix_rename": profile.posix_rename,
            "fsync": profile.fsync,
            "rename_refuses_existing": profile.rename_refuses_existing,
        }
        assert left_in(tmp_path) == set()
        assert {path.name for path in (tmp_path / "acks").iterdir()} == {"processed", "error"}
        assert (await zone.connector.test_connection(zone.config)).success


async def test_without_an_ack_path_no_ack_step_is_taken(sftp: Any) -> None:
    result = await sftp.connector.test_connection(sftp.config)
    assert [step.step for step in result.steps] == [*LOG_IN, *EXPORT_FOLDER]


async def test_a_folder_on_this_machine_takes_the_same_steps(tmp_path: Path) -> None:
    for folder in ("orders", "acks"):
        (tmp_path / folder).mkdir()
    connector = DropzoneConnector(ConnectorPolicy(filesystem_roots=(tmp_path,)))
    values = {"export_path": str(tmp_path / "orders"), "ack_path": str(tmp_path / "acks")}
    config = connector.parse({"mode": "filesystem", **values})
    result = await connector.test_connection(config)
    assert result.success, result.error_message
    assert [step.step for step in result.steps] == [*EXPORT_FOLDER, *ACK_FOLDER]
    assert left_in(tmp_path) == set()
    (tmp_path / "acks" / "processed").rmdir()
    (tmp_path / "acks" / "error").rmdir()
    (tmp_path / "acks").rmdir()
    result = await connector.test_connection(config)
    assert (result.code, result.steps[-1].step) == ("FOLDER_NOT_FOUND", "ack_folder")
    assert result.error_message == FAILED["ack_folder", TransportCode.FOLDER_NOT_FOUND]


class NoWrite(asyncssh.SFTPServer):
    def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> Any:
        if pflags & asyncssh.FXF_WRITE:
            raise asyncssh.SFTPPermissionDenied("no")
        return super().open(path, pflags, attrs)


class NoWriteToAcks(asyncssh.SFTPServer):
    def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> Any:
        if pflags & asyncssh.FXF_WRITE and path.startswith(b"/acks"):
            raise asyncssh.SFTPPermissionDenied("no")
        return super().open(path, pflags, attrs)


class NoRead(asyncssh.SFTPServer):
    def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> Any:
        if not pflags & asyncssh.FXF_WRITE:
            raise asyncssh.SFTPPermissionDenied("no")
        return super().open(path, pflags, attrs)


class Garbling(asyncssh.SFTPServer):
    def read(self, file_obj: object, offset: int, size: int) -> Any:
        data: Any = super().read(file_obj, offset, size)
        return data.swapcase()


class TakesNewFiles(asyncssh.SFTPServer):
    def close(self, file_obj: Any) -> Any:
        super().close(file_obj)
        Path(os.fsdecode(file_obj.name)).unlink(missing_ok=True)


class NoRename(asyncssh.SFTPServer):
    def rename(self, oldpath: bytes, newpath: bytes) -> Any:
        raise asyncssh.SFTPPermissionDenied("no")

    posix_rename = rename


class CopiesOnRename(asyncssh.SFTPServer):
    def rename(self, oldpath: bytes, newpath: bytes) -> Any:
        old, new = (Path(os.fsdecode(self.map_path(path))) for path in (oldpath, newpath))
        new.write_bytes(old.read_bytes())

    posix_rename = rename


class LosesOnRename(asyncssh.SFTPServer):
    def rename(self, oldpath: bytes, newpath: bytes) -> Any:
        Path(os.fsdecode(self.map_path(oldpath))).unlink()

    posix_rename = rename


class NoDelete(asyncssh.SFTPServer):
    def remove(self, path: bytes) -> Any:
        raise asyncssh.SFTPPermissionDenied("no")


class NoListing(asyncssh.SFTPServer):
    def scandir(self, path: bytes) -> Any:
        raise asyncssh.SFTPPermissionDenied("no")


class NoMove(asyncssh.SFTPServer):
    def mkdir(self, path: bytes, attrs: asyncssh.SFTPAttrs) -> Any:
        raise asyncssh.SFTPPermissionDenied("no")


class Hanging(asyncssh.SFTPServer):
    async def write(self, file_obj: object, offset: int, data: bytes) -> int:
        await asyncio.sleep(30)
        return 0


P, V, S = TransportCode.PERMISSION_DENIED, TransportCode.VERIFICATION_FAILED, TransportCode.SERVER_ERROR
CAUSES: list[tuple[type[asyncssh.SFTPServer], str, TransportCode, str, bool]] = [
    # server, failing step, code, how the sentence goes on, whether it can be cleaned up
    (NoWrite, "write", P, "the user may not write to the export path", True),
    (NoRead, "verify", P, "write to the export path but not read", True),
    (Garbling, "verify", V, "read back from the dropzone differs", True),
    (TakesNewFiles, "verify", V, "something on the server takes or renames new files", True),
    (NoRename, "rename", P, "files in the export path cannot be renamed", True),
    (CopiesOnRename, "rename", S, "leaves the old name behind", True),
    (LosesOnRename, "rename", V, "disappeared when it was renamed", True),
    (NoDelete, "delete", P, "may not delete files in the export path", False),
    (NoListing, "ack_list", P, "may not list the ack path", True),
    (NoMove, "ack_move", P, "make the folders processed and error", True),
    (Hanging, "write", TransportCode.CONNECTION_TIMEOUT, "did not answer in time", False),
]


@pytest.mark.parametrize(("server", "step", "code", "sentence", "clean"), CAUSES)
async def test_each_cause_has_its_step_its_sentence_and_leaves_nothing(
    tmp_path: Path,
    server: type[asyncssh.SFTPServer],
    step: str,
    code: TransportCode,
    sentence: str,
    clean: bool,
) -> None:
    async with sftp_dropzone(
        tmp_path, sftp_class=server, ack_path="/acks", operation_timeout_s=0.5, connect_timeout_s=20
    ) as zone:
        result = await zone.connector.test_connection(zone.config)
        assert (result.success, result.code) == (False, code)
        assert sentence in result.error_message
        assert [each.step for each in result.steps] == ALL_STEPS[: ALL_STEPS.index(step) + 1]
        assert [each.ok for each in result.steps] == [True] * (len(result.steps) - 1) + [False]
        assert result.steps[-1].message == result.error_message
        assert result.host_key_fingerprint == zone.fingerprint
        left = left_in(tmp_path)
        assert left == set() if clean else all(name.endswith(".tmp") for name in left)


async def test_a_user_who_may_only_take_acks_away_passes(tmp_path: Path) -> None:
    async with sftp_dropzone(tmp_path, sftp_class=NoWriteToAcks, ack_path="/acks") as zone:
        result = await zone.connector.test_connection(zone.config)
        assert result.success, result.error_message
        assert "not tried" in result.steps[-1].message
        assert {path.name for path in (tmp_path / "acks").iterdir()} == {"processed", "error"}


async def test_a_missing_folder_names_which_of_the_two(tmp_path: Path) -> None:
    async with sftp_dropzone(tmp_path, ack_path="/nowhere") as zone:
        result = await zone.connector.test_connection(zone.config)
        assert (result.code, result.steps[-1].step) == ("FOLDER_NOT_FOUND", "ack_folder")
        assert "the ack path" in result.error_message
        nowhere = zone.connector.merge(zone.config, {"export_path": "/nowhere", "ack_path": "/acks"})
        result = await zone.connector.test_connection(nowhere)
        assert (result.code, result.steps[-1].step) == ("FOLDER_NOT_FOUND", "folder")
        assert "the export path" in result.error_message


class NoSftp(asyncssh.SSHServer):
    def begin_auth(self, username: str) -> bool:
        return False


class SlowLogin(asyncssh.SSHServer):
    def password_auth_supported(self) -> bool:
        return True

    async def validate_password(self, username: str, password: str) -> bool:
        await asyncio.sleep(30)
        return True


@asynccontextmanager
async def ssh_server(kind: type[asyncssh.SSHServer]) -> AsyncIterator[tuple[int, str]]:
    key = asyncssh.generate_private_key("ssh-ed25519")
    server = await asyncssh.listen(
        "127.0.0.1", 0, config=None, server_factory=kind, server_host_keys=[key], gss_host=None
    )
    try:
        yield server.get_port(), key.get_fingerprint("sha256")
    finally:
        server.close()


@asynccontextmanager
async def tcp_server(greeting: bytes, *, close: bool) -> AsyncIterator[int]:
    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting)
        if not close:
            await asyncio.sleep(30)
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def refused(zone: Any, **changes: Any) -> tuple[str, str, str]:
    result = await zone.connector.test_connection(zone.connector.merge(zone.config, changes))
    assert not result.success
    return result.steps[-1].step, result.code, result.error_message


async def test_each_cause_on_the_way_in_has_its_step_and_sentence(sftp: Any, unused_tcp_port: int) -> None:
    step, code, text = await refused(sftp, port=unused_tcp_port)
    assert (step, code) == ("connect", "CONNECTION_REFUSED")
    step, code, text = await refused(sftp, host="10.255.255.1")
    assert (step, code) == ("address", "ADDRESS_NOT_ALLOWED")
    step, code, text = await refused(sftp, password="wrong")
    assert (step, code) == ("authentication", "AUTHENTICATION_FAILED")
    assert text.startswith("Authentication failed")
    async with tcp_server(b"", close=False) as port:
        step, code, text = await refused(sftp, port=port, connect_timeout_s=0.5)
        assert (step, code) == ("host_key", "CONNECTION_TIMEOUT")
        assert text == FAILED["host_key", TransportCode.CONNECTION_TIMEOUT]
    async with tcp_server(b"", close=True) as port:
        step, code, text = await refused(sftp, port=port)
        assert (step, code) == ("host_key", "CONNECTION_LOST")
        assert "is it an SSH server" in text
    async with ssh_server(NoSftp) as (port, pin):
        step, code, text = await refused(sftp, port=port, host_key_fingerprints=[pin])
        assert (step, text) == ("sftp", "The server lets the user in but offers no SFTP to it")
    async with ssh_server(SlowLogin) as (port, pin):
        step, code, text = await refused(sftp, port=port, host_key_fingerprints=[pin], connect_timeout_s=1)
        assert (step, code) == ("authentication", "CONNECTION_TIMEOUT")
        assert text == FAILED["authentication", TransportCode.CONNECTION_TIMEOUT]


async def test_a_test_that_dies_in_the_middle_leaves_only_what_the_sweeper_takes(tmp_path: Path) -> None:
    class Dies(Overwriting):
        def rename(self, oldpath: bytes, newpath: bytes) -> Any:
            super().rename(oldpath, newpath)
            self.connection.abort()

    async with sftp_dropzone(tmp_path, sftp_class=Dies, ack_path="/acks") as zone:
        result = await zone.connector.test_connection(zone.config)
        assert (result.success, result.steps[-1].step) == (False, "rename")
        assert len(left_in(tmp_path)) == 1
        assert all(name.endswith(".tmp") for name in left_in(tmp_path))


async def test_a_test_takes_old_probes_out_of_the_ack_folder_and_nothing_else(tmp_path: Path) -> None:
    now = int(time.time())
    keep = {f"countersign-probe-{now}.{'0' * 16}.tmp", "ack_sales_order_1.json", "countersign-probe-1.txt"}
    async with sftp_dropzone(tmp_path, ack_path="/acks") as zone:
        for name in {*keep, f"countersign-probe-{now - 7200}.{'1' * 16}.tmp"}:
            (tmp_path / "acks" / name).write_text("{}")
        assert (await zone.connector.test_connection(zone.config)).success
        assert left_in(tmp_path) == {f"acks/{name}" for name in keep}


async def test_the_sweep_takes_old_probes_out_of_the_export_folder(sftp: Any) -> None:
    now = int(time.time())
    young, old = (f"countersign-probe-{at}.{'0' * 16}.tmp" for at in (now, now - 7200))
    other = f"sales_order_{'1' * 8}.json.{'2' * 16}.tmp"
    for name in (young, old, other):
        sftp.files.write(name, b"{}")
    assert await sftp.connector.leftovers(sftp.config) == []
    assert sftp.files.names() == {young, other}


async def test_the_whole_test_has_a_limit_and_says_how_far_it_came(
    sftp: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.dropzone_certification.LIMIT_S", 1.0)
    async with tcp_proxy(sftp.config.port) as proxy:
        config = sftp.connector.merge(
            sftp.config, {"port": proxy.port, "connect_timeout_s": 20, "operation_timeout_s": 20}
        )
        proxy.mode = Mode.SWALLOW
        result = await sftp.connector.test_connection(config)
        assert (result.code, result.steps[-1].step) == ("CONNECTION_TIMEOUT", "host_key")


def test_every_step_has_its_sentence_and_every_failure_is_of_a_step() -> None:
    assert list(PASSED) == ALL_STEPS
    assert {step for step, _ in FAILED} <= set(ALL_STEPS)
    for step in ALL_STEPS:
        for code in TransportCode:
            assert sentence_of(step, TransportError(code))
    own = TransportError(TransportCode.SERVER_ERROR, sentence="Own words")
    assert sentence_of("rename", own) == "Own words"
