"""The worker's metrics on ports of their own: ours on one, the Temporal SDK's on another.

A port that is taken must not keep orders from being delivered: it is logged, and the worker works on.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from prometheus_client import CollectorRegistry, start_http_server
from temporalio.runtime import PrometheusConfig, Runtime, TelemetryConfig

from config.settings import Settings

log = structlog.get_logger(__name__)


@contextmanager
def served(registry: CollectorRegistry, settings: Settings) -> Iterator[None]:
    """Answer `GET /metrics` on COUNTERSIGN_WORKER_METRICS_PORT while the block runs; without it, nothing."""
    host, port = settings.worker_metrics_host, settings.worker_metrics_port
    if port is None:
        yield
        return
    try:
        server, thread = start_http_server(port, host, registry)
    except OSError as error:
        log.error("metrics_not_served", host=host, port=port, reason=error.strerror)
        yield
        return
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def sdk_runtime(settings: Settings) -> Runtime | None:
    """Temporal's runtime with its own metrics page, or None for the default one without."""
    host, port = settings.worker_metrics_host, settings.worker_sdk_metrics_port
    if port is None:
        return None
    config = PrometheusConfig(
        bind_address=f"{host}:{port}",
        counters_total_suffix=True,
        unit_suffix=True,
        durations_as_seconds=True,
    )
    try:
        return Runtime(telemetry=TelemetryConfig(metrics=config))
    except RuntimeError as error:
        log.error("sdk_metrics_not_served", host=host, port=port, reason=str(error))
        return None
