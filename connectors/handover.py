"""Stage, publish and fence over any folder, decided only by looking at the folder.

The table is docs/design.md, "Exactly once to the ERP". SFTP, filesystem and mock supply a `DropFolder`.
"""

import secrets
from contextlib import AbstractAsyncContextManager, suppress
from enum import Enum
from typing import Protocol

from connectors.connector import require_whole
from connectors.port import OnProgress, no_progress
from domain.delivery import Delivery, FenceOutcome, PublishOutcome, StagedFile
from domain.transport import FinalFileConflict, StagedFileLost, TransportCode, TransportError

TEMP_SUFFIX = ".tmp"
CHUNK_BYTES = 256 * 1024


class Seen(Enum):
    """What a name in the folder holds, compared with the document."""

    ABSENT = "absent"
    SAME = "same"
    OTHER = "other"


class DropFolder(Protocol):
    """An open export folder. Every method may raise TransportError; names are plain file names."""

    async def look(self, name: str, sha256: str, size_bytes: int, on_progress: OnProgress) -> Seen:
        """Read the file back and compare. Symlinks and non-files are OTHER."""
        ...

    async def create(self, name: str, content: bytes, on_progress: OnProgress) -> None:
        """Create exclusively, write, fsync where offered."""
        ...

    async def rename(self, source: str, target: str) -> None:
        """Atomic; must not replace another file where the server can refuse that."""
        ...

    async def remove(self, name: str) -> bool:
        """Whether this call removed it. False only when it is not there."""
        ...

    async def require(self) -> None:
        """Raise FOLDER_NOT_FOUND unless the folder is there: a lost mount must not look like a taken file."""
        ...


OpenFolder = AbstractAsyncContextManager[DropFolder]


def temp_name(file_name: str) -> str:
    """A name unique to this try: `<file name>.<16 hex>.tmp`."""
    return f"{file_name}.{secrets.token_hex(8)}{TEMP_SUFFIX}"


def require_plain_name(name: str) -> None:
    """
    Raises:
        TransportError: DOCUMENT_INVALID for anything but a plain file name.
    """
    if not name or name in {".", ".."} or "/" in name or "\\" in name or not name.isprintable():
        raise TransportError(TransportCode.DOCUMENT_INVALID, "the file name is not a plain name")


async def stage(folder: DropFolder, delivery: Delivery, on_progress: OnProgress) -> StagedFile:
    """Upload under a fresh temporary name and verify what arrived.

    Raises:
        TransportError: DOCUMENT_INVALID when text and digest disagree, VERIFICATION_FAILED when the file
            read back differs, or the folder's own.
    """
    require_plain_name(delivery.file_name)
    content = require_whole(delivery)
    staged = StagedFile(
        temp_name=temp_name(delivery.file_name),
        file_name=delivery.file_name,
        sha256=delivery.sha256,
        size_bytes=delivery.size_bytes,
    )
    try:
        await folder.create(staged.temp_name, content, on_progress)
        # Servers report success for writes that a full disk cut short; only reading back shows it.
        if await _look(folder, staged.temp_name, staged, on_progress) is not Seen.SAME:
            raise TransportError(TransportCode.VERIFICATION_FAILED, staged.temp_name)
    except TransportError:
        with suppress(TransportError):
            await folder.remove(staged.temp_name)
        raise
    return staged


async def publish(
    folder: DropFolder, staged: StagedFile, *, first_try: bool, on_progress: OnProgress
) -> PublishOutcome:
    """Act by the table.

    Raises:
        StagedFileLost, FinalFileConflict, TransportError: see `ERPConnectorPort.publish`.
    """
    require_plain_name(staged.temp_name)
    require_plain_name(staged.file_name)
    temp, final = await _look_at_both(folder, staged, on_progress)
    if final is Seen.SAME:
        await _drop_leftover(folder, staged, temp)
        return PublishOutcome.ALREADY_THERE
    if temp is Seen.ABSENT:
        if first_try:
            raise StagedFileLost(staged.temp_name)
        return PublishOutcome.UNCONFIRMED
    if temp is Seen.OTHER:
        raise TransportError(TransportCode.VERIFICATION_FAILED, f"{staged.temp_name} changed after staging")
    return await _rename(folder, staged, on_progress)


async def _rename(folder: DropFolder, staged: StagedFile, on_progress: OnProgress) -> PublishOutcome:
    try:
        await folder.rename(staged.temp_name, staged.file_name)
    except TransportError as error:
        # A failed reply says nothing about the rename; and from here on, absence means "taken by the ERP".
        temp, final = await _look_at_both(folder, staged, on_progress)
        if final is Seen.SAME:
            await _drop_leftover(folder, staged, temp)
        elif temp is Seen.ABSENT:
            return PublishOutcome.UNCONFIRMED
        else:
            raise error from None
    return PublishOutcome.PUBLISHED


async def fence(folder: DropFolder, staged: StagedFile) -> FenceOutcome:
    """Take the staged file away so that no try still under way can publish it.

    Raises:
        TransportError: nobody can say.
    """
    require_plain_name(staged.temp_name)
    if not await folder.remove(staged.temp_name):
        return FenceOutcome.MAY_HAVE_BEEN_SENT
    # A rename made of link and unlink may have been cut in half: the document is out under both names.
    if await _look(folder, staged.file_name, staged, no_progress) is Seen.SAME:
        return FenceOutcome.MAY_HAVE_BEEN_SENT
    return FenceOutcome.NOT_SENT


async def _look(folder: DropFolder, name: str, staged: StagedFile, on_progress: OnProgress) -> Seen:
    return await folder.look(name, staged.sha256, staged.size_bytes, on_progress)


async def _look_at_both(folder: DropFolder, staged: StagedFile, on_progress: OnProgress) -> tuple[Seen, Seen]:
    # The staged name first: another try's rename between the two looks is then seen at the final name.
    temp = await _look(folder, staged.temp_name, staged, on_progress)
    final = await _look(folder, staged.file_name, staged, on_progress)
    if final is Seen.OTHER:
        raise FinalFileConflict(staged.file_name, staged_present=temp is not Seen.ABSENT)
    if temp is Seen.ABSENT and final is Seen.ABSENT:
        await folder.require()
    return temp, final


async def _drop_leftover(folder: DropFolder, staged: StagedFile, temp: Seen) -> None:
    if temp is not Seen.ABSENT:
        # The document is out; a leftover that cannot be removed now is for the sweeper.
        with suppress(TransportError):
            await folder.remove(staged.temp_name)
