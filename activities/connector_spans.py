"""A span around each call of a connector: which step, which kind, which export; never where to."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from opentelemetry.trace import Span, SpanKind, Status, StatusCode

from config.telemetry import tracer
from domain.transport import TransportError


@contextmanager
def connector_span(step: str, connector_type: str, export_id: UUID) -> Iterator[Span]:
    """Does nothing in a process without tracing."""
    attributes = {"countersign.connector": connector_type, "countersign.export_id": str(export_id)}
    with tracer().start_as_current_span(
        f"connector {step}", kind=SpanKind.CLIENT, attributes=attributes, record_exception=False
    ) as span:
        try:
            yield span
        except TransportError as error:
            span.set_attribute("countersign.error", error.code.value)
            span.set_status(Status(StatusCode.ERROR))
            raise
