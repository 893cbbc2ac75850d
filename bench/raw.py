"""The yardstick: the least that Temporal can do for an update, on the same server, in the same run."""

from datetime import timedelta

from temporalio import activity, workflow
from temporalio.client import WorkflowHandle

TASK_QUEUE = "bench-raw"


@activity.defn
async def do_nothing(_given: str) -> None:
    return


@workflow.defn
class RawUpdates:
    """Waits for `finish`; each update does one thing and nothing else."""

    def __init__(self) -> None:
        self._finished = False

    @workflow.run
    async def run(self) -> None:
        await workflow.wait_condition(lambda: self._finished)

    @workflow.update
    async def nothing(self, _given: str) -> None:
        """The round trip alone."""

    @workflow.update
    async def one_local_activity(self, given: str) -> None:
        """The round trip and one local activity that does nothing: what approve is held against."""
        await workflow.execute_local_activity(do_nothing, given, start_to_close_timeout=timedelta(seconds=5))

    @workflow.signal
    def finish(self) -> None:
        self._finished = True


Run = WorkflowHandle[RawUpdates, None]
