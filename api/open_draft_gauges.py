"""Gauges from PostgreSQL: how many open drafts wait for what and how long, overdue acks, what is untold."""

import asyncio
import time
from collections.abc import Iterable, Sequence

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric

from domain.statuses import WaitingFor
from storage.database import Database, DatabaseUnavailable
from storage.open_drafts import OpenDrafts, count_open_drafts
from storage.untold import Untold, count_untold

COUNTED_AGAIN_AFTER_S = 15.0


class OpenDraftGauges(CollectorRegistry):
    """What PostgreSQL says, asked at most once in 15 s however often pages are read.

    While PostgreSQL is away there are no such gauges: an old number would look like a fresh one.
    """

    def __init__(self) -> None:
        super().__init__()
        self._counts: Sequence[OpenDrafts] | None = None
        self._untold: Sequence[Untold] = ()
        self._counted_at = float("-inf")
        self._counting = asyncio.Lock()

    async def refresh(self, database: Database) -> None:
        async with self._counting:
            if time.monotonic() - self._counted_at < COUNTED_AGAIN_AFTER_S:
                return
            try:
                self._counts = await count_open_drafts(database)
                self._untold = await count_untold(database)
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
        yield from _open(self._counts)
        yield from _untold(self._untold)


def _open(counts: Sequence[OpenDrafts]) -> Iterable[Metric]:
    drafts = GaugeMetricFamily(
        "countersign_drafts", "Open drafts by what they wait for", labels=["waiting_for"]
    )
    oldest = GaugeMetricFamily(
        "countersign_oldest_wait_seconds",
        "Since the last decision about the draft that has rested longest",
        labels=["waiting_for"],
    )
    known = {count.waiting_for: count for count in counts}
    for waiting in WaitingFor:
        count = known.get(waiting.value)
        drafts.add_metric([waiting.value], count.drafts if count else 0)
        oldest.add_metric([waiting.value], count.oldest_s if count else 0)
    yield drafts
    yield oldest
    yield GaugeMetricFamily(
        "countersign_acks_overdue",
        "Sent exports whose acknowledgement is later than their org allows",
        value=sum(count.acks_overdue for count in counts),
    )


def _untold(counts: Sequence[Untold]) -> Iterable[Metric]:
    """The relays start what is left after some seconds, so a count that stays is trouble."""
    untold = GaugeMetricFamily(
        "countersign_untold", "Notices not told to drafts, callbacks without their effect", labels=["what"]
    )
    oldest = GaugeMetricFamily(
        "countersign_oldest_untold_seconds", "How long the oldest of them has been kept", labels=["what"]
    )
    for count in counts:
        untold.add_metric([count.what], count.untold)
        oldest.add_metric([count.what], count.oldest_s)
    yield untold
    yield oldest
