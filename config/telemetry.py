"""Traces, when OTEL_EXPORTER_OTLP_ENDPOINT names a collector; otherwise nothing is installed at all.

Temporal stores the trace's ids in clear text (headers pass the codec untouched), and collectors are often
other companies' machines: spans carry ids and names only, and `WithoutWords` holds every span to that.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import temporalio.client
import temporalio.worker
from fastapi import FastAPI
from opentelemetry import context as otel_context
from opentelemetry import propagate, trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import SpanKind, Status, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from temporalio.api.common.v1 import Payload
from temporalio.contrib.opentelemetry import TracingInterceptor, TracingWorkflowInboundInterceptor

from config.settings import Settings

_TRACER = "countersign"

ATTRIBUTES = frozenset(
    {
        "http.method",
        "http.request.method",
        "http.response.status_code",
        "http.route",
        "http.status_code",
        "temporalActivityID",
        "temporalRunID",
        "temporalWorkflowID",
        "db.system",
        "db.statement",
        "countersign.attempt",
        "countersign.connector",
        "countersign.draft_id",
        "countersign.error",
        "countersign.export_id",
        "countersign.outcome",
        "countersign.request_id",
    }
)


class WithoutWords(SpanExporter):
    """Pass spans on without what people or servers wrote: exceptions, descriptions, unknown attributes."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return self._exporter.export([_bare(span) for span in spans])

    def shutdown(self) -> None:
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._exporter.force_flush(timeout_millis)


def _bare(span: ReadableSpan) -> ReadableSpan:
    return ReadableSpan(
        name=span.name,
        context=span.context,
        parent=span.parent,
        resource=span.resource,
        attributes={name: value for name, value in (span.attributes or {}).items() if name in ATTRIBUTES},
        events=(),
        links=span.links,
        kind=span.kind,
        status=Status(span.status.status_code),
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )


_newest: list[TracerProvider] = []  # whose spans activities make


class Tracing:
    """One process's tracer and where its spans go."""

    def __init__(self, service: str, exporter: SpanExporter) -> None:
        # W3C trace context only: baggage would carry a caller's own words into Temporal's headers
        propagate.set_global_textmap(TraceContextTextMapPropagator())
        self.provider = TracerProvider(resource=Resource.create({SERVICE_NAME: service}))
        self.provider.add_span_processor(BatchSpanProcessor(WithoutWords(exporter)))
        trace.set_tracer_provider(self.provider)
        _newest[:] = [self.provider]  # the global one can be set only once in a process

    @property
    def tracer(self) -> Tracer:
        return self.provider.get_tracer(_TRACER)

    @property
    def interceptor(self) -> TracingInterceptor:
        return RequestTracing(self.tracer)

    def follow(self, app: FastAPI) -> None:
        """A span for each request, named after its route."""
        FastAPIInstrumentor.instrument_app(
            app,
            tracer_provider=self.provider,
            exclude_spans=["receive", "send"],
            excluded_urls="/livez,/readyz,/metrics",
        )

    def shutdown(self) -> None:
        self.provider.shutdown()


def tracing(settings: Settings, service: str) -> Tracing | None:
    """None unless a collector is named; the exporter reads its other OTEL_EXPORTER_OTLP_… itself."""
    return Tracing(service, OTLPSpanExporter()) if settings.otlp_endpoint else None


def tracer() -> Tracer:
    """For spans of our own; does nothing in a process without tracing."""
    return _newest[0].get_tracer(_TRACER) if _newest else trace.get_tracer(_TRACER)


class RequestTracing(TracingInterceptor):
    """Temporal's own interceptor, but an update or signal belongs to its request's trace.

    The library puts them under the trace that started the workflow, and a draft lives for weeks.
    """

    def __init__(self, tracer: Tracer) -> None:
        super().__init__(tracer)
        self.text_map_propagator = TraceContextTextMapPropagator()

    def workflow_interceptor_class(
        self, input: temporalio.worker.WorkflowInterceptorClassInput
    ) -> type[TracingWorkflowInboundInterceptor]:
        super().workflow_interceptor_class(input)
        return _RequestTracingInbound


class _RequestTracingInbound(TracingWorkflowInboundInterceptor):
    """Writes nothing into history but headers, so histories recorded without it replay with it."""

    def __init__(self, next: temporalio.worker.WorkflowInboundInterceptor) -> None:
        super().__init__(next)
        self.text_map_propagator = TraceContextTextMapPropagator()

    async def handle_update_handler(self, input: temporalio.worker.HandleUpdateInput) -> Any:
        self._enter(input.headers)
        self._completed_span(f"HandleUpdate:{input.update}", kind=SpanKind.SERVER)
        return await self.next.handle_update_handler(input)

    def handle_update_validator(self, input: temporalio.worker.HandleUpdateInput) -> None:
        self.next.handle_update_validator(input)

    async def handle_signal(self, input: temporalio.worker.HandleSignalInput) -> None:
        self._enter(input.headers)
        self._completed_span(f"HandleSignal:{input.signal}", kind=SpanKind.SERVER)
        await self.next.handle_signal(input)

    def _enter(self, headers: Mapping[str, Payload]) -> None:
        # each handler is a task with a context of its own, which ends with it: nothing to detach
        header = headers.get(self.header_key)
        carrier = self.payload_converter.from_payloads([header])[0] if header else {}
        context = self.text_map_propagator.extract(carrier, otel_context.Context())
        otel_context.attach(self._set_on_context(context))
