"""A customer's signed callback has its effect; and the regular look for those that nobody set going."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities import names
    from domain.callbacks import (
        CALLBACK_RELAY_WORKFLOW,
        CALLBACK_WORKFLOW,
        CallbackOrder,
        CallbackSettled,
        CallbacksRelayed,
    )
    from workflows import policies
    from workflows.steps import step


@workflow.defn(name=CALLBACK_WORKFLOW)
class SettleCallbackWorkflow:
    @workflow.run
    async def run(self, order: CallbackOrder) -> CallbackSettled:
        return await step(
            names.SETTLE_CALLBACK,
            order,
            gives=CallbackSettled,
            policy=policies.SETTLE_CALLBACK,
            summary="decide the proof that the callback names",
        )


@workflow.defn(name=CALLBACK_RELAY_WORKFLOW)
class RelayCallbacksWorkflow:
    @workflow.run
    async def run(self) -> CallbacksRelayed:
        return await step(
            names.RELAY_CALLBACKS,
            gives=CallbacksRelayed,
            policy=policies.RELAY,
            summary="set callbacks going that were left behind",
        )
