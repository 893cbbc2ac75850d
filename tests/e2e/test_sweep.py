"""The scheduled sweep of the real stack's SFTP dropzone."""

import asyncio
import os
import time
from pathlib import Path

from temporalio.client import Client

from config.codec import encrypted_converter
from config.keys import KeyRing
from connectors.handover import temp_name
from domain.sweeping import SWEEP_WORKFLOW
from local.stack import Stack
from tests.e2e.conftest import People, Person, draft_in, settled


def left_behind(folder: Path, file_name: str) -> Path:
    path = folder / temp_name(file_name)
    path.write_text("{}")
    two_days_ago = time.time() - 2 * 86400
    os.utime(path, (two_days_ago, two_days_ago))
    return path


async def test_an_orphan_goes_and_a_file_of_an_export_that_waits_stays(
    stack: Stack, people: People, ops: Person, orders_folder: Path
) -> None:
    integrator = await people("integrator")
    row = (await integrator.json("GET", "/connectors"))["data"][-1]
    done = await draft_in(ops, "PUSHED")
    orphan = left_behind(orders_folder, done["exports"][0]["file_name"])
    await integrator.json("POST", f"/connectors/{row['id']}/pause")
    try:
        draft = await draft_in(ops, "APPROVED")
        await ops.json("POST", f"/draft-orders/{draft['id']}/push")
        waiting = await ops.json("GET", f"/draft-orders/{draft['id']}")
        staged = left_behind(orders_folder, waiting["exports"][0]["file_name"])
        client = await Client.connect(stack.temporal_address)
        await client.get_schedule_handle("sweep").trigger()
        for _ in range(600):
            if not orphan.exists():
                break
            await asyncio.sleep(0.05)
        assert not orphan.exists()
        assert staged.exists()
    finally:
        await integrator.json("POST", f"/connectors/{row['id']}/resume")
    await settled(ops, draft["id"], "PUSHED", within_s=40)
    staged.unlink()
    keys = dict(
        line.split("=", 1) for line in (stack.var / "local.env").read_text().splitlines() if "=" in line
    )
    reader = await Client.connect(
        stack.temporal_address, data_converter=encrypted_converter(KeyRing(keys["ENCRYPTION_MASTER_KEY"]))
    )
    told = []
    for _ in range(100):
        query = f"WorkflowType = '{SWEEP_WORKFLOW}' AND ExecutionStatus = 'Completed'"
        async for found in reader.list_workflows(query):
            told += await reader.get_workflow_handle(found.id, run_id=found.run_id).result()
        if any(each["connection_id"] == row["id"] for each in told):
            break
        await asyncio.sleep(0.1)
    (report,) = [each for each in told if each["connection_id"] == row["id"]][:1]
    assert (report["org"], report["error"]) == ("demo", None)
    assert report["removed"] >= 1
    assert report["kept"] >= 1
