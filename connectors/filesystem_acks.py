"""The ack folder on this machine or a mount of it; each step opens it afresh, as the export folder's do."""

import errno
import os
import stat
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import TypeVar

from connectors.ack_folder import (
    MAX_ACK_BYTES,
    MAX_LISTED,
    AckFile,
    Moved,
    Tray,
    from_seconds,
    oldest_first,
    plain_name,
    require_plain,
)
from connectors.dropzone_config import DropzoneConfig
from connectors.dropzone_filesystem import in_folder, rename_new
from connectors.policy import ConnectorPolicy
from domain.transport import TransportCode, TransportError

_TRAY_MODE = 0o750
# What opening a link or a socket says.
_NOT_A_FILE = {errno.ELOOP, errno.ENXIO}

T = TypeVar("T")


class FilesystemAckFolder:
    """`ack_path` in filesystem mode; every step has `operation_timeout_s`."""

    def __init__(self, path: str, policy: ConnectorPolicy, timeout_s: float) -> None:
        self._path = path
        self._policy = policy
        self._timeout_s = timeout_s

    async def files(self) -> list[AckFile]:
        return await self._run("listing", _files)

    async def read(self, name: str) -> tuple[AckFile, bytes] | None:
        require_plain(name)
        return await self._run("reading", lambda folder: _read(folder, name))

    async def move(self, name: str, tray: Tray, as_name: str) -> Moved:
        require_plain(name)
        require_plain(as_name)
        return await self._run("moving", lambda folder: _move(folder, name, tray, as_name))

    async def _run(self, step: str, work: Callable[[int], T]) -> T:
        return await in_folder(self._path, self._policy, self._timeout_s, step, work)


def _files(folder: int) -> list[AckFile]:
    found: list[AckFile] = []
    with os.scandir(folder) as listing:
        for entry in listing:
            name = plain_name(entry.name)
            if name is None:
                continue
            with suppress(FileNotFoundError):
                found.append(_file(name, entry.stat(follow_symlinks=False)))
            if len(found) == MAX_LISTED:
                break
    return oldest_first(found)


def _file(name: str, status: os.stat_result) -> AckFile:
    modified_at = from_seconds(status.st_mtime_ns // 1000 / 1_000_000)
    return AckFile(name, status.st_size, modified_at, stat.S_ISREG(status.st_mode))


def _read(folder: int, name: str) -> tuple[AckFile, bytes] | None:
    try:
        # O_NONBLOCK: opening a named pipe must not wait for a writer
        opened = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno in _NOT_A_FILE:
            return None
        raise
    try:
        file = _file(name, os.fstat(opened))
        if not file.regular:
            return None
        with os.fdopen(opened, "rb", closefd=False) as stream:
            return file, stream.read(MAX_ACK_BYTES + 1)
    finally:
        os.close(opened)


def _move(folder: int, name: str, tray: Tray, as_name: str) -> Moved:
    into = _tray(folder, tray)
    try:
        rename_new(folder, name, as_name, into)
    except FileNotFoundError:
        return Moved.GONE
    except FileExistsError:
        return _taken(folder, name, into, as_name)
    finally:
        os.close(into)
    return Moved.MOVED


def _tray(folder: int, tray: Tray) -> int:
    """Open the tray, making it when it is missing; a link in its place would lead files out of the folder."""
    with suppress(FileExistsError):
        os.mkdir(tray, _TRAY_MODE, dir_fd=folder)
    try:
        return os.open(tray, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    except OSError as error:
        if error.errno in {errno.ELOOP, errno.ENOTDIR}:
            raise TransportError(TransportCode.ADDRESS_NOT_ALLOWED, f"{tray} is not a folder") from error
        raise


def _taken(folder: int, name: str, into: int, as_name: str) -> Moved:
    try:
        source = os.stat(name, dir_fd=folder, follow_symlinks=False)
        target = os.stat(as_name, dir_fd=into, follow_symlinks=False)
        if os.path.samestat(source, target):
            # a rename made of link and unlink was cut in half: both names are this file
            os.unlink(name, dir_fd=folder)
            return Moved.MOVED
    except FileNotFoundError:
        return Moved.GONE
    return Moved.TAKEN


@asynccontextmanager
async def filesystem_ack_folder(
    config: DropzoneConfig, path: str, policy: ConnectorPolicy
) -> AsyncIterator[FilesystemAckFolder]:
    """The ack folder; nothing is opened yet."""
    yield FilesystemAckFolder(path, policy, config.operation_timeout_s)
