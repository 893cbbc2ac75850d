"""JSON logs on standard output: one object a line, with the request id where there is one."""

import logging
import sys

import structlog

# What workflows/journal.py says of a decision: ids and words of our own, never a customer's data.
WORKFLOW_FIELDS = (
    "org_id",
    "draft_id",
    "sequence",
    "command",
    "decided",
    "status",
    "via",
    "request_id",
    "user_id",
    "run_id",
)


class _Lines(logging.Handler):
    """Writes to whatever standard output is at the moment: tests and supervisors swap it."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            sys.stdout.write(self.format(record) + "\n")
            sys.stdout.flush()
        except (OSError, ValueError):
            return  # nobody reads any more; a process must not die of that


def configure_logs(level: str) -> None:
    numeric = logging.getLevelNamesMapping().get(level.upper(), logging.INFO)
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = _Lines()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processor=structlog.processors.JSONRenderer(),
            # a workflow logs through the standard library, so that nothing is said again in a replay
            foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder(allow=WORKFLOW_FIELDS)],
        )
    )
    logging.basicConfig(level=numeric, handlers=[handler], force=True)
    for name in ("uvicorn", "uvicorn.error"):  # they bring handlers of their own
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
    # its lines hold the query's values; api/requests.py writes one line a request without them
    logging.getLogger("uvicorn.access").handlers.clear()
    logging.getLogger("uvicorn.access").propagate = False
    # asyncssh names users, hosts and commands at INFO
    logging.getLogger("asyncssh").setLevel(logging.WARNING)
