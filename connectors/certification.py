"""The connection test: what an export will need, tried in order on files of our own.

Each step is passed with a sentence or ends the test. Every file made here ends with `.tmp`, so that the
sweeper takes what a test that died has left.
"""

import asyncio
import hashlib
import re
import secrets
import time
from collections.abc import Iterable
from contextlib import suppress
from typing import Protocol

from connectors.ack_folder import AckFolder, Moved, Tray
from connectors.certification_report import Report
from connectors.handover import TEMP_SUFFIX, DropFolder, Seen
from connectors.port import no_progress
from domain.delivery import Capabilities
from domain.transport import TransportCode, TransportError

CLEAN_UP_S = 5.0
OLD_S = 3600
_CONTENT = b'{"probe": "Countersign tests this connection; this file is no order"}\n'
_SHA256 = hashlib.sha256(_CONTENT).hexdigest()
_PROBE = re.compile(r"countersign-probe-(\d{1,12})\.[0-9a-f]{16}\.tmp")


class Probe(DropFolder, Protocol):
    """A folder under test: what `DropFolder` hides is tried here one by one."""

    async def write(self, name: str, content: bytes) -> bool:
        """Create exclusively and write; whether fsync works."""
        ...

    async def refuses_existing(self, name: str) -> bool:
        """Whether exclusive creation of a name that is there is refused."""
        ...

    async def posix_rename(self, source: str, target: str) -> bool:
        """Whether the server says that it did."""
        ...

    async def plain_rename(self, source: str, target: str) -> bool:
        """Whether the server says that it did."""
        ...


class Certification:
    """One run over one connection. `clean_up` afterwards, whatever happened."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._made: list[tuple[Probe, str]] = []

    async def export_folder(self, folder: Probe) -> Capabilities:
        """
        Raises:
            TransportError: the first thing that does not work; the report names the step.
        """
        await folder.require()
        self._report.passed("folder")
        first, second, third = (self._name(folder) for _ in range(3))
        fsync = await folder.write(first, _CONTENT)
        self._report.passed("write", "" if fsync else "without fsync: a power failure there can lose a file")
        await self._require_same(folder, first, "verify")
        self._report.passed("verify")
        final, posix, plain = await self._rename(folder, first, second, third)
        exclusive, refuses = await self._overwrite(folder, final, posix=posix)
        await self._require_same(folder, final, "read_back")
        self._report.passed("read_back")
        await self._delete(folder)
        return Capabilities(
            exclusive_create=exclusive,
            rename=plain,
            posix_rename=posix,
            fsync=fsync,
            rename_refuses_existing=refuses,
        )

    async def ack_folder(self, folder: Probe, acks: AckFolder) -> None:
        """What reading acks does: list, and move into both trays, which are made when they are missing.

        Raises:
            TransportError: as `export_folder`.
        """
        await folder.require()
        self._report.passed("ack_folder")
        await _sweep(folder, [file.name for file in await acks.files()])
        self._report.passed("ack_list")
        tried = [await self._put_away(folder, acks, tray) for tray in Tray]
        self._report.passed("ack_move", "" if all(tried) else "not tried: the user may not make a file there")

    async def clean_up(self) -> None:
        """Remove what is left, as far as the server lets us within a few seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(CLEAN_UP_S):
                for folder, name in self._made:
                    with suppress(TransportError):
                        await folder.remove(name)
        self._made.clear()

    def _name(self, folder: Probe, place: str = "") -> str:
        name = f"{place}countersign-probe-{int(time.time())}.{secrets.token_hex(8)}{TEMP_SUFFIX}"
        self._made.append((folder, name))
        return name

    async def _rename(self, folder: Probe, first: str, second: str, third: str) -> tuple[str, bool, bool]:
        """Both kinds of rename: the name where the file is now, and which of them work."""
        posix = await folder.posix_rename(first, second) and await _moved(folder, first, second)
        here, free = (second, third) if posix else (first, second)
        plain = await folder.plain_rename(here, free) and await _moved(folder, here, free)
        final = free if plain else here
        if not posix and not plain:
            raise TransportError(
                TransportCode.PERMISSION_DENIED,
                sentence=(
                    "Permission denied: files in the export path cannot be renamed; without that no order can"
                    " be handed over whole"
                ),
            )
        self._report.passed("rename")
        return final, posix, plain

    async def _overwrite(self, folder: Probe, final: str, *, posix: bool) -> tuple[bool, bool]:
        """Whether exclusive creation, and whether a plain rename, refuses a name that is there."""
        other = self._name(folder)
        await folder.write(other, b"another file\n")
        exclusive = await folder.refuses_existing(other)
        refuses = not await folder.plain_rename(other, final)
        note = "refused by the server"
        if not refuses:
            note = "not refused by the server: Countersign looks before it renames"
            # what was replaced is written again, so that the next step reads the probe and not the other
            await folder.remove(final)
            await folder.write(final, _CONTENT)
        self._report.passed("overwrite", note)
        return exclusive, refuses

    async def _require_same(self, folder: Probe, name: str, step: str) -> None:
        seen = await folder.look(name, _SHA256, len(_CONTENT), no_progress)
        if seen is Seen.ABSENT:
            raise TransportError(
                TransportCode.VERIFICATION_FAILED,
                sentence=(
                    "Verification failed: the file disappeared before it could be read back; something on the"
                    " server takes or renames new files"
                ),
            )
        if seen is Seen.OTHER:
            raise TransportError(TransportCode.VERIFICATION_FAILED, step)

    async def _delete(self, folder: Probe) -> None:
        for _, name in self._made:
            await folder.remove(name)
        for _, name in self._made:
            if await folder.look(name, _SHA256, len(_CONTENT), no_progress) is not Seen.ABSENT:
                raise TransportError(
                    TransportCode.PERMISSION_DENIED,
                    sentence=("Permission denied: a deleted file is still there, although the server agreed"),
                )
        self._made.clear()
        self._report.passed("delete")

    async def _put_away(self, folder: Probe, acks: AckFolder, tray: Tray) -> bool:
        """Whether a file was moved: a user who may only take files away cannot make one to move."""
        name = self._name(folder)
        self._made.append((folder, f"{tray}/{name}"))
        try:
            await folder.write(name, _CONTENT)
        except TransportError as error:
            if error.code is not TransportCode.PERMISSION_DENIED:
                raise
            await acks.move(name, tray, name)  # makes the tray and finds nothing to move
            return False
        if await acks.move(name, tray, name) is not Moved.MOVED:
            raise TransportError(TransportCode.PERMISSION_DENIED, f"moving into {tray}/")
        await folder.remove(f"{tray}/{name}")
        return True


async def _moved(folder: Probe, source: str, target: str) -> bool:
    """Believe the folder and not the answer.

    Raises:
        TransportError: a rename that leaves the old name would let a repeat publish the order twice.
    """
    old = await folder.look(source, _SHA256, len(_CONTENT), no_progress)
    new = await folder.look(target, _SHA256, len(_CONTENT), no_progress)
    if new is Seen.SAME and old is not Seen.ABSENT:
        raise TransportError(
            TransportCode.SERVER_ERROR,
            sentence=(
                "The server cannot be used: its rename copies the file and leaves the old name behind, so an"
                " order could be handed over twice"
            ),
        )
    if new is Seen.ABSENT and old is Seen.ABSENT:
        raise TransportError(
            TransportCode.VERIFICATION_FAILED,
            sentence=(
                "Verification failed: the file disappeared when it was renamed; something on the server takes"
                " or renames new files"
            ),
        )
    return new is Seen.SAME


def old_probes(names: Iterable[str]) -> list[str]:
    """Those of the names that a connection test left which must have died; they carry their time."""
    found = [(name, _PROBE.fullmatch(name)) for name in names]
    return [name for name, probe in found if probe and int(probe.group(1)) < time.time() - OLD_S]


async def _sweep(folder: Probe, names: list[str]) -> None:
    """Take away what tests that died have left here; no other sweeper looks into an ack folder."""
    for name in old_probes(names):
        with suppress(TransportError):
            await folder.remove(name)
