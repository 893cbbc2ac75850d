"""The embedded Temporal: the CLI's dev server on a file database, retention raised, attributes registered."""

import asyncio
import shutil
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from google.protobuf.duration_pb2 import Duration
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.namespace.v1 import NamespaceConfig
from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest, UpdateNamespaceRequest
from temporalio.client import Client
from temporalio.service import RPCError

from local.ports import LOOPBACK, Ports
from local.refusals import Refusal

NAMESPACE = "default"
# Workflow ids are unique only as long as closed workflows are kept.
RETENTION = timedelta(days=90)
SEARCH_ATTRIBUTES = ("OrgId", "DraftId", "DraftNumber", "DraftStatus", "WaitingFor")


def program() -> str:
    beside = Path(sys.executable).with_name("temporal")
    found = str(beside) if beside.exists() else shutil.which("temporal")
    if found is None:
        raise Refusal("The temporal program is missing; run make setup.")
    return found


def command(state: Path, ports: Ports) -> list[str]:
    words = [program(), "server", "start-dev", "--db-filename", str(state), "--ip", LOOPBACK]
    words += ["--port", str(ports.temporal), "--ui-port", str(ports.temporal_ui), "--namespace", NAMESPACE]
    words += ["--ui-disable-news-fetch", "--log-level", "warn"]
    words += ["--ui-codec-endpoint", f"http://{LOOPBACK}:{ports.codec}"]
    for name in SEARCH_ATTRIBUTES:
        words += ["--search-attribute", f"{name}=Keyword"]
    # As durable as SQLite's own default, with one flush to disk a commit instead of three.
    for pragma in ("journal_mode=WAL", "synchronous=FULL"):
        words += ["--sqlite-pragma", pragma]
    # The dev server polls its task queues 20 times a second; this cuts an activity's round trip by 35 ms.
    return [*words, "--dynamic-config-value", "history.transferProcessorMaxPollRPS=1000"]


async def ready(address: str) -> None:
    """Return when the namespace keeps its workflows 90 days and knows our search attributes."""
    while True:
        try:
            client = await Client.connect(address, namespace=NAMESPACE)
            limit = timedelta(seconds=5)
            await client.workflow_service.update_namespace(
                UpdateNamespaceRequest(
                    namespace=NAMESPACE,
                    config=NamespaceConfig(
                        workflow_execution_retention_ttl=Duration(seconds=int(RETENTION.total_seconds()))
                    ),
                ),
                timeout=limit,
            )
            known = await client.operator_service.list_search_attributes(
                ListSearchAttributesRequest(namespace=NAMESPACE), timeout=limit
            )
        except (RPCError, RuntimeError, OSError):
            await asyncio.sleep(0.1)
            continue
        if set(SEARCH_ATTRIBUTES) <= set(known.custom_attributes):
            return
        await asyncio.sleep(0.1)


async def worker_polls(address: str, task_queue: str, since: datetime) -> None:
    """Return when a worker has asked the server for work on `task_queue` after `since`."""
    client = await Client.connect(address, namespace=NAMESPACE)
    request = DescribeTaskQueueRequest(
        namespace=NAMESPACE,
        task_queue=TaskQueue(name=task_queue),
        task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
    )
    while True:
        answer = await client.workflow_service.describe_task_queue(request, timeout=timedelta(seconds=5))
        asked = (poller.last_access_time.ToDatetime(UTC) for poller in answer.pollers)
        if any(at >= since for at in asked):
            return
        await asyncio.sleep(0.1)
