"""Metrics and logs of the running stack: an order goes through, and its numbers and lines are there."""

import asyncio
import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import httpx
from prometheus_client.parser import text_string_to_metric_families

from local.stack import Stack
from tests.observability.conftest import approved

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


async def page(url: str) -> Samples:
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.get(url)
    assert answer.status_code == 200
    families = text_string_to_metric_families(answer.text)
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


def value(samples: Samples, name: str, **labels: str) -> float:
    return samples.get((name, tuple(sorted(labels.items()))), 0.0)


async def until(holds: Callable[[], Any], within_s: float = 15) -> None:
    end = asyncio.get_running_loop().time() + within_s
    while not (await holds() if asyncio.iscoroutinefunction(holds) else holds()):
        assert asyncio.get_running_loop().time() < end, "it did not come true in time"
        await asyncio.sleep(0.05)


def lines(stack: Stack, service: str, request_id: str) -> list[dict[str, Any]]:
    found = []
    for line in (stack.var / "logs" / f"{service}.log").read_text().splitlines():
        if request_id in line:
            found.append(json.loads(line))
    return found


async def test_an_order_leaves_its_numbers_on_the_pages_of_api_and_worker(
    stack: Stack, ops: httpx.AsyncClient
) -> None:
    worker_url = f"http://127.0.0.1:{stack.ports.worker_metrics}/metrics"
    api_url = f"{stack.base_url}/metrics"
    worker_before, api_before = await page(worker_url), await page(api_url)
    draft_id = await approved(ops)
    refused = await ops.post(f"/draft-orders/{draft_id}/retry-push")
    assert refused.status_code == 409
    assert (await ops.post(f"/draft-orders/{draft_id}/push")).status_code == 200

    def grew(before: Samples, after: Samples, name: str, **labels: str) -> float:
        return value(after, name, **labels) - value(before, name, **labels)

    async def sent() -> bool:
        after = await page(worker_url)
        return grew(worker_before, after, "countersign_pushes_total", outcome="sent", reason="confirmed") >= 1

    await until(sent)
    worker_after, api_after = await page(worker_url), await page(api_url)
    for step in ("stage", "publish"):
        assert (
            grew(worker_before, worker_after, "countersign_delivery_tries_total", step=step, result="ok") >= 1
        )
    assert grew(worker_before, worker_after, "countersign_approval_to_sent_seconds_count") >= 1
    assert grew(worker_before, worker_after, "countersign_projection_lag_seconds_count") >= 5
    commands = "countersign_commands_total"
    assert grew(api_before, api_after, commands, command="approve", result="ok") >= 1
    assert grew(api_before, api_after, commands, command="retry_push", result="TransitionRejected") >= 1
    route = "/draft-orders/{draft_id}/push"
    timed = "countersign_http_request_duration_seconds_count"
    assert grew(api_before, api_after, timed, route=route, method="POST", status_class="2xx") >= 1
    assert value(api_after, "countersign_database_up") == 1
    assert ("countersign_drafts", (("waiting_for", "export"),)) in api_after


async def test_the_pages_name_no_org_no_customer_and_no_id(stack: Stack, ops: httpx.AsyncClient) -> None:
    draft_id = await approved(ops)
    await ops.get("/no-such-page/secret-9f2c?token=secret-9f2c")
    customers = [one["name"] for one in (await ops.get("/customers")).json()["data"]]
    async with httpx.AsyncClient(trust_env=False) as client:
        for url in (f"{stack.base_url}/metrics", f"http://127.0.0.1:{stack.ports.worker_metrics}/metrics"):
            text = (await client.get(url)).text
            for word in (draft_id, "secret-9f2c", "demo.example", '"demo"', *customers):
                assert word not in text


async def test_temporals_own_metrics_say_who_polls(stack: Stack) -> None:
    samples = await page(f"http://127.0.0.1:{stack.ports.worker_sdk_metrics}/metrics")
    pollers = {labels for name, labels in samples if name == "temporal_num_pollers"}
    assert any(("poller_type", "workflow_task") in labels for labels in pollers)


async def test_one_request_id_leads_from_the_request_to_the_file(
    stack: Stack, ops: httpx.AsyncClient
) -> None:
    draft_id = await approved(ops)
    request_id = f"look-for-{uuid4().hex}"
    answer = await ops.post(
        f"/draft-orders/{draft_id}/push?x=secret-41", headers={"X-Request-Id": request_id}
    )
    export_id = answer.json()["erp_export_id"]

    def published() -> bool:
        said = lines(stack, "worker", request_id)
        return any(line["event"] == "activity_ended" and line["activity"] == "publish" for line in said)

    await until(published)
    (access,) = [line for line in lines(stack, "api", request_id) if line["event"] == "request"]
    assert access["route"] == "/draft-orders/{draft_id}/push"
    assert (access["method"], access["status"]) == ("POST", 200)
    assert {"duration_ms", "org_id", "user_id"} <= set(access)
    assert "secret-41" not in (stack.var / "logs" / "api.log").read_text()
    worker = lines(stack, "worker", request_id)
    (decided,) = [line for line in worker if line["event"] == "decided"]
    assert decided["draft_id"] == draft_id
    assert (decided["command"], decided["decided"]) == ("push", ["PushRequested"])
    steps = {line["activity"]: line for line in worker if line["event"] == "activity_ended"}
    assert set(steps) == {"record", "stage", "publish"}
    assert steps["publish"]["export_id"] == export_id
    assert {line["activity"] for line in worker if line["event"] == "activity_started"} == {
        "stage",
        "publish",
    }
