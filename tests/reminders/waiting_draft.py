"""Stands for a draft's workflow: hears that somebody calls, and has its line's row say so.

Imported by the workflow sandbox.
"""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from datetime import timedelta

    from domain.messages import DRAFT_ORDER_WORKFLOW, PHONE_CALL, PhoneCall

HEAR = "hear_call"


@workflow.defn(name=DRAFT_ORDER_WORKFLOW)
class WaitingDraft:
    def __init__(self) -> None:
        self._heard: list[PhoneCall] = []

    @workflow.run
    async def run(self, org_id: str, draft_id: str) -> None:
        while True:
            await workflow.wait_condition(lambda: bool(self._heard))
            call = self._heard.pop(0)
            await workflow.execute_activity(
                HEAR,
                args=[org_id, draft_id, str(call.color_up_id)],
                start_to_close_timeout=timedelta(seconds=30),
            )

    @workflow.signal(name=PHONE_CALL)
    def phone_call(self, call: PhoneCall) -> None:
        self._heard.append(call)
