"""A customer's signed callback has its effect; and the regular look for those that nobody set going."""

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy

with workflow.unsafe.imports_passed_through():
    from activities import names
    from domain.callbacks import (
        CALLBACK_RELAY_WORKFLOW,
        CALLBACK_WORKFLOW,
        CallbackOrder,
        CallbackSettled,
        CallbacksRelayed,
    )


@workflow.defn(name=CALLBACK_WORKFLOW)
class SettleCallbackWorkflow:
    @workflow.run
    async def run(self, order: CallbackOrder) -> CallbackSettled:
        """Tried until it is settled, however long database or proof are away."""
        settled: CallbackSettled = await workflow.execute_activity(
            names.SETTLE_CALLBACK,
            order,
            result_type=CallbackSettled,
            summary="decide the proof that the callback names",
            start_to_close_timeout=timedelta(seconds=30),
            retry_policy=RetryPolicy(maximum_interval=timedelta(seconds=30)),
        )
        return settled


@workflow.defn(name=CALLBACK_RELAY_WORKFLOW)
class RelayCallbacksWorkflow:
    @workflow.run
    async def run(self) -> CallbacksRelayed:
        relayed: CallbacksRelayed = await workflow.execute_activity(
            names.RELAY_CALLBACKS,
            result_type=CallbacksRelayed,
            summary="set callbacks going that were left behind",
            start_to_close_timeout=timedelta(minutes=2),
            retry_policy=RetryPolicy(maximum_attempts=3),
        )
        return relayed
