"""One draft from creation to the ERP's ack through the API, and what its history holds."""

import asyncio
from pathlib import Path
from uuid import UUID

from temporalio.client import WorkflowExecutionStatus

from bench.dropzone import Reader
from bench.figures import Figures
from bench.ground import CUSTOMER_ID, LINE, ORG_ID, Ground, answered
from bench.histories import action_counts, event_counts, events_of
from domain.messages import Acknowledgement, draft_workflow_id

EVENTS_AIM = 100
ACTIONS_AIM = 30


async def measure(ground: Ground, figures: Figures, folder: Path) -> None:
    """
    Raises:
        RuntimeError: the draft does not come through its life.
    """
    body = {
        "customer_id": str(CUSTOMER_ID),
        "external_order_number": "PO-life",
        "currency": "EUR",
        "lines": [{**LINE, "qty": "10", "unit_price": "3.5500"}],
    }
    ops = ground.ops
    draft = await answered(ops.post("/draft-orders", json=body))
    path, draft_id = f"/draft-orders/{draft['id']}", UUID(draft["id"])
    await answered(ops.post(f"{path}/validate"))
    await answered(ops.post(f"{path}/approve"))
    async with Reader(folder) as reader, asyncio.timeout(30):
        seen = reader.expect(draft_id)
        pushed = await answered(ops.post(f"{path}/push"))
        await seen
        await _until(ground, path, "PUSHED")
        ack = Acknowledgement(export_id=UUID(pushed["erp_export_id"]), status="ACKED", erp_order_id="SO-1")
        await ground.drafts().acknowledge(ORG_ID, draft_id, ack)
        workflow_id = draft_workflow_id(ORG_ID, draft_id)
        handle = ground.client.get_workflow_handle(workflow_id)
        while (await handle.describe()).status is not WorkflowExecutionStatus.COMPLETED:
            await asyncio.sleep(0.02)
    events = await events_of(ground.client, workflow_id)
    kinds, actions = event_counts(events), action_counts(events)
    figures.add("life", "history events", len(events), "events", at_most=EVENTS_AIM, note=_listed(kinds))
    figures.add(
        "life",
        "billable actions",
        sum(actions.values()),
        "actions",
        at_most=ACTIONS_AIM,
        note=_listed(actions),
    )
    size = sum(event.ByteSize() for event in events) / 1024
    figures.add("life", "history size", size, "KiB")


async def _until(ground: Ground, path: str, status: str) -> None:
    while (await answered(ground.ops.get(path)))["status"] != status:
        await asyncio.sleep(0.02)


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts.items())
