"""A folder on an SFTP server, under test."""

from collections.abc import Awaitable
from posixpath import join
from typing import Any

import asyncssh

from connectors.dropzone_sftp import SftpFolder
from connectors.sftp_errors import CAUGHT, transport_error
from connectors.sftp_session import LOST


class SftpProbe(SftpFolder):
    """Implements `certification.Probe`."""

    async def write(self, name: str, content: bytes) -> bool:
        path = join(self._path, name)
        self._written_bytes = len(content)
        try:
            file = await self._timed(self._client.open(path, "xb", encoding=None))
            try:
                await self._timed(file.write(content, 0))
                fsync = await self._works(file.fsync())
            except BaseException:
                await self._closed(file)
                raise
            await self._timed(file.close())
        except CAUGHT as error:
            raise await self.explained(transport_error(error, "writing")) from error
        return fsync

    async def refuses_existing(self, name: str) -> bool:
        async def again() -> None:
            await self._closed(await self._client.open(join(self._path, name), "xb", encoding=None))

        return not await self._tried(again(), "creating")

    async def posix_rename(self, source: str, target: str) -> bool:
        old, new = join(self._path, source), join(self._path, target)
        return await self._tried(self._client.posix_rename(old, new), "renaming")

    async def plain_rename(self, source: str, target: str) -> bool:
        old, new = join(self._path, source), join(self._path, target)
        return await self._tried(self._client.rename(old, new), "renaming")

    async def _tried(self, operation: Awaitable[Any], step: str) -> bool:
        try:
            return await self._works(operation)
        except CAUGHT as error:
            raise transport_error(error, step) from error

    async def _works(self, operation: Awaitable[Any]) -> bool:
        """Whether the server says yes; losing the server is no answer."""
        try:
            await self._timed(operation)
        except asyncssh.SFTPError as error:
            if isinstance(error, LOST):
                raise
            return False
        return True
