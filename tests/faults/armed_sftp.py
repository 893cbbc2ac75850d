"""The dropzone's server, of any profile, with a fuse around its renames.

`python -m tests.faults.armed_sftp --profile openssh …`: the options of tests/connectors/servers.py. For each
rename that was carried out and not answered yet, the client's port is a file in `RENAMED`.
"""

import asyncio
import errno
import inspect
import os
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncssh

from tests.connectors import servers
from tests.connectors.servers import PROFILES, OpenSshPipe, Profile
from tests.faults.erp import SUFFIX
from tests.faults.points import HALVED, LINKING, RENAMED, Fuse

_RENAME, _EXTENDED, _STATUS = 18, 200, 101  # packets of SFTP's version 3
_POSIX_RENAME = b"posix-rename@openssh.com"

_fuse = Fuse(os.environ)


def _done(connection: Any) -> None:
    """Renamed. The client does not know it yet."""
    port = connection.get_extra_info("peername")[1]
    (Path(os.environ[RENAMED]) / str(port)).touch()
    _fuse.passed("after rename")


class Linking(asyncssh.SFTPServer):
    """A plain rename made of link and unlink, as OpenSSH's is; and no posix-rename."""

    def posix_rename(self, oldpath: bytes, newpath: bytes) -> Any:
        raise asyncssh.SFTPOpUnsupported("no posix-rename")

    def rename(self, oldpath: bytes, newpath: bytes) -> Any:
        old, new = (Path(os.fsdecode(self.map_path(path))) for path in (oldpath, newpath))
        if new.exists():
            raise OSError(errno.EEXIST, "exists")
        os.link(old, new)
        if new.suffix == SUFFIX:
            _fuse.passed(HALVED)
        old.unlink()


def _armed(profile: Profile) -> Profile:
    if profile.sftp_class is None:
        return profile
    real: type[Any] = profile.sftp_class

    class Armed(real):  # type: ignore[misc]
        async def rename(self, oldpath: bytes, newpath: bytes) -> None:
            await self._watched(super().rename, oldpath, newpath)

        async def posix_rename(self, oldpath: bytes, newpath: bytes) -> None:
            # what is refused is no rename: the client asks for a plain one next
            watched = self._watched if profile.posix_rename else _awaited
            await watched(super().posix_rename, oldpath, newpath)

        async def _watched(self, rename: Callable[..., Any], oldpath: bytes, newpath: bytes) -> None:
            if not newpath.endswith(SUFFIX.encode()):
                await _awaited(rename, oldpath, newpath)
                return
            # goes on although its client may have gone
            await asyncio.shield(asyncio.create_task(self._in_steps(rename, oldpath, newpath)))

        async def _in_steps(self, rename: Callable[..., Any], oldpath: bytes, newpath: bytes) -> None:
            await asyncio.sleep(_fuse.passed("before rename"))
            _fuse.passed("in rename")
            await _awaited(rename, oldpath, newpath)
            _done(self.channel)

    return replace(profile, sftp_class=Armed)


async def _awaited(rename: Callable[..., Any], oldpath: bytes, newpath: bytes) -> None:
    result: Awaitable[None] | None = rename(oldpath, newpath)
    if inspect.isawaitable(result):
        await result


class ArmedPipe(OpenSshPipe):
    """Reads along: what goes to OpenSSH's sftp-server and comes from it is one packet after the other."""

    def __init__(self, root: Path, denied: str) -> None:
        super().__init__(root, denied)
        self._asked, self._answered = _Packets(), _Packets()
        self._renames: set[bytes] = set()  # request ids

    async def to_server(self, data: bytes) -> None:
        _fuse.children.add(self._child.pid)
        for packet in self._asked.add(data):
            if not _is_handover(packet):
                await super().to_server(packet)
                continue
            await asyncio.sleep(_fuse.passed("before rename"))
            self._renames.add(packet[5:9])
            await super().to_server(packet)
            _fuse.passed("in rename")

    async def to_client(self, data: bytes) -> None:
        for packet in self._answered.add(data):
            if packet[4] == _STATUS and packet[5:9] in self._renames:
                self._renames.remove(packet[5:9])
                if packet[9:13] == bytes(4):
                    _done(self._channel)
            await super().to_client(packet)

    async def _run(self) -> None:
        await super()._run()
        _fuse.children.discard(self._child.pid)


class _Packets:
    """Cuts a stream where SFTP's packets end; each begins with its length."""

    def __init__(self) -> None:
        self._rest = b""

    def add(self, data: bytes) -> list[bytes]:
        self._rest += data
        found = []
        while len(self._rest) >= 4 and len(self._rest) >= 4 + int.from_bytes(self._rest[:4]):
            end = 4 + int.from_bytes(self._rest[:4])
            found.append(self._rest[:end])
            self._rest = self._rest[end:]
        return found


def _is_handover(packet: bytes) -> bool:
    """A rename to a name that the ERP takes."""
    kind, body = packet[4], packet[9:]
    is_rename = kind == _RENAME or (kind == _EXTENDED and body[4:].startswith(_POSIX_RENAME))
    return is_rename and packet.endswith(SUFFIX.encode())


ARMED = {name: _armed(profile) for name, profile in PROFILES.items()}
ARMED[LINKING] = _armed(Profile(LINKING, Linking, posix_rename=False))

if __name__ == "__main__":
    servers.main(ARMED, ArmedPipe)
