"""Dashboard, alerts and scrape example against the running pages and against the page that explains them."""

import json
import re
from pathlib import Path
from typing import Any

import httpx
import yaml

from local.stack import Stack

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "observability"
PAGE = (ROOT / "docs" / "observability.md").read_text()
NAME = re.compile(r"\b(?:countersign|temporal)_[a-z_]+\b")
SUFFIXES = re.compile(r"_(bucket|count|sum)$")


def rules() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"]
    found: list[dict[str, Any]] = group["rules"]
    return found


def panels() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((FOLDER / "dashboard.json").read_text())["panels"]
    return found


def names(expressions: list[str]) -> set[str]:
    return {SUFFIXES.sub("", name) for text in expressions for name in NAME.findall(text)}


def used() -> set[str]:
    shown = [target["expr"] for panel in panels() for target in panel["targets"]]
    return names([rule["expr"] for rule in rules()] + shown)


async def served(stack: Stack) -> set[str]:
    """The names on the pages of API, worker and SDK."""
    ports = (stack.ports.api, stack.ports.worker_metrics, stack.ports.worker_sdk_metrics)
    found = set()
    async with httpx.AsyncClient(trust_env=False) as client:
        for port in ports:
            text = (await client.get(f"http://127.0.0.1:{port}/metrics")).text
            found |= set(re.findall(r"^# TYPE (\S+)", text, re.MULTILINE))
    return found


# The SDK serves these from the first failure on; tests/workflows/test_stuck.py makes it fail.
FAILURES = {"temporal_workflow_task_execution_failed", "temporal_activity_execution_failed"}


async def test_every_metric_in_alerts_and_dashboard_is_served(stack: Stack) -> None:
    assert used() - FAILURES <= await served(stack)


async def test_every_metric_of_ours_is_explained_and_every_explained_one_exists(stack: Stack) -> None:
    ours = {name for name in await served(stack) if name.startswith("countersign_")}
    ours = {name for name in ours if not name.endswith("_created")}
    assert {name for name in NAME.findall(PAGE) if name.startswith("countersign_")} == ours


def test_every_alert_is_explained_and_every_explained_alert_exists() -> None:
    alerts = {rule["alert"] for rule in rules()}
    assert set(re.findall(r"\bCountersign[A-Z]\w+", PAGE)) == alerts
    assert all(rule["labels"]["severity"] in {"page", "ticket"} for rule in rules())
    assert all(rule["annotations"]["summary"] for rule in rules())


def test_the_scrape_example_names_the_services_and_ports_of_compose() -> None:
    scraped = yaml.safe_load((FOLDER / "prometheus.yml").read_text())
    assert scraped["rule_files"] == ["alerts.yml"]
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    environment = services["worker"]["environment"]
    targets = {job["job_name"]: job["static_configs"][0]["targets"][0] for job in scraped["scrape_configs"]}
    assert targets == {
        "countersign-api": "api:8000",
        "countersign-worker": f"worker:{environment['COUNTERSIGN_WORKER_METRICS_PORT']}",
        "countersign-worker-sdk": f"worker:{environment['COUNTERSIGN_WORKER_SDK_METRICS_PORT']}",
    }


def test_panels_have_titles_and_queries_and_do_not_overlap() -> None:
    places = {(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels()}
    assert len(places) == len(panels())
    assert all(panel["title"] and panel["targets"] for panel in panels())
