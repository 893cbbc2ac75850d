"""Gauges of open drafts, from PostgreSQL: how many wait for what, how long, and overdue acks."""

import asyncio
import time
from collections.abc import Iterable, Sequence

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric

from domain.statuses import WaitingFor
from storage.database import Database, DatabaseUnavailable
from storage.open_drafts import OpenDrafts, count_open_drafts

COUNTED_AGAIN_AFTER_S = 15.0


class OpenDraftGauges(CollectorRegistry):
    """What PostgreSQL says about open drafts, asked at most once in 15 s however often pages are read.

    While PostgreSQL is away there are no such gauges: an old number would look like a fresh one.
    """

    def __init__(self) -> None:
        super().__init__()
        self._counts: Sequence[OpenDrafts] | None = None
        self._counted_at = float("-inf")
        self._counting = asyncio.Lock()

    async def refresh(self, database: Database) -> None:
        async with self._counting:
            if time.monotonic() - self._counted_at < COUNTED_AGAIN_AFTER_S:
                return
            try:
                self._counts = await count_open_drafts(database)
            except DatabaseUnavailable:
                self._counts = None
            self._counted_at = time.monotonic()

    def collect(self) -> Iterable[Metric]:
        yield GaugeMetricFamily(
            "countersign_database_up",
            "1 when PostgreSQL answered the last count of open drafts",
            value=0 if self._counts is None else 1,
        )
        if self._counts is None:
            return
        drafts = GaugeMetricFamily(
            "countersign_drafts", "Open drafts by what they wait for", labels=["waiting_for"]
        )
        oldest = GaugeMetricFamily(
            "countersign_oldest_wait_seconds",
            "Since the last decision about the draft that has rested longest",
            labels=["waiting_for"],
        )
        known = {count.waiting_for: count for count in self._counts}
        for waiting in WaitingFor:
            count = known.get(waiting.value)
            drafts.add_metric([waiting.value], count.drafts if count else 0)
            oldest.add_metric([waiting.value], count.oldest_s if count else 0)
        yield drafts
        yield oldest
        yield GaugeMetricFamily(
            "countersign_acks_overdue",
            "Sent exports whose acknowledgement is later than their org allows",
            value=sum(count.acks_overdue for count in self._counts),
        )
