"""One activity as a step of a workflow, run as its row of the table of policies says."""

from datetime import timedelta
from typing import TypeVar

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from workflows.policies import ActivityPolicy

Answer = TypeVar("Answer")


async def step(
    name: str,
    order: object = None,
    *,
    gives: type[Answer],
    policy: ActivityPolicy,
    summary: str,
    within: timedelta | None = None,
) -> Answer:
    """
    Args:
        order: what the activity is given; left out where it takes nothing.
        within: all tries together, where only the run knows how long that is.

    Raises:
        ActivityError: it gave up, as its policy has it; none that tries for ever does.
    """
    answer: Answer = await workflow.execute_activity(
        name,
        args=[] if order is None else [order],
        result_type=gives,
        summary=summary,
        start_to_close_timeout=policy.start_to_close,
        schedule_to_close_timeout=within or policy.schedule_to_close,
        heartbeat_timeout=policy.heartbeat,
        retry_policy=policy.retry,
    )
    return answer
