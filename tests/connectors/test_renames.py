"""What a rename cut short may cost, with an ERP that takes files at once. See docs/adr/0010."""

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from connectors import dropzone_filesystem
from connectors.port import no_progress
from domain.delivery import PublishOutcome, StagedFile
from domain.transport import FinalFileConflict, TransportError
from tests.connectors.conftest import Dropzone, filesystem_dropzone, sftp_dropzone
from tests.connectors.servers import CutRename, Overwriting


class Killed(BaseException):
    pass


async def stage(zone: Dropzone) -> StagedFile:
    staged: StagedFile = await zone.connector.stage(zone.delivery, zone.config, no_progress)
    return staged


async def publish(zone: Dropzone, staged: StagedFile, *, first_try: bool) -> PublishOutcome:
    outcome: PublishOutcome = await zone.connector.publish(
        staged, zone.config, first_try=first_try, on_progress=no_progress
    )
    return outcome


@pytest.mark.parametrize("offered", [True, False], ids=["RENAME_NOREPLACE", "not offered"])
@pytest.mark.parametrize("call", ["link", "unlink", "rename", "fsync"])
async def test_a_worker_killed_at_any_call_of_a_rename_hands_over_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, offered: bool, call: str
) -> None:
    if not offered:
        monkeypatch.setattr(dropzone_filesystem, "_renameat2", lambda *_: False)
    async with filesystem_dropzone(tmp_path) as zone:
        staged = await stage(zone)
        with monkeypatch.context() as patched:

            def killed(*_: Any, **__: Any) -> None:
                raise Killed

            patched.setattr(os, call, killed)
            with suppress(Killed):
                await publish(zone, staged, first_try=True)
        taken = _take(zone, staged.file_name)
        outcome = await publish(zone, staged, first_try=False)
        taken += _take(zone, staged.file_name)
        assert taken == 1
        assert outcome in {PublishOutcome.PUBLISHED, PublishOutcome.UNCONFIRMED}


def _take(zone: Dropzone, name: str) -> int:
    if name not in zone.files.names():
        return 0
    zone.files.take(name)
    return 1


async def test_without_renameat2_a_conflict_is_still_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dropzone_filesystem, "_renameat2", lambda *_: False)
    (tmp_path / "a").write_text("a")
    (tmp_path / "b").write_text("b")
    folder = os.open(tmp_path, os.O_RDONLY)
    try:
        with pytest.raises(FileExistsError):
            dropzone_filesystem.rename_new(folder, "a", "b")
        dropzone_filesystem.rename_new(folder, "a", "c")
    finally:
        os.close(folder)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"b": "b", "c": "a"}


async def test_a_server_whose_rename_replaces_is_asked_only_after_a_look(tmp_path: Path) -> None:
    async with sftp_dropzone(tmp_path, sftp_class=Overwriting) as zone:
        staged = await stage(zone)
        zone.files.write(staged.file_name, b"somebody else's")
        with pytest.raises(FinalFileConflict):
            await publish(zone, staged, first_try=True)
        assert zone.files.read(staged.file_name) == b"somebody else's"


async def test_a_server_killed_between_link_and_unlink_leaves_both_names_and_is_settled(
    tmp_path: Path,
) -> None:
    async with sftp_dropzone(tmp_path, sftp_class=CutRename) as zone:
        staged = await stage(zone)
        CutRename.cut = True
        with pytest.raises(TransportError):
            await publish(zone, staged, first_try=True)
        assert zone.files.names() == {staged.temp_name, staged.file_name}
        assert await publish(zone, staged, first_try=False) is PublishOutcome.ALREADY_THERE
        assert zone.files.names() == {staged.file_name}


async def test_such_a_server_hands_over_twice_when_the_erp_is_quicker(tmp_path: Path) -> None:
    """The one case that docs/connectors.md admits; if this ever fails, the table there can say more."""
    async with sftp_dropzone(tmp_path, sftp_class=CutRename) as zone:
        staged = await stage(zone)
        CutRename.cut = True
        with pytest.raises(TransportError):
            await publish(zone, staged, first_try=True)
        taken = _take(zone, staged.file_name)
        await publish(zone, staged, first_try=False)
        assert taken + _take(zone, staged.file_name) == 2
