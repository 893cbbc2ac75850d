"""What the processes count, each in a registry of its own. docs/observability.md explains every name.

Labels hold words from our own tables only: no org, no customer, no id, nothing that a client sends.
"""

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from domain.draft import Draft, Export
from domain.statuses import ExportStatus
from domain.transport import TransportCode

REQUEST_BUCKETS = (0.005, 0.01, 0.02, 0.04, 0.08, 0.15, 0.3, 0.6, 1.0, 2.0, 3.0, 10.0)
LAG_BUCKETS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0, 3600.0)
_MINUTE, _HOUR, _DAY = 60.0, 3600.0, 86400.0
SENT_BUCKETS = (
    *(0.1, 0.5, 1.0, 5.0, 30.0),
    *(_MINUTE, 5 * _MINUTE, 30 * _MINUTE),
    *(_HOUR, 4 * _HOUR, 12 * _HOUR),
    *(_DAY, 3 * _DAY, 7 * _DAY, 30 * _DAY),
)
OTHER = "other"
_BY_ERP = (("acked", "by_erp"), ("refused", "by_erp"))
_REASONS = frozenset(code.value for code in TransportCode) | {
    "DELIVERY_TIMEOUT",
    "DatabaseUnavailable",
    "StagedFileLost",
}


def reason_label(code: str | None) -> str:
    """A code of ours as it is; whatever else, such as an ERP's own code, under one name."""
    return code if code in _REASONS else OTHER


def _registry() -> CollectorRegistry:
    registry = CollectorRegistry(auto_describe=True)
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    return registry


class ApiMetrics:
    """The API process: requests and the commands in them."""

    def __init__(self) -> None:
        self.registry = _registry()
        self.requests = Histogram(
            "countersign_http_request_duration_seconds",
            "From a request's arrival to the first byte of its answer",
            ["route", "method", "status_class"],
            buckets=REQUEST_BUCKETS,
            registry=self.registry,
        )
        self.commands = Counter(
            "countersign_commands_total",
            "Commands sent to drafts over HTTP: ok, a refusal's type, not_found or unavailable",
            ["command", "result"],
            registry=self.registry,
        )
        self.callbacks = Counter(
            "countersign_callbacks_total",
            "Signed callbacks: accepted, repeated, or refused_ and the reason",
            ["result"],
            registry=self.registry,
        )


class WorkerMetrics:
    """The worker process: what was recorded, and how deliveries went."""

    def __init__(self) -> None:
        self.registry = _registry()
        self.pushes = Counter(
            "countersign_pushes_total",
            "Exports that came to an outcome (sent, failed, acked, refused), once each",
            ["outcome", "reason"],
            registry=self.registry,
        )
        self.tries = Counter(
            "countersign_delivery_tries_total",
            "Single tries of a delivery's steps; `result` is ok or the error's code",
            ["step", "result"],
            registry=self.registry,
        )
        self.approval_to_sent = Histogram(
            "countersign_approval_to_sent_seconds",
            "From the operator's approval to the file in the dropzone",
            buckets=SENT_BUCKETS,
            registry=self.registry,
        )
        self.ack_polls = Counter(
            "countersign_ack_polls_total",
            "Looks into ack folders; `result` is ok, skipped or the error's code",
            ["result"],
            registry=self.registry,
        )
        self.ack_files = Counter(
            "countersign_ack_files_total",
            "Ack files by how they ended, once each",
            ["outcome"],
            registry=self.registry,
        )
        self.projection_lag = Histogram(
            "countersign_projection_lag_seconds",
            "From a decision to its record in PostgreSQL",
            buckets=LAG_BUCKETS,
            registry=self.registry,
        )
        self.swept = Counter(
            "countersign_swept_files_total",
            "Old temporary files in dropzones: removed, kept (under way, or not ours), failed sweeps",
            ["result"],
            registry=self.registry,
        )
        # a series that is born at 1 never rises: increase() would not see the first failure
        for reason in (*sorted(_REASONS), OTHER):
            self.pushes.labels("failed", reason)
        for outcome, reason in (("sent", "confirmed"), ("sent", "unconfirmed"), *_BY_ERP):
            self.pushes.labels(outcome, reason)

    def count_outcome(self, draft: Draft, export: Export) -> None:
        """Count one change of an export, told once per recorded decision."""
        if export.status is ExportStatus.SENT:
            self.pushes.labels("sent", "unconfirmed" if export.unconfirmed else "confirmed").inc()
            if draft.approved_at is not None and export.sent_at is not None:
                waited = (export.sent_at - draft.approved_at).total_seconds()
                self.approval_to_sent.observe(max(0.0, waited))
        elif export.status is ExportStatus.ACKED:
            self.pushes.labels("acked", "by_erp").inc()
        elif export.status is ExportStatus.FAILED and export.refused_by_erp:
            self.pushes.labels("refused", "by_erp").inc()
        elif export.status is ExportStatus.FAILED:
            self.pushes.labels("failed", reason_label(export.error.code if export.error else None)).inc()
