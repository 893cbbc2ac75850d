"""A folder on a dead mount costs a few threads, and nobody else's."""

import asyncio
import contextvars
import os
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from connectors import dropzone_filesystem
from connectors.addresses import resolve_allowed
from connectors.dropzone_filesystem import FilesystemFolder
from connectors.folder_threads import MOST_AT_ONCE, MOST_HUNG, FolderThreads
from connectors.policy import ConnectorPolicy
from domain.transport import TransportCode, TransportError
from tests.connectors.conftest import LOOPBACK


class DeadMount:
    """Steps hang in it until it comes back."""

    def __init__(self) -> None:
        self.back = threading.Event()
        self.entered = 0

    def __call__(self) -> str:
        self.entered += 1
        assert self.back.wait(60)
        return "back"


@pytest_asyncio.fixture
async def mount() -> AsyncIterator[DeadMount]:
    dead = DeadMount()
    yield dead
    dead.back.set()


async def given_up(threads: FolderThreads, mount: DeadMount, path: str = "/dead") -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await threads.run(path, mount)


async def test_after_a_few_hung_steps_a_folders_next_ones_fail_at_once_until_it_is_back(
    mount: DeadMount,
) -> None:
    threads = FolderThreads()
    for _ in range(MOST_HUNG):
        await given_up(threads, mount)
    with pytest.raises(TransportError, match="does not answer, as a dead mount does") as caught:
        await threads.run("/dead", mount)
    assert (caught.value.code, caught.value.retryable) == (TransportCode.CONNECTION_TIMEOUT, True)
    assert mount.entered == MOST_HUNG
    assert await threads.run("/alive", lambda: "well") == "well"
    mount.back.set()
    for _ in range(500):
        if not threads._hung["/dead"]:
            break
        await asyncio.sleep(0.01)
    assert await threads.run("/dead", mount) == "back"
    assert not threads._running


async def test_steps_that_nobody_gave_up_yet_are_counted_too(mount: DeadMount) -> None:
    threads = FolderThreads()
    waiting = [asyncio.create_task(threads.run("/dead", mount)) for _ in range(MOST_AT_ONCE)]
    await asyncio.sleep(0)
    with pytest.raises(TransportError):
        await threads.run("/dead", mount)
    mount.back.set()
    assert await asyncio.gather(*waiting) == ["back"] * MOST_AT_ONCE


async def test_a_step_raises_what_it_met_and_sees_its_callers_context() -> None:
    threads, said = FolderThreads(), contextvars.ContextVar("said", default="")
    said.set("request 7")
    assert await threads.run("/x", said.get) == "request 7"
    with pytest.raises(FileNotFoundError):
        await threads.run("/x", lambda: os.stat("/there/is/no/such/file"))  # noqa: PTH116
    assert not threads._running


async def test_names_are_resolved_while_a_mount_is_dead(
    mount: DeadMount, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    threads = FolderThreads()
    monkeypatch.setattr(dropzone_filesystem, "_THREADS", threads)
    monkeypatch.setattr(dropzone_filesystem, "folder_within_roots", lambda *_: mount())
    policy = ConnectorPolicy(filesystem_roots=(tmp_path,), allowed_networks=LOOPBACK)
    steps = 3 * (os.cpu_count() or 1) + 12  # more than asyncio's own threads
    folders = [FilesystemFolder(str(tmp_path / str(number)), policy, 0.05) for number in range(steps)]
    ends = await asyncio.gather(*(folder.require() for folder in folders), return_exceptions=True)
    assert {each.code for each in ends if isinstance(each, TransportError)} == {
        TransportCode.CONNECTION_TIMEOUT
    }
    assert mount.entered == steps
    assert await resolve_allowed("localhost", 22, policy, 20) != []
