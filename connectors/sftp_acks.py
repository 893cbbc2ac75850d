"""The ack folder on an SFTP server, over one session."""

import asyncio
import stat
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, suppress
from posixpath import join
from typing import Any, cast

import asyncssh

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
from connectors.policy import ConnectorPolicy
from connectors.sftp_errors import CAUGHT, SFTP_ABSENT, transport_error
from connectors.sftp_session import sftp_session
from domain.transport import TransportCode, TransportError

_BLOCK_BYTES = 32 * 1024
_TRAY_MODE = 0o750


class SftpAckFolder:
    """`ack_path` over one open session; every request has `operation_timeout_s`."""

    def __init__(self, client: asyncssh.SFTPClient, path: str, timeout_s: float) -> None:
        self._client = client
        self._path = path
        self._timeout_s = timeout_s
        self._trays: set[Tray] = set()

    async def files(self) -> list[AckFile]:
        found: list[AckFile] = []
        # asked for in bytes: one name that is no UTF-8 would end the listing of all
        listing = cast("AsyncGenerator[asyncssh.SFTPName]", self._client.scandir(self._path.encode()))
        try:
            while len(found) < MAX_LISTED:
                entry = await self._timed(anext(listing, None))
                if entry is None:
                    break
                name = plain_name(entry.filename)
                if name is not None:
                    found.append(_file(name, entry.attrs))
        except CAUGHT as error:
            raise transport_error(error, "listing") from error
        finally:
            with suppress(*CAUGHT):
                await self._timed(listing.aclose())
        return oldest_first(found)

    async def read(self, name: str) -> tuple[AckFile, bytes] | None:
        path = join(self._path, require_plain(name))
        try:
            # SFTP cannot say "open, but no link": look first
            file = _file(name, await self._timed(self._client.lstat(path)))
            return (file, await self._content(path)) if file.regular else None
        except SFTP_ABSENT:
            return None
        except CAUGHT as error:
            if isinstance(error, asyncssh.SFTPFailure) and not await self._there(path):
                return None
            raise transport_error(error, "reading") from error

    async def _content(self, path: str) -> bytes:
        content = b""
        stream = await self._timed(self._client.open(path, "rb", encoding=None, block_size=0))
        try:
            while len(content) <= MAX_ACK_BYTES:
                wanted = min(_BLOCK_BYTES, MAX_ACK_BYTES + 1 - len(content))
                chunk: bytes = await self._timed(stream.read(wanted, offset=len(content)))
                if not chunk:
                    break
                content += chunk
        finally:
            with suppress(*CAUGHT):
                await self._timed(stream.close())
        return content[: MAX_ACK_BYTES + 1]

    async def move(self, name: str, tray: Tray, as_name: str) -> Moved:
        source = join(self._path, require_plain(name))
        target = join(self._path, tray, require_plain(as_name))
        await self._require_tray(tray)
        try:
            # the plain rename: it fails where posix-rename would replace the file that is there
            await self._timed(self._client.rename(source, target))
        except (*SFTP_ABSENT, asyncssh.SFTPFailure, asyncssh.SFTPFileAlreadyExists) as error:
            if not await self._there(source):
                return Moved.GONE
            if await self._there(target):
                return Moved.TAKEN
            raise transport_error(error, "moving") from error
        except CAUGHT as error:
            raise transport_error(error, "moving") from error
        return Moved.MOVED

    async def _require_tray(self, tray: Tray) -> None:
        """Make the tray, once a session; a link in its place would lead files out of the folder."""
        if tray in self._trays:
            return
        path = join(self._path, tray)
        try:
            if not await self._there(path):
                await self._make(path)
            permissions = (await self._timed(self._client.lstat(path))).permissions
        except CAUGHT as error:
            raise transport_error(error, f"making {tray}") from error
        if permissions is not None and stat.S_IFMT(permissions) not in {0, stat.S_IFDIR}:
            raise TransportError(TransportCode.ADDRESS_NOT_ALLOWED, f"{tray} is not a folder")
        self._trays.add(tray)

    async def _make(self, path: str) -> None:
        try:
            await self._timed(self._client.mkdir(path, asyncssh.SFTPAttrs(permissions=_TRAY_MODE)))
        except asyncssh.SFTPError:
            if not await self._there(path):  # else another poll was quicker
                raise

    async def _there(self, path: str) -> bool:
        try:
            await self._timed(self._client.lstat(path))
        except SFTP_ABSENT:
            return False
        except CAUGHT as error:
            raise transport_error(error, "looking") from error
        return True

    async def _timed(self, operation: Any) -> Any:
        async with asyncio.timeout(self._timeout_s):
            return await operation


def _file(name: str, attributes: asyncssh.SFTPAttrs) -> AckFile:
    mode = attributes.permissions
    return AckFile(
        name=name,
        size_bytes=attributes.size or 0,
        modified_at=from_seconds(attributes.mtime),
        # some servers tell no kind; then opening it is all that is left
        regular=mode is None or stat.S_IFMT(mode) in {0, stat.S_IFREG},
    )


@asynccontextmanager
async def sftp_ack_folder(
    config: DropzoneConfig, path: str, policy: ConnectorPolicy
) -> AsyncIterator[SftpAckFolder]:
    """Connect; nothing is listed yet.

    Raises:
        TransportError: see `sftp_session`.
    """
    async with sftp_session(config, policy) as session:
        yield SftpAckFolder(session.client, path, config.operation_timeout_s)
