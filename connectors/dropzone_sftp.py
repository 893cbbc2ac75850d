"""A folder on an SFTP server.

Blocks are requests of our own: asyncssh's parallel tasks outlive a call that is cut at its time limit.
"""

import asyncio
import hashlib
import stat
from contextlib import suppress
from posixpath import join
from typing import Any

import asyncssh

from connectors.handover import CHUNK_BYTES, Seen
from connectors.port import OnProgress
from connectors.sftp_errors import CAUGHT, SFTP_ABSENT, transport_error
from connectors.sftp_session import SftpSession
from domain.delivery import Capabilities
from domain.transport import TransportCode, TransportError

# Some servers cut longer reads short without saying so.
BLOCK_BYTES = 32 * 1024


async def _write_blocks(file: asyncssh.SFTPClientFile, chunk: bytes, offset: int) -> None:
    blocks = range(0, len(chunk), BLOCK_BYTES)
    await asyncio.gather(*(file.write(chunk[at : at + BLOCK_BYTES], offset + at) for at in blocks))


async def _read_blocks(file: asyncssh.SFTPClientFile, offset: int, size: int) -> list[tuple[int, bytes]]:
    """Each block: how much was asked for, and what came."""
    sizes = [min(BLOCK_BYTES, size - at) for at in range(0, size, BLOCK_BYTES)]
    asked = (file.read(each, offset + at * BLOCK_BYTES) for at, each in enumerate(sizes))
    came: list[Any] = await asyncio.gather(*asked)
    return list(zip(sizes, came, strict=True))


def _unbroken(blocks: list[tuple[int, bytes]]) -> bytes:
    """Up to the first block that came short: what follows it would be at the wrong place."""
    whole = b""
    for asked, came in blocks:
        whole += came
        if len(came) < asked:
            break
    return whole


class SftpFolder:
    """A folder over one open session; every request has `operation_timeout_s`.

    `able` is what the last test saw. It overrules what the server announces: some announce a rename or an
    fsync that does not work.
    """

    def __init__(
        self, session: SftpSession, path: str, timeout_s: float, able: Capabilities | None = None
    ) -> None:
        self._session = session
        self._client = session.client
        self._path = path
        self._timeout_s = timeout_s
        self._able = able
        self._written_bytes = 0

    async def look(self, name: str, sha256: str, size_bytes: int, on_progress: OnProgress) -> Seen:
        path = join(self._path, name)
        try:
            attributes = await self._timed(self._client.lstat(path))
            if attributes.permissions is not None and not stat.S_ISREG(attributes.permissions):
                return Seen.OTHER
            if attributes.size is not None and attributes.size != size_bytes:
                return Seen.OTHER
            digest = await self._digest(path, size_bytes, on_progress)
        except SFTP_ABSENT:
            return Seen.ABSENT
        except CAUGHT as error:
            raise transport_error(error, "reading back") from error
        return Seen.SAME if digest == sha256 else Seen.OTHER

    async def _digest(self, path: str, size_bytes: int, on_progress: OnProgress) -> str | None:
        """Digest of the file, or None when it does not have exactly `size_bytes`."""
        digest = hashlib.sha256()
        offset = 0
        file = await self._timed(self._client.open(path, "rb", encoding=None, block_size=0))
        try:
            # One byte past the end is asked for: a file that grew is another file.
            while offset <= size_bytes:
                size = min(CHUNK_BYTES, size_bytes + 1 - offset)
                chunk = _unbroken(await self._timed(_read_blocks(file, offset, size)))
                on_progress()
                if not chunk:
                    break
                digest.update(chunk)
                offset += len(chunk)
        finally:
            await self._closed(file)
        return digest.hexdigest() if offset == size_bytes else None

    async def create(self, name: str, content: bytes, on_progress: OnProgress) -> None:
        path = join(self._path, name)
        self._written_bytes = len(content)
        try:
            file = await self._timed(self._client.open(path, "xb", encoding=None, block_size=0))
            try:
                for offset in range(0, len(content), CHUNK_BYTES):
                    await self._timed(_write_blocks(file, content[offset : offset + CHUNK_BYTES], offset))
                    on_progress()
                await self._fsync(file)
            except BaseException:
                await self._closed(file)
                raise
            # A server may keep a failed write back until the close: this reply counts.
            await self._timed(file.close())
        except CAUGHT as error:
            raise await self.explained(transport_error(error, "writing")) from error

    async def _fsync(self, file: asyncssh.SFTPClientFile) -> None:
        if self._able is not None and not self._able.fsync:
            return
        with suppress(asyncssh.SFTPOpUnsupported):
            await self._timed(file.fsync())

    async def explained(self, error: TransportError) -> TransportError:
        """A failed upload that names no cause is asked after: is the folder there, has the disk room?

        Some servers report success for what a full disk cut short, and most call a full disk a failure.
        """
        asked = error.code in {TransportCode.SERVER_ERROR, TransportCode.VERIFICATION_FAILED}
        if not asked or self._written_bytes == 0 or self._session.spoilt:
            return error
        try:
            await self.require()
            room = await self._timed(self._client.statvfs(self._path))
        except TransportError as missing:
            return missing if missing.code is TransportCode.FOLDER_NOT_FOUND else error
        except CAUGHT:
            return error
        if room.bavail * room.frsize < self._written_bytes:
            return TransportError(TransportCode.DISK_FULL, "writing: no room left")
        return error

    async def rename(self, source: str, target: str) -> None:
        old, new = join(self._path, source), join(self._path, target)
        try:
            if self._able is not None and self._able.rename and not self._able.posix_rename:
                await self._timed(self._client.rename(old, new))
                return
            try:
                await self._timed(self._client.posix_rename(old, new))
            except asyncssh.SFTPOpUnsupported:
                await self._timed(self._client.rename(old, new))
        except CAUGHT as error:
            raise transport_error(error, "renaming") from error

    async def remove(self, name: str) -> bool:
        path = join(self._path, name)
        try:
            await self._timed(self._client.remove(path))
        except SFTP_ABSENT:
            return False
        except CAUGHT as error:
            if isinstance(error, asyncssh.SFTPError) and not await self._there(path):
                return False
            raise transport_error(error, "removing") from error
        return True

    async def _there(self, path: str) -> bool:
        try:
            await self._timed(self._client.lstat(path))
        except SFTP_ABSENT:
            return False
        except CAUGHT as error:
            raise transport_error(error, "looking") from error
        return True

    async def require(self) -> None:
        try:
            attributes = await self._timed(self._client.stat(self._path))
        except CAUGHT as error:
            raise transport_error(error, "opening the folder") from error
        if attributes.permissions is not None and not stat.S_ISDIR(attributes.permissions):
            raise TransportError(TransportCode.FOLDER_NOT_FOUND, "not a folder")

    async def _closed(self, file: asyncssh.SFTPClientFile) -> None:
        with suppress(*CAUGHT):
            await self._timed(file.close())

    async def _timed(self, operation: Any) -> Any:
        return await self._session.request(operation, self._timeout_s)
