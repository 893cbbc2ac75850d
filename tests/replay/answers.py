"""Runs of the workflows beside the drafts', with answers in place of their activities."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

from temporalio import activity
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError
from temporalio.worker import Worker

import worker
from config.sandbox import runner
from tests.workflows.harness import TASK_QUEUE
from workflows.draft_order import DraftOrderWorkflow

RECONCILE_WORKFLOW = "ReconcileWorkflow"


def _name(code: type) -> str:
    return str(code.__dict__["__temporal_workflow_definition"].name)


# Beside the drafts': by their names, as the worker has them.
WORKFLOWS = {_name(code): code for code in worker.WORKFLOWS if code is not DraftOrderWorkflow}
HANGS = object()  # an answer that does not come
AWAY = ApplicationError("PostgreSQL did not answer in time", type="DatabaseUnavailable")
Handle = WorkflowHandle[Any, Any]
Run = Callable[[Client], Awaitable[Handle]]
ERRANDS: dict[str, Run] = {}


def errand(tell: Run) -> Run:
    ERRANDS[tell.__name__] = tell
    return tell


class Answers:
    """Stands for the activities: gives the answers in turn, raises those that are exceptions.

    `always` is by the activity's name: each time.
    """

    def __init__(self, *given: Any, **always: Any) -> None:
        self._given = list(given)
        self._always = always

    @activity.defn(dynamic=True)
    async def any(self, asked: Sequence[RawValue]) -> Any:
        name = activity.info().activity_type
        answer = self._always[name] if name in self._always else self._given.pop(0)
        if answer is HANGS:
            await asyncio.sleep(600)
        if isinstance(answer, Exception):
            raise answer
        return answer


@asynccontextmanager
async def answering(client: Client, *answers: Any, **always: Any) -> AsyncIterator[None]:
    async with Worker(
        client,
        task_queue=TASK_QUEUE,
        workflows=list(WORKFLOWS.values()),
        activities=[Answers(*answers, **always).any],
        workflow_runner=runner(),
        identity="worker",
    ):
        yield


async def begun(client: Client, name: str, order: Any = None) -> Handle:
    given = [] if order is None else [order]
    return await client.start_workflow(name, args=given, id=f"{name}-{uuid4()}", task_queue=TASK_QUEUE)


async def run(client: Client, name: str, order: Any = None, *answers: Any) -> Handle:
    """Until its end, whatever that is; of one that hangs, until its last step has begun."""
    async with answering(client, *answers):
        handle = await begun(client, name, order)
        if HANGS in answers:
            await asked(handle, len(answers))
            return handle
        try:
            await handle.result()
        except WorkflowFailureError:
            return handle
    return handle


async def asked(handle: Handle, times: int) -> None:
    """Until its `times`-th activity is scheduled."""
    await _has(handle, "activity_task_scheduled_event_attributes", times)


async def slept(handle: Handle, times: int) -> None:
    """Until its `times`-th timer is started."""
    await _has(handle, "timer_started_event_attributes", times)


async def _has(handle: Handle, kind: str, times: int) -> None:
    async with asyncio.timeout(60):
        while sum(each.HasField(kind) for each in (await handle.fetch_history()).events) < times:
            await asyncio.sleep(0.05)


def first_run(client: Client, handle: Handle) -> Handle:
    """Of one that has continued as new."""
    assert handle.first_execution_run_id is not None
    return client.get_workflow_handle(handle.id, run_id=handle.first_execution_run_id)
