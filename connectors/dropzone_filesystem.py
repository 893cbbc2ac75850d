"""The export folder on this machine or a mount of it.

Every step opens the folder afresh within one thread, checks that it lies under the roots, and works
relative to that descriptor: a symlink swapped in later leads nowhere, and a thread that hangs on a dead
mount past its timeout holds no descriptor that someone else could come to own.
"""

import asyncio
import ctypes
import errno
import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from connectors.addresses import folder_within_roots
from connectors.folder_threads import FolderThreads
from connectors.handover import CHUNK_BYTES, Seen
from connectors.policy import ConnectorPolicy
from connectors.port import OnProgress, no_progress
from domain.transport import TransportCode, TransportError

_RENAME_NOREPLACE = 1
_BY_ERRNO = {
    errno.EACCES: TransportCode.PERMISSION_DENIED,
    errno.EPERM: TransportCode.PERMISSION_DENIED,
    errno.EROFS: TransportCode.PERMISSION_DENIED,
    errno.ENOENT: TransportCode.FOLDER_NOT_FOUND,
    errno.ENOTDIR: TransportCode.FOLDER_NOT_FOUND,
    errno.ENOSPC: TransportCode.DISK_FULL,
    errno.EDQUOT: TransportCode.DISK_FULL,
    errno.ETIMEDOUT: TransportCode.CONNECTION_TIMEOUT,
}

_THREADS = FolderThreads()

T = TypeVar("T")


class FilesystemFolder:
    """`export_path` in filesystem mode; every step has `operation_timeout_s`."""

    def __init__(self, path: str, policy: ConnectorPolicy, timeout_s: float) -> None:
        self._path = path
        self._policy = policy
        self._timeout_s = timeout_s

    async def look(self, name: str, sha256: str, size_bytes: int, on_progress: OnProgress) -> Seen:
        on_progress()
        return await self._run("reading back", lambda folder: _look(folder, name, sha256, size_bytes))

    async def create(self, name: str, content: bytes, on_progress: OnProgress) -> None:
        on_progress()
        await self._run("writing", lambda folder: _create(folder, name, content))
        on_progress()

    async def rename(self, source: str, target: str) -> None:
        await self._run("renaming", lambda folder: rename_new(folder, source, target))

    async def remove(self, name: str) -> bool:
        return await self._run("removing", lambda folder: _remove(folder, name))

    async def require(self) -> None:
        await self._run("opening the folder", lambda _: None)

    async def _run(self, step: str, work: Callable[[int], T]) -> T:
        return await in_folder(self._path, self._policy, self._timeout_s, step, work)


async def in_folder(
    path: str, policy: ConnectorPolicy, timeout_s: float, step: str, work: Callable[[int], T]
) -> T:
    """Run `work` in a thread, on the folder's descriptor.

    Raises:
        TransportError: the step failed, or did not end in time.
    """

    def in_thread() -> T:
        with _opened(path, policy) as folder:
            return work(folder)

    try:
        async with asyncio.timeout(timeout_s):
            return await _THREADS.run(path, in_thread)
    except TimeoutError as error:
        raise TransportError(TransportCode.CONNECTION_TIMEOUT, step) from error
    except OSError as error:
        code = _BY_ERRNO.get(error.errno or 0, TransportCode.SERVER_ERROR)
        name = errno.errorcode.get(error.errno or 0, type(error).__name__)
        raise TransportError(code, f"{step}: {name}") from error


@contextmanager
def _opened(path: str, policy: ConnectorPolicy) -> Iterator[int]:
    real = folder_within_roots(path, policy)
    folder = os.open(real, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        # A parent may have become a symlink between the check and the open.
        again = folder_within_roots(path, policy)
        if not os.path.samestat(os.fstat(folder), os.stat(again)):  # noqa: PTH116
            raise TransportError(TransportCode.ADDRESS_NOT_ALLOWED, "the folder changed while it was opened")
        yield folder
    finally:
        os.close(folder)


def _look(folder: int, name: str, sha256: str, size_bytes: int) -> Seen:
    try:
        # O_NONBLOCK: opening a named pipe must not wait for a writer.
        file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except FileNotFoundError:
        return Seen.ABSENT
    except OSError as error:
        if error.errno in {errno.ELOOP, errno.ENXIO}:
            return Seen.OTHER
        raise
    try:
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode) or status.st_size != size_bytes:
            return Seen.OTHER
        digest = hashlib.sha256()
        while chunk := os.read(file, CHUNK_BYTES):
            digest.update(chunk)
    finally:
        os.close(file)
    return Seen.SAME if digest.hexdigest() == sha256 else Seen.OTHER


def _create(folder: int, name: str, content: bytes) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(name, flags, 0o640, dir_fd=folder), "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    # Else a power failure after the rename could leave neither name, which reads as "the ERP took it".
    os.fsync(folder)


def rename_new(folder: int, source: str, target: str, into: int | None = None) -> None:
    """Rename, `into` another folder if given, failing when the target exists.

    In one step where the system offers it, else after a look. Not by link and unlink: cut in between, and
    with the ERP taking the file at once, a repeat would find the staged file alone and publish it again.
    """
    to = folder if into is None else into
    if not _renameat2(folder, source, to, target):
        if _exists(to, target):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
        os.rename(source, target, src_dir_fd=folder, dst_dir_fd=to)
    os.fsync(to)
    if to != folder:
        os.fsync(folder)


def _exists(folder: int, name: str) -> bool:
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _renameat2(folder: int, source: str, to: int, target: str) -> bool:
    """
    Returns:
        False when the C library, the kernel or the file system does not offer it.

    Raises:
        OSError: the rename itself failed.
    """
    function = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if function is None:
        return False
    result = function(
        ctypes.c_int(folder),
        ctypes.c_char_p(os.fsencode(source)),
        ctypes.c_int(to),
        ctypes.c_char_p(os.fsencode(target)),
        ctypes.c_uint(_RENAME_NOREPLACE),
    )
    if result == 0:
        return True
    number = ctypes.get_errno()
    if number in {errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP}:
        return False
    raise OSError(number, os.strerror(number))


def _remove(folder: int, name: str) -> bool:
    try:
        os.unlink(name, dir_fd=folder)
    except FileNotFoundError:
        return False
    os.fsync(folder)
    return True


class FilesystemProbe(FilesystemFolder):
    """Implements `certification.Probe`; fsync and exclusive creation are the system's own."""

    async def write(self, name: str, content: bytes) -> bool:
        await self.create(name, content, no_progress)
        return True

    async def refuses_existing(self, name: str) -> bool:
        return await self._run("creating", lambda folder: not _made(folder, name))

    async def posix_rename(self, source: str, target: str) -> bool:
        return False

    async def plain_rename(self, source: str, target: str) -> bool:
        return await self._run("renaming", lambda folder: _renamed(folder, source, target))


def _made(folder: int, name: str) -> bool:
    try:
        _create(folder, name, b"")
    except FileExistsError:
        return False
    return True


def _renamed(folder: int, source: str, target: str) -> bool:
    try:
        rename_new(folder, source, target)
    except FileExistsError:
        return False
    return True
