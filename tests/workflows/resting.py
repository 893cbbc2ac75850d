"""Whether a workflow has done all that it was told."""

import asyncio
from typing import Any

from temporalio.api.enums.v1 import EventType as E
from temporalio.client import WorkflowHandle

_ENDS = {
    E.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED: (
        E.EVENT_TYPE_WORKFLOW_TASK_COMPLETED,
        E.EVENT_TYPE_WORKFLOW_TASK_FAILED,
        E.EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT,
    ),
    E.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED: (
        E.EVENT_TYPE_ACTIVITY_TASK_COMPLETED,
        E.EVENT_TYPE_ACTIVITY_TASK_FAILED,
    ),
}


async def rests(handle: WorkflowHandle[Any, Any]) -> None:
    """Until no step of it is under way: what comes next finds it with its looks made."""
    async with asyncio.timeout(30):
        while not await _rests(handle):
            await asyncio.sleep(0.05)


async def _rests(handle: WorkflowHandle[Any, Any]) -> bool:
    events = [each.event_type for each in (await handle.fetch_history()).events]
    return all(events.count(begun) == sum(map(events.count, ends)) for begun, ends in _ENDS.items())
