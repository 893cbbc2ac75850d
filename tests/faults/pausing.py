"""Drafts that are pushed while the connection is paused, and what came of them."""

import asyncio
from pathlib import Path

from tests.e2e.conftest import Body, Person, draft_in, files_of, settled


async def connection_path(clerk: Person) -> str:
    row = (await clerk.json("GET", "/connectors"))["data"][-1]
    return f"/connectors/{row['id']}"


async def pushed_into_the_pause(clerk: Person, count: int, at_once: int = 5) -> list[Body]:
    """Exports with `draft_order_id`, oldest push first, each once it waits for the end of the pause."""
    drafts = [await draft_in(clerk, "APPROVED") for _ in range(count)]
    turns = asyncio.Semaphore(at_once)

    async def push(draft: Body) -> Body:
        async with turns:
            await clerk.json("POST", f"/draft-orders/{draft['id']}/push")
        return await held(clerk, draft["id"])

    shown = await asyncio.gather(*(push(draft) for draft in drafts))
    return sorted((draft["exports"][0] for draft in shown), key=lambda export: str(export["created_at"]))


async def held(clerk: Person, draft_id: str, says: str = "The connection is paused since") -> Body:
    for _ in range(600):
        draft = await clerk.json("GET", f"/draft-orders/{draft_id}")
        if says in (draft["waiting_message"] or ""):
            return draft
        await asyncio.sleep(0.1)
    raise AssertionError(f"{draft['status']}: {draft['waiting_message']}")


async def delivered_once(clerk: Person, exports: list[Body], folder: Path, within_s: float = 90) -> None:
    """Each has one file and one export, and the pause was all that held it up."""
    for export in exports:
        draft = await settled(clerk, export["draft_order_id"], "PUSHED", within_s)
        assert [each["id"] for each in draft["exports"]] == [export["id"]]
        # a killed worker's upload stays under its temporary name until the sweep
        files = [name for name in files_of(folder, draft["id"]) if not name.endswith(".tmp")]
        assert files == [export["file_name"]]
