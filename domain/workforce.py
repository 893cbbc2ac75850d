"""Whether anybody takes up the work that Temporal holds for us, and in a sentence when nobody does.

Read from the task queue as a whole, not from a draft: a draft that rests shows nothing of a missing worker.
"""

from datetime import timedelta

from pydantic import BaseModel

# A poll lasts up to a minute, and Temporal notes it when it begins and when it ends.
POLLED_WITHIN = timedelta(seconds=75)
# So long work may wait for a worker before somebody should look; relays bring some every half minute.
TAKEN_WITHIN = timedelta(seconds=15)


class Workforce(BaseModel):
    """`workers` asked for work within `POLLED_WITHIN`; `oldest_task_s` is 0 when no work waits."""

    workers: int
    oldest_task_s: float


_UNTIL = "nothing is decided or delivered until one does, and nothing is lost"
NO_WORKER = f"No worker asks for work; {_UNTIL}. Check that workers run"
WORK_WAITS = "Workers take up no work: some has waited for {seconds} s. Check that they run, and are enough"


def idle(seen: Workforce) -> str | None:
    """Why nothing gets on; None when somebody takes up the work."""
    if seen.workers == 0:
        return NO_WORKER
    if seen.oldest_task_s > TAKEN_WITHIN.total_seconds():
        return WORK_WAITS.format(seconds=round(seen.oldest_task_s))
    return None
