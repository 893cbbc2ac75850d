"""Whether a draft's workflow gets on, as Temporal describes it, and in a sentence why not.

Read only from what Temporal says without a worker: a draft that stands still cannot speak for itself.
"""

from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import BaseModel

from domain.canonical import utc_text

# So long a step may wait for a worker, or a workflow task for its end, before somebody should look.
PATIENCE = timedelta(seconds=15)
_RECORD = "record"


class Step(BaseModel):
    """A pending activity. `failure` is the type of its last failure; its text may be encrypted."""

    name: str
    attempt: int
    scheduled_at: datetime | None
    started: bool
    paused: bool
    failure: str | None


class Pulse(BaseModel):
    """What Temporal says of a draft's newest run."""

    is_open: bool
    steps: list[Step] = []
    task_attempt: int = 0  # of the pending workflow task; 0 when none is pending
    task_scheduled_at: datetime | None = None
    task_started: bool = False
    problems: list[str] = []  # as Temporal's TemporalReportedProblems has them
    reset_at: datetime | None = None

    @property
    def is_calm(self) -> bool:
        """Nothing is under way: neither an activity nor a workflow task."""
        return self.is_open and not self.steps and self.task_attempt == 0


class Trouble(StrEnum):
    ENDED = "ended"
    TASK_FAILS = "task_fails"
    CONFLICT = "conflict"
    NOT_RECORDED = "not_recorded"
    STEP_FAILS = "step_fails"
    PAUSED = "paused"
    NO_WORKER = "no_worker"
    RESET = "reset"


SENTENCES: dict[Trouble, str] = {
    Trouble.ENDED: "No workflow runs for this draft any more: it was terminated or lost. An engineer can "
    "take it up again from what is recorded (countersign restore)",
    Trouble.TASK_FAILS: "The draft's workflow cannot go on: its step failed {count} times ({problem}). "
    "Nothing is lost; the worker's log has the reason, and the draft goes on once workers are mended",
    Trouble.CONFLICT: "The draft's workflow was reset: it contradicts what is recorded, and nothing it "
    "decides is kept. An engineer must take the draft up again from what is recorded (countersign restore)",
    Trouble.NOT_RECORDED: "The last decision is not on record yet ({problem}, tried {count} times); it is "
    "tried again until PostgreSQL takes it",
    Trouble.STEP_FAILS: "The step {step} fails ({problem}, tried {count} times) and is tried again",
    Trouble.PAUSED: "The step {step} is paused in Temporal; an engineer must unpause it",
    Trouble.NO_WORKER: "No worker has taken up the draft's next step since {since}; check that workers run, "
    "and that they run the version that Temporal sends work to",
    Trouble.RESET: "The draft's workflow was reset at {since}; have an engineer run countersign reconcile "
    "before anything else is decided",
}


def trouble(pulse: Pulse, recorded_at: datetime, now: datetime) -> tuple[Trouble, str] | None:
    """The first thing that keeps an open draft from getting on; None when nothing is known to.

    `recorded_at` is the time of the last decision that its row holds.
    """
    if not pulse.is_open:
        return Trouble.ENDED, SENTENCES[Trouble.ENDED]
    if pulse.task_attempt > 2:  # once is what a killed worker leaves
        return _said(Trouble.TASK_FAILS, count=pulse.task_attempt - 1, problem=_problem(pulse))
    for step in pulse.steps:
        found = _of_step(step, now)
        if found is not None:
            return found
    waits = pulse.task_scheduled_at if pulse.task_attempt and not pulse.task_started else None
    if waits is not None and now - waits > PATIENCE:
        return _said(Trouble.NO_WORKER, since=utc_text(waits))
    if pulse.reset_at is not None and pulse.reset_at > recorded_at:
        return _said(Trouble.RESET, since=utc_text(pulse.reset_at))
    return None


def _of_step(step: Step, now: datetime) -> tuple[Trouble, str] | None:
    if step.failure == "SequenceConflict":
        return _said(Trouble.CONFLICT)
    if step.paused:
        return _said(Trouble.PAUSED, step=step.name)
    if step.failure is not None:
        kind = Trouble.NOT_RECORDED if step.name == _RECORD else Trouble.STEP_FAILS
        return _said(kind, step=step.name, problem=step.failure, count=step.attempt - 1)
    waits = step.scheduled_at
    if not step.started and waits is not None and now - waits > PATIENCE:
        return _said(Trouble.NO_WORKER, since=utc_text(waits))
    return None


def _problem(pulse: Pulse) -> str:
    causes = [
        each.removeprefix("cause=WorkflowTaskFailedCause") for each in pulse.problems if "cause=" in each
    ]
    return ", ".join(causes) or "a bug, another version, a missing key"


def _said(kind: Trouble, **words: object) -> tuple[Trouble, str]:
    return kind, SENTENCES[kind].format(**words)
