"""A span around each SQL statement. The text is ours and every value is bound, so it holds no data.

opentelemetry-instrumentation-sqlalchemy declares itself for SQLAlchemy below 2.1 and wraps functions that
were imported long before; the events that it builds on are public.
"""

from typing import Any

from opentelemetry.trace import SpanKind, Status, StatusCode, Tracer
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

_SPAN = "countersign_span"
_LONGEST = 300


def trace_statements(engine: AsyncEngine, tracer: Tracer) -> None:
    def before(
        _connection: Any, _cursor: Any, statement: str, _values: Any, context: Any, _many: bool
    ) -> None:
        words = " ".join(statement.split())
        span = tracer.start_span(f"SQL {words.partition(' ')[0]}", kind=SpanKind.CLIENT)
        span.set_attribute("db.system", "postgresql")
        span.set_attribute("db.statement", words[:_LONGEST])
        setattr(context, _SPAN, span)

    def after(
        _connection: Any, _cursor: Any, _statement: str, _values: Any, context: Any, _many: bool
    ) -> None:
        _end(context, StatusCode.UNSET)

    def failed(error: Any) -> None:
        _end(error.execution_context, StatusCode.ERROR)

    event.listen(engine.sync_engine, "before_cursor_execute", before)
    event.listen(engine.sync_engine, "after_cursor_execute", after)
    event.listen(engine.sync_engine, "handle_error", failed)


def _end(context: Any, code: StatusCode) -> None:
    span = getattr(context, _SPAN, None)
    if span is not None:
        setattr(context, _SPAN, None)
        span.set_status(Status(code))
        span.end()
