"""Traces over the wire: a small OTLP receiver gets one push from the request to the dropzone as one trace."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from config.settings import Settings
from config.telemetry import tracing
from tests.observability.test_tracing import pushed, served, settings

__all__ = ["settings"]  # a fixture


class Receiver(ThreadingHTTPServer):
    """What a collector does with OTLP over HTTP, as far as it goes: take it, and keep it."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Take)
        self.requests: list[ExportTraceServiceRequest] = []
        self.paths: set[str] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def services(self) -> set[str]:
        return {
            each.value.string_value
            for request in self.requests
            for part in request.resource_spans
            for each in part.resource.attributes
            if each.key == "service.name"
        }

    @property
    def spans(self) -> list[Span]:
        return [
            span
            for request in self.requests
            for part in request.resource_spans
            for scope in part.scope_spans
            for span in scope.spans
        ]


class _Take(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            raise AssertionError("the receiver reads plain bodies only")
        request = ExportTraceServiceRequest()
        request.ParseFromString(body)
        self.server.paths.add(self.path)
        self.server.requests.append(request)
        answer = ExportTraceServiceResponse().SerializeToString()
        self.send_response(200)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: object) -> None:
        return


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def ancestors(spans: list[Span], span: Span) -> list[str]:
    """Names from the span up to its root."""
    by_id = {one.span_id: one for one in spans}
    names = [span.name]
    while span.parent_span_id:
        span = by_id[span.parent_span_id]
        names.append(span.name)
    return names


async def test_a_collector_gets_one_push_as_one_trace_from_the_request_to_the_dropzone(
    settings: Settings, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url)
    traced = tracing(settings.model_copy(update={"otlp_endpoint": receiver.url}), "countersign-test")
    assert traced is not None
    async with served(settings, traced) as (http, _client):
        draft_id = await pushed(http)
    traced.provider.force_flush()
    assert receiver.paths == {"/v1/traces"}
    assert receiver.services == {"countersign-test"}
    (request,) = [span for span in receiver.spans if span.name == "POST /draft-orders/{draft_id}/push"]
    trace = [span for span in receiver.spans if span.trace_id == request.trace_id]
    for step in ("stage", "publish"):
        (call,) = [span for span in trace if span.name == f"connector {step}"]
        assert call.kind == Span.SPAN_KIND_CLIENT
        way = ancestors(trace, call)
        assert way[-1] == request.name
        steps = [f"RunActivity:{step}", f"StartActivity:{step}", "StartWorkflowUpdate:push"]
        assert [name for name in way if name in steps] == steps
    assert "HandleUpdate:push" in {span.name for span in trace}
    # the draft's id may be there, what people wrote may not
    sent = b"".join(each.SerializeToString() for each in receiver.requests)
    assert draft_id.encode() in sent
    for word in (b"demo.example", b"PO-", b"countersign-demo"):
        assert word not in sent
