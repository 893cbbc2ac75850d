"""A proof that is sent while the workflow is about to end because nothing waited."""

import asyncio

from temporalio import activity
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from activities import names
from commands.reminders import Reminders
from config.sandbox import runner
from domain.digests import PlanRequest, ReminderPlan, reminder_workflow_id
from tests.workflows.harness import CUSTOMER, ORG, TASK_QUEUE, TEST_SERVER
from workflows.reminders import ReminderDigestWorkflow


class Plans:
    """Finds nothing; the first time not before it may."""

    def __init__(self) -> None:
        self.asked = 0
        self.reached, self.may = asyncio.Event(), asyncio.Event()

    @activity.defn(name=names.PLAN_REMINDERS)
    async def plan(self, request: PlanRequest) -> ReminderPlan:
        self.asked += 1
        self.reached.set()
        await self.may.wait()
        return ReminderPlan(waiting=0)


async def looks(*, woken: bool) -> int:
    plans = Plans()
    async with (
        await WorkflowEnvironment.start_time_skipping(
            data_converter=pydantic_data_converter, test_server_existing_path=TEST_SERVER
        ) as env,
        Worker(
            env.client,
            task_queue=TASK_QUEUE,
            workflows=[ReminderDigestWorkflow],
            activities=[plans.plan],
            workflow_runner=runner(),
        ),
    ):
        reminders = Reminders(env.client, TASK_QUEUE, 5)
        await reminders.keep(ORG, CUSTOMER)
        await plans.reached.wait()
        await (reminders.start if woken else reminders.keep)(ORG, CUSTOMER)
        plans.may.set()
        handle = env.client.get_workflow_handle(reminder_workflow_id(CUSTOMER))
        while (await handle.describe()).close_time is None:
            await asyncio.sleep(0.05)
        return plans.asked


async def test_who_is_woken_while_it_looks_looks_again_before_it_ends() -> None:
    assert await looks(woken=True) == 2
    assert await looks(woken=False) == 1
