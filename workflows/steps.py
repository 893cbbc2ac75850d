"""One activity, run as its row of the table of policies says: a step of the workflow, or a quick question."""

from datetime import timedelta
from typing import TypeVar

from temporalio import workflow
from temporalio.exceptions import FailureError

with workflow.unsafe.imports_passed_through():
    from domain.refusals import FactsUnavailable
    from workflows.policies import READ_FACTS, ActivityPolicy

_AWAY = "The database did not answer; nothing was changed, try again"

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


async def ask(name: str, question: object, *, gives: type[Answer], summary: str) -> Answer:
    """Read what a decision needs: a local activity, for somebody waits for the answer.

    Raises:
        FactsUnavailable
    """
    try:
        answer: Answer = await workflow.execute_local_activity(
            name,
            question,
            result_type=gives,
            summary=summary,
            start_to_close_timeout=READ_FACTS.start_to_close,
            schedule_to_close_timeout=READ_FACTS.schedule_to_close,
            retry_policy=READ_FACTS.retry,
        )
    except FailureError:
        raise FactsUnavailable(_AWAY) from None
    return answer
