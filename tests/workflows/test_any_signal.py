"""No signal stops a workflow, whatever its name and whatever it carries (ADR 0001)."""

import asyncio
from typing import Any

from temporalio.api.common.v1 import Payload
from temporalio.api.enums.v1 import EventType as E
from temporalio.client import Client
from temporalio.common import RawValue
from temporalio.contrib.pydantic import pydantic_data_converter

from activities import names
from domain.digests import LOOK_AGAIN
from domain.proofs import SENT
from tests.replay.answers import HANGS, WORKFLOWS, Handle, answering, begun
from tests.replay.test_histories import ERRAND_FILES, history, kind

GARBAGE = RawValue(Payload(metadata={"encoding": b"json/plain"}, data=b"\xff{"))
STRANGE = RawValue(Payload(metadata={"encoding": b"nothing/known"}, data=b"x"))
CARRIED: list[list[Any]] = [[], [{}], [None], ["one", "two"], [GARBAGE], [STRANGE]]


def orders() -> dict[str, list[Any]]:
    """What each workflow is started with, from a history of its kind."""
    found: dict[str, list[Any]] = {}
    for recorded in map(history, ERRAND_FILES):
        given = recorded.events[0].workflow_execution_started_event_attributes.input.payloads
        found[kind(recorded)] = [RawValue(each) for each in given]
    return found


async def failed_tasks(handle: Handle) -> list[str]:
    """Once it has nothing left to do but wait for its activity."""
    async with asyncio.timeout(60):
        while True:
            events = (await handle.fetch_history()).events
            kinds = [each.event_type for each in events]
            ended = sum(
                map(kinds.count, (E.EVENT_TYPE_WORKFLOW_TASK_COMPLETED, E.EVENT_TYPE_WORKFLOW_TASK_FAILED))
            )
            if (
                E.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED in kinds
                and kinds.count(E.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED) == ended
            ):
                break
            await asyncio.sleep(0.05)
    failures = [
        each.workflow_task_failed_event_attributes
        for each in events
        if each.HasField("workflow_task_failed_event_attributes")
    ]
    return [each.failure.message for each in failures]


async def test_every_workflow_lives_on_after_any_signal(temporal: str) -> None:
    client = await Client.connect(temporal, data_converter=pydantic_data_converter)
    asked = {name: HANGS for key, name in vars(names).items() if key.isupper()}
    async with answering(client, **asked):
        running = [await begun(client, name, *given) for name, given in orders().items()]
        assert len(running) == len(WORKFLOWS)
        await asyncio.gather(
            *(
                handle.signal(name, args=carried)
                for handle in running
                for name in (SENT, LOOK_AGAIN, "unknown")
                for carried in CARRIED
            )
        )
        failures = await asyncio.gather(*map(failed_tasks, running))
        assert failures == [[]] * len(running)
        for handle in running:
            await handle.terminate()
