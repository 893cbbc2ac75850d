"""Gauges of what the lookout saw last: Temporal, the workers, and how long work waits for one."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric

from commands.lookout import Lookout


class WorkforceGauges(CollectorRegistry):
    """What nobody knows right now is left out: an old number would look like a fresh one."""

    def __init__(self, lookout: Lookout) -> None:
        super().__init__()
        self._lookout = lookout

    def collect(self) -> Iterable[Metric]:
        seen = self._lookout.workforce
        yield GaugeMetricFamily(
            "countersign_temporal_up",
            "0 when Temporal has not answered two questions about its task queue, asked every 5 s",
            value=0 if self._lookout.temporal_is_away else 1,
        )
        if seen is None:
            return
        yield GaugeMetricFamily(
            "countersign_workers", "Workers that asked Temporal for work in the last 75 s", value=seen.workers
        )
        yield GaugeMetricFamily(
            "countersign_oldest_task_seconds",
            "How long the work that waits longest has waited for a worker",
            value=seen.oldest_task_s,
        )
