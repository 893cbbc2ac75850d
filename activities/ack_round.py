"""What the steps of one poll share: which folder it is, what happened so far, what went wrong."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from config.metrics import WorkerMetrics
from domain.ack_polls import AckPollReport
from storage.database import Database


class Problem(Exception):
    """Part of a poll could not be done; the next one goes on. `code` and a sentence for the connection."""

    def __init__(self, code: str, sentence: str) -> None:
        self.code = code
        self.sentence = sentence
        super().__init__(sentence)


@dataclass
class Round:
    """One poll of one connection. `problem` is the first that did not stop it."""

    org_id: UUID
    connection_id: UUID
    place: dict[str, Any]  # the connection's public configuration
    started_at: datetime  # by PostgreSQL's clock
    database: Database
    counted: WorkerMetrics
    report: AckPollReport = field(default_factory=AckPollReport)
    problem: Problem | None = None

    def note(self, problem: Problem) -> None:
        self.problem = self.problem or problem

    def count(self, outcomes: Sequence[str]) -> None:
        for outcome in outcomes:
            self.counted.ack_files.labels(outcome).inc()
