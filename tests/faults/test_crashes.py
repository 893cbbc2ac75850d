"""The worker is killed in the middle of an export, while an ERP takes every file away: still one file."""

import asyncio
from pathlib import Path
from uuid import uuid4

import pytest

from local.stack import Stack
from tests.e2e.conftest import Person, draft_in, settled

pytestmark = pytest.mark.fault  # minutes

ROUNDS = 2


class Erp:
    """Takes every finished file away at once. `saw` is set at the first sight of a suffix."""

    def __init__(self, folder: Path, suffix: str) -> None:
        self._folder = folder
        self._suffix = suffix
        self.taken: list[str] = []
        self.saw = asyncio.Event()
        self._task = asyncio.create_task(self._read())

    async def _read(self) -> None:
        while True:
            for path in self._folder.iterdir():
                if path.name.endswith(self._suffix):
                    self.saw.set()
                if path.name.endswith(".json"):
                    path.unlink()
                    self.taken.append(path.name)
            await asyncio.sleep(0)

    async def stop(self) -> None:
        await asyncio.sleep(0.3)
        self._task.cancel()


@pytest.mark.parametrize("suffix", [".tmp", ".json"], ids=["after stage", "after publish"])
async def test_a_killed_worker_never_makes_a_second_file(fragile: Stack, clerk: Person, suffix: str) -> None:
    folder = fragile.var / "dropzone" / "demo" / "orders"
    for _ in range(ROUNDS):
        draft = await draft_in(clerk, "APPROVED")
        erp = Erp(folder, suffix)
        push = asyncio.create_task(
            clerk.call("POST", f"/draft-orders/{draft['id']}/push", headers={"Idempotency-Key": uuid4().hex})
        )
        await asyncio.wait_for(erp.saw.wait(), 20)
        await fragile.kill("worker")
        await push
        await fragile.start("worker")
        done = await settled(clerk, draft["id"], "PUSHED", within_s=60)
        await erp.stop()
        assert [name for name in erp.taken if draft["id"] in name] == [done["exports"][0]["file_name"]]
        assert len(done["exports"]) == 1
