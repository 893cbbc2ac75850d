"""The export folder on an SFTP server."""

import asyncio
import hashlib
import stat
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from posixpath import join
from typing import Any, TypeVar

import asyncssh

from connectors.dropzone_config import DropzoneConfig
from connectors.handover import CHUNK_BYTES, Seen, temp_name
from connectors.policy import ConnectorPolicy
from connectors.port import OnProgress
from connectors.sftp_errors import CAUGHT, SFTP_ABSENT, transport_error
from connectors.sftp_session import sftp_session
from domain.delivery import Capabilities
from domain.transport import TransportCode, TransportError

# Some servers cut longer reads short without saying so.
BLOCK_BYTES = 32 * 1024

T = TypeVar("T")


class SftpFolder:
    """`export_path` over one open session; every request has `operation_timeout_s`."""

    def __init__(self, client: asyncssh.SFTPClient, path: str, timeout_s: float) -> None:
        self._client = client
        self._path = path
        self._timeout_s = timeout_s

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
        file = await self._timed(self._client.open(path, "rb", encoding=None, block_size=BLOCK_BYTES))
        try:
            # One byte past the end is asked for: a file that grew is another file.
            while offset <= size_bytes:
                chunk: Any = await self._timed(
                    file.read(min(CHUNK_BYTES, size_bytes + 1 - offset), offset=offset)
                )
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
        try:
            file = await self._timed(self._client.open(path, "xb", encoding=None, block_size=BLOCK_BYTES))
            try:
                for offset in range(0, len(content), CHUNK_BYTES):
                    await self._timed(file.write(content[offset : offset + CHUNK_BYTES], offset))
                    on_progress()
                await self._fsync(file)
            except BaseException:
                await self._closed(file)
                raise
            # A server may keep a failed write back until the close: this reply counts.
            await self._timed(file.close())
        except CAUGHT as error:
            raise await self._explained(error, len(content)) from error

    async def _fsync(self, file: asyncssh.SFTPClientFile) -> bool:
        try:
            await self._timed(file.fsync())
        except asyncssh.SFTPOpUnsupported:
            return False
        return True

    async def _explained(self, error: BaseException, size_bytes: int) -> TransportError:
        """A bare failure is asked after: is the folder there, has the disk room?"""
        plain = transport_error(error, "writing")
        if plain.code is TransportCode.FOLDER_NOT_FOUND or not isinstance(error, asyncssh.SFTPFailure):
            return plain
        try:
            await self.require()
            room = await self._timed(self._client.statvfs(self._path))
        except TransportError as missing:
            return missing if missing.code is TransportCode.FOLDER_NOT_FOUND else plain
        except CAUGHT:
            return plain
        if room.bavail * room.frsize < size_bytes:
            return TransportError(TransportCode.DISK_FULL, "writing: no room left")
        return plain

    async def rename(self, source: str, target: str) -> None:
        old, new = join(self._path, source), join(self._path, target)
        try:
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
        await self.require_folder(self._path)

    async def require_folder(self, path: str) -> None:
        """
        Raises:
            TransportError: FOLDER_NOT_FOUND, or what kept us from looking.
        """
        try:
            attributes = await self._timed(self._client.stat(path))
        except CAUGHT as error:
            raise transport_error(error, path) from error
        if attributes.permissions is not None and not stat.S_ISDIR(attributes.permissions):
            raise TransportError(TransportCode.FOLDER_NOT_FOUND, path)

    async def probe(self) -> Capabilities:
        """Try, on files of our own, what stage and publish will do.

        Raises:
            TransportError: when a file cannot be created, or renamed in no way at all.
        """
        names = [temp_name("countersign-probe") for _ in range(3)]
        first, second, third = (join(self._path, name) for name in names)
        try:
            file = await self._timed(self._client.open(first, "xb", encoding=None))
            try:
                await self._timed(file.write(b"probe"))
                fsync = await self._fsync(file)
            finally:
                await self._closed(file)
            exclusive = not await self._works(self._recreate(first))
            rename = await self._works(self._client.rename(first, second))
            posix = await self._works(self._client.posix_rename(second if rename else first, third))
            if not rename and not posix:
                raise TransportError(TransportCode.PERMISSION_DENIED, "files cannot be renamed")
        except CAUGHT as error:
            raise await self._explained(error, 5) from error
        finally:
            with suppress(TransportError):
                for name in names:
                    await self.remove(name)
        return Capabilities(exclusive_create=exclusive, rename=rename, posix_rename=posix, fsync=fsync)

    async def _recreate(self, path: str) -> None:
        await self._closed(await self._client.open(path, "xb", encoding=None))

    async def _works(self, operation: Coroutine[Any, Any, Any]) -> bool:
        try:
            await self._timed(operation)
        except asyncssh.SFTPError as error:
            if isinstance(error, asyncssh.SFTPConnectionLost | asyncssh.SFTPNoConnection):
                raise
            return False
        return True

    async def _closed(self, file: asyncssh.SFTPClientFile) -> None:
        with suppress(*CAUGHT):
            await self._timed(file.close())

    async def _timed(self, operation: Any) -> Any:
        async with asyncio.timeout(self._timeout_s):
            return await operation


@asynccontextmanager
async def sftp_folder(config: DropzoneConfig, policy: ConnectorPolicy) -> AsyncIterator[SftpFolder]:
    """Connect and open the export folder.

    Raises:
        TransportError: see `sftp_session`.
    """
    async with sftp_session(config, policy) as session:
        yield SftpFolder(session.client, config.export_path, config.operation_timeout_s)


async def probe_sftp(config: DropzoneConfig, policy: ConnectorPolicy) -> tuple[Capabilities, str]:
    """What the server can do, and the fingerprint of its host key.

    Raises:
        TransportError: the first thing that does not work; with the fingerprint when one was seen.
    """
    async with sftp_session(config, policy, first_use=True) as session:
        folder = SftpFolder(session.client, config.export_path, config.operation_timeout_s)
        try:
            await folder.require()
            if config.ack_path is not None:
                await folder.require_folder(config.ack_path)
            capabilities = await folder.probe()
        except TransportError as error:
            error.host_key_fingerprint = session.host_key_fingerprint
            raise
        return capabilities, session.host_key_fingerprint
