"""One trace from the request to the dropzone; nothing but ids and names in it; replay with and without."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import pytest
import pytest_asyncio
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from temporalio.client import Client, WorkflowHistory
from temporalio.worker import Replayer

from api.app import create_app
from config.keys import KeyRing
from config.sandbox import runner
from config.settings import Settings, load_settings
from config.telemetry import ATTRIBUTES, Tracing, WithoutWords, tracing
from config.temporal import connect
from domain.messages import draft_workflow_id
from local.seed import seeded_id
from local.stack import Stack
from storage.database import Database
from tests.observability.conftest import approved, log_in
from tests.observability.test_stack import until
from worker import build_worker
from workflows.draft_order import DraftOrderWorkflow

WORKFLOW_ID = "temporalWorkflowID"


@pytest_asyncio.fixture(loop_scope="session")
async def settings(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Settings:
    for name, value in stack.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)
    return load_settings().model_copy(update={"task_queue": f"traced-{uuid4().hex[:8]}"})


@asynccontextmanager
async def served(
    settings: Settings, traced: Tracing | None
) -> AsyncIterator[tuple[httpx.AsyncClient, Client]]:
    """API and worker in this process, on a task queue of their own."""
    keys = KeyRing.from_settings(settings)
    tracer = traced.tracer if traced else None
    database = Database(settings.database_url.get_secret_value(), tracer=tracer)
    client = await connect(keys, interceptors=[traced.interceptor] if traced else [])
    app = create_app(settings, traced)
    async with (
        build_worker(client, settings, database, keys),
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://traced") as http,
    ):
        await log_in(http)
        yield http, client
    await database.dispose()


async def pushed(http: httpx.AsyncClient) -> str:
    draft_id = await approved(http)
    assert (await http.post(f"/draft-orders/{draft_id}/push")).status_code == 200

    async def sent() -> bool:
        return bool((await http.get(f"/draft-orders/{draft_id}")).json()["status"] == "PUSHED")

    await until(sent)
    return draft_id


async def history(client: Client, draft_id: str) -> WorkflowHistory:
    name = draft_workflow_id(seeded_id("demo"), UUID(draft_id))
    return await client.get_workflow_handle(name).fetch_history()


def replayer(client: Client, traced: Tracing | None) -> Replayer:
    converter = client.config()["data_converter"]
    interceptors = [traced.interceptor] if traced else []
    return Replayer(
        workflows=[DraftOrderWorkflow],
        workflow_runner=runner(),
        data_converter=converter,
        interceptors=interceptors,
    )


async def test_a_push_is_one_trace_from_http_to_the_dropzone_and_histories_replay_both_ways(
    settings: Settings,
) -> None:
    async with served(settings, None) as (http, client):
        untraced = await history(client, await pushed(http))
    exporter = InMemorySpanExporter()
    traced = Tracing("test", exporter)
    async with served(settings, traced) as (http, client):
        draft_id = await pushed(http)
        with_headers = await history(client, draft_id)
        before = len(exporter.get_finished_spans())
        await replayer(client, traced).replay_workflow(untraced)
        await replayer(client, traced).replay_workflow(with_headers)
        await replayer(client, None).replay_workflow(untraced)
        await replayer(client, None).replay_workflow(with_headers)
        traced.provider.force_flush()
    spans = exporter.get_finished_spans()
    assert len(spans) > before

    (request,) = named(spans, "POST /draft-orders/{draft_id}/push")
    assert request.context is not None
    mine = [span for span in spans if span.context and span.context.trace_id == request.context.trace_id]
    names = {span.name for span in mine}
    assert names >= {
        "StartWorkflowUpdate:push",
        "HandleUpdate:push",
        "StartActivity:stage",
        "RunActivity:stage",
        "connector stage",
        "StartActivity:publish",
        "RunActivity:publish",
        "connector publish",
        "SQL SELECT",
    }
    for name in ("connector stage", "connector publish"):  # a replay must not tell them again
        assert len(named(spans, name)) == 1
    assert chain(mine, named(mine, "connector publish")[0])[-1] is request


def named(spans: list[ReadableSpan] | tuple[ReadableSpan, ...], name: str) -> list[ReadableSpan]:
    return [span for span in spans if span.name == name]


def chain(spans: list[ReadableSpan], span: ReadableSpan) -> list[ReadableSpan]:
    """The span and its ancestors, up to the root."""
    by_id = {one.context.span_id: one for one in spans if one.context is not None}
    path = [span]
    while path[-1].parent is not None:
        path.append(by_id[path[-1].parent.span_id])
    return path


def test_nothing_that_people_or_servers_wrote_leaves_with_a_span() -> None:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(WithoutWords(exporter)))
    tracer = provider.get_tracer("test")

    def step() -> None:
        with tracer.start_as_current_span("step") as span:
            span.set_attribute("http.route", "/draft-orders")
            span.set_attribute("url.query", "planted=1")
            span.add_event("planted")
            raise ValueError("planted")

    with pytest.raises(ValueError, match="planted"):
        step()
    (told,) = exporter.get_finished_spans()
    assert "planted" not in told.to_json()
    assert told.attributes == {"http.route": "/draft-orders"}
    assert told.status.status_code is trace.StatusCode.ERROR


def test_without_a_collector_nothing_is_installed(settings: Settings) -> None:
    assert settings.otlp_endpoint is None
    assert tracing(settings, "test") is None


def test_every_attribute_of_ours_may_pass() -> None:
    root = Path(__file__).parents[2]
    for source in ("activities/connector_spans.py", "activities/delivery.py", "storage/statement_spans.py"):
        for word in (root / source).read_text().split('"'):
            if word.startswith(("countersign.", "db.")):
                assert word in ATTRIBUTES
