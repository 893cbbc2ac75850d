"""Record the histories that are missing: `make histories`. What is stored is never written over.

A stored history stays until no run of its kind, started by the code that made it, can be open.
"""

import asyncio
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

from temporalio.client import WorkflowHandle, WorkflowHistory

from domain.records import Revision
from tests.replay import customer_errands, errands, line_stories, proof_errands
from tests.replay.answers import ERRANDS
from tests.replay.stories import CONTINUES_AT, SKIPS_TIME, STORIES
from tests.workflows.harness import Bench, World, a_worker, bench, dev_server

# every kind there is
__all__ = ["ERRANDS", "STORIES", "customer_errands", "errands", "line_stories", "proof_errands"]

HISTORIES = Path(__file__).with_name("histories")
_ABOUT_MACHINE = {"identity": "worker", "hostName": "host", "binaryChecksum": "", "buildId": ""}


class AlreadyRecorded(Exception):
    """The history exists; drafts of its kind may still be open, so it stays as it is."""


def path_of(name: str) -> Path:
    """Each revision of a draft's workflow has a history of its own; the first one's have no suffix."""
    if name in ERRANDS:
        return HISTORIES / f"{name}.json"
    return HISTORIES / f"{name}.r{max(Revision):d}.json"


def scrubbed(value: Any) -> Any:
    """Without what tells the machine it was recorded on."""
    if isinstance(value, dict):
        return {
            key: _ABOUT_MACHINE[key] if key in _ABOUT_MACHINE and isinstance(each, str) else scrubbed(each)
            for key, each in value.items()
            if key != "stackTrace"
        }
    return [scrubbed(each) for each in value] if isinstance(value, list) else value


def store(name: str, history: WorkflowHistory) -> Path:
    """Write one history.

    Raises:
        AlreadyRecorded: add a story under a new name instead.
    """
    body = {"workflow_id": history.workflow_id, **scrubbed(json.loads(history.to_json()))}
    text = json.dumps(body, indent=1, sort_keys=True) + "\n"
    machine = (rf"@{os.uname().nodename}\b", str(Path.cwd()) + "/", str(Path.home()) + "/")
    if any(re.search(word, text) for word in machine):
        found = [
            text[max(0, hit.start() - 60) : hit.end() + 20]
            for word in machine
            for hit in re.finditer(word, text)
        ]
        raise AssertionError(f"{name} still names this machine: {found}")
    try:
        with path_of(name).open("x") as file:
            file.write(text)
    except FileExistsError:
        raise AlreadyRecorded(f"{path_of(name).name} exists: histories are added, never replaced") from None
    return path_of(name)


async def record(names: list[str]) -> None:
    knob = f"limit.historyCount.suggestContinueAsNew={CONTINUES_AT}"
    async with dev_server() as plain, dev_server(knob) as early:
        for name in names:
            if name in SKIPS_TIME:
                async with bench(identity="worker") as skipping:
                    await _tell(name, skipping)
                continue
            server = early if name.startswith("continue") else plain
            if name in ERRANDS:
                await _keep(name, await ERRANDS[name](server.client))
                continue
            world = World()
            async with a_worker(server.client, world, identity="worker"):
                await _tell(name, Bench(server, world))


async def _tell(name: str, told_on: Bench) -> None:
    await _keep(name, (await STORIES[name](told_on)).handle)


async def _keep(name: str, handle: WorkflowHandle[Any, Any]) -> None:
    stored = store(name, await handle.fetch_history())
    print(f"  {stored.name}")
    if (await handle.describe()).close_time is None:
        await handle.terminate("recorded")


def main() -> int:
    HISTORIES.mkdir(exist_ok=True)
    wanted = sys.argv[1:] or [name for name in (*STORIES, *ERRANDS) if not path_of(name).exists()]
    try:
        for name in wanted:
            if path_of(name).exists():
                raise AlreadyRecorded(f"{name}.json exists: histories are added, never replaced")
        asyncio.run(record(wanted))
    except AlreadyRecorded as refused:
        print(refused, file=sys.stderr)
        return 1
    print(f"{len(wanted)} recorded, {len(list(HISTORIES.glob('*.json')))} stored in {HISTORIES}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
