"""Looks at Temporal and its task queue now and then, so that no page has to."""

import asyncio
import time
from datetime import UTC, datetime, timedelta

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest, DescribeTaskQueueResponse
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from config.temporal import first_connection
from domain.workforce import POLLED_WITHIN, Workforce, idle

_LIMIT_S = 2.0
# Two looks without an answer: one may be a restart of a Temporal server among several.
_SURE_AFTER = 2
_AWAY = frozenset({RPCStatusCode.UNAVAILABLE, RPCStatusCode.DEADLINE_EXCEEDED, RPCStatusCode.CANCELLED})
_KINDS = (TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW, TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY)


class Lookout:
    """What it saw last. Before its first look, and when its last one is long ago, it knows nothing."""

    def __init__(self, client: Client, task_queue: str, every_s: float = 5.0) -> None:
        self._client = client
        self._task_queue = task_queue
        self._every_s = every_s
        self._seen: Workforce | None = None
        self._seen_at = float("-inf")
        self._unanswered = 0
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._watch())

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    @property
    def temporal_is_away(self) -> bool:
        return self._unanswered >= _SURE_AFTER

    @property
    def workforce(self) -> Workforce | None:
        """None when nobody knows right now."""
        fresh = time.monotonic() - self._seen_at < 3 * self._every_s + _LIMIT_S
        return self._seen if fresh and not self.temporal_is_away else None

    @property
    def idle(self) -> str | None:
        """Why no work is taken up, in a sentence; None when it is, or nobody knows."""
        return None if self.workforce is None else idle(self.workforce)

    async def look(self) -> None:
        """One look at both queues: workflows' steps and activities."""
        try:
            async with asyncio.timeout(_LIMIT_S):
                with first_connection():
                    found = await asyncio.gather(*(self._describe(kind) for kind in _KINDS))
        except (RPCError, TimeoutError) as error:
            # one that refuses us, because of rights or load, is there
            away = isinstance(error, TimeoutError) or error.status in _AWAY
            self._unanswered = self._unanswered + 1 if away else 0
            return
        now = datetime.now(UTC)
        self._seen = Workforce(
            workers=max(_workers(each, now) for each in found),
            oldest_task_s=max(_oldest_s(each) for each in found),
        )
        self._seen_at, self._unanswered = time.monotonic(), 0

    async def _describe(self, kind: TaskQueueType.ValueType) -> DescribeTaskQueueResponse:
        request = DescribeTaskQueueRequest(
            namespace=self._client.namespace,
            task_queue=TaskQueue(name=self._task_queue),
            task_queue_type=kind,
            report_stats=True,
        )
        return await self._client.workflow_service.describe_task_queue(
            request, timeout=timedelta(seconds=_LIMIT_S)
        )

    async def _watch(self) -> None:
        while True:
            await self.look()
            await asyncio.sleep(self._every_s)


def _workers(queue: DescribeTaskQueueResponse, now: datetime) -> int:
    since = now - POLLED_WITHIN
    return len({each.identity for each in queue.pollers if each.last_access_time.ToDatetime(UTC) > since})


def _oldest_s(queue: DescribeTaskQueueResponse) -> float:
    return queue.stats.approximate_backlog_age.ToTimedelta().total_seconds()
