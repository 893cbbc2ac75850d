"""Workers that the benchmark adds: the yardstick's, and ours with one part switched off each.

`python -m bench.workers VARIANT` in an environment made by `local.stack`; ends on SIGTERM.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from unittest.mock import patch

from temporalio import workflow
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

import worker
import workflows.draft_order
from bench import raw
from config.settings import load_settings
from domain.records import Record
from storage import projection
from storage.database import Database
from workflows.ledger import Ledger
from workflows.visibility import details


def task_queue(variant: str) -> str:
    return raw.TASK_QUEUE if variant == "raw" else f"bench-{variant}"


async def _record_nothing(_database: Database, records: list[Record]) -> int:
    return len(records)


def _show_words_only(ledger: Ledger) -> None:
    workflow.set_current_details(details(ledger))


# What each variant does without. The difference to the worker as it is tells what that part costs.
VARIANTS: dict[str, Callable[[], AbstractContextManager[object]]] = {
    "no-record": lambda: patch.object(projection, "record", _record_nothing),
    "no-upsert": lambda: patch.object(workflows.draft_order, "show", _show_words_only),
    "no-sandbox": lambda: patch.object(worker, "runner", UnsandboxedWorkflowRunner),
    "raw": nullcontext,
}


async def serve(variant: str) -> None:
    settings = load_settings().model_copy(update={"task_queue": task_queue(variant)})
    if variant == "raw":
        await _serve_raw()
        return
    with VARIANTS[variant]():
        await worker.serve(settings)


async def _serve_raw() -> None:
    """Temporal as its own examples use it: default converter, nothing encrypted."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with Worker(
        await Client.connect(os.environ["TEMPORAL_ADDRESS"], namespace=os.environ["TEMPORAL_NAMESPACE"]),
        task_queue=raw.TASK_QUEUE,
        workflows=[raw.RawUpdates],
        activities=[raw.do_nothing],
        max_cached_workflows=2000,
    ):
        await stop.wait()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1]))
