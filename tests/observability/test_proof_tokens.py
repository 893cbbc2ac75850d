"""A proof's link comes by mail and opens a page; its token is found nowhere else, whatever happens to it."""

import asyncio
import logging
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
import structlog
from google.protobuf.json_format import MessageToJson
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from temporalio.api.common.v1 import Payload
from temporalio.client import Client

from api import proof_pages
from config.logs import configure_logs
from config.settings import Settings
from config.telemetry import Tracing
from connectors.mail_server import SmtpServer
from domain.proofs import proof_workflow_id
from local.stack import Stack
from tests.e2e.conftest import Person
from tests.e2e.letterbox import Letterbox
from tests.e2e.test_proof_mails import form_of, sent_proof
from tests.e2e.test_secrets import dump, occurrences
from tests.observability.test_tracing import served, settings

__all__ = ["settings"]  # a fixture

PLANTED = "planted-failure-4713"


def fails(*_given: Any, **_more: Any) -> Any:
    raise RuntimeError(PLANTED)


async def opened(client: Client, workflow_id: str) -> str:
    """The whole history in clear: every payload, wherever it is, decoded."""
    found = []
    history = await client.get_workflow_handle(workflow_id).fetch_history()
    for event in history.events:
        found.append(MessageToJson(event))
        found += [str(await _decoded(client, each)) for each in _payloads(event)]
    return "\n".join(found)


def _payloads(message: Any) -> list[Payload]:
    if isinstance(message, Payload):
        return [message]
    found = []
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        if field.message_type.GetOptions().map_entry:
            each = value.values() if field.message_type.fields_by_name["value"].message_type else []
        else:
            each = value if field.is_repeated else [value]
        for one in each:
            found += _payloads(one)
    return found


async def _decoded(client: Client, payload: Payload) -> list[Payload]:
    codec = client.data_converter.payload_codec
    assert codec is not None
    encrypted = payload.metadata.get("encoding", b"").startswith(b"binary/encrypted")
    return await codec.decode([payload]) if encrypted else [payload]


@pytest.fixture
def logs() -> Iterator[None]:
    """As a deployed process writes them, tracebacks included; afterwards as before."""
    before, root = structlog.get_config(), logging.getLogger()
    handlers, level = list(root.handlers), root.level
    configure_logs("INFO")
    structlog.configure(cache_logger_on_first_use=False)
    yield
    structlog.configure(**before)
    root.handlers[:], root.level = handlers, level


async def test_a_token_is_in_the_mail_and_nowhere_else(
    stack: Stack, settings: Settings, logs: None, capfd: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    exporter = InMemorySpanExporter()
    traced, answers = Tracing("test", exporter), dict[str, str]()
    real, failed = SmtpServer.send, []

    async def once_failing(self: SmtpServer, letter: Any, key: str) -> None:
        if not failed:
            failed.append(letter)
            fails(letter)
        await real(self, letter, key)

    monkeypatch.setattr(SmtpServer, "send", once_failing)
    async with served(settings, traced) as (http, client):
        draft, color_up, approver = await sent_proof(Person(http, "ops", "demo"))
        path = await Letterbox(stack.var / "mail").link(approver["email"])
        token = path.rpartition("/")[2]
        lost = failed[0].text.partition("/proofs/")[2].split()[0]

        page = {"Accept": "text/html"}
        form = {**await form_of(http, path), "approver_id": approver["id"], "decision": "approve"}
        for method, suffix in [
            ("HEAD", ""),
            ("GET", "/picture.png"),
            ("DELETE", ""),
            ("GET", "/nothing"),
            ("POST", "/decision"),
            ("POST", "/renewal"),
        ]:
            said = await http.request(method, path + suffix, headers={"Accept": "application/json"})
            answers[f"{method} {suffix}"] = said.text
        with monkeypatch.context() as broken:
            broken.setattr(proof_pages, "open_link", fails)
            answers["a page that breaks"] = (await http.get(path, headers=page)).text
        with monkeypatch.context() as broken:
            broken.setattr(proof_pages, "DecideProof", fails)
            broke = await http.post(f"{path}/decision", data=form, headers=page)
            answers["a decision that breaks"] = broke.text
        assert (await http.post(f"{path}/decision", data=form, headers=page)).status_code == 200
        for query in (f"/color-ups/{color_up['id']}", "/messages", "/proofs", f"/draft-orders/{draft['id']}"):
            answers[query] = (await http.get(query)).text
        trail = await http.get("/audit-log", params={"entity_id": color_up["id"]})
        answers["/audit-log"] = trail.text
        histories = [
            await opened(client, proof_workflow_id(UUID(color_up["id"]))),
            await opened(client, draft["workflow"]["id"]),
        ]
        traced.provider.force_flush()
        await asyncio.sleep(0)
    written = "".join(capfd.readouterr())
    assert written.count(PLANTED) >= 3, "all three failures are logged with their tracebacks"
    assert "send_proof" in histories[0]
    assert str(approver["name"]) in "".join(histories), "payloads are read in clear"
    kept = {
        "logs": written,
        "histories": "".join(histories),
        **answers,
        "traces": "".join(each.to_json() for each in exporter.get_finished_spans()),
        "database": await dump(stack.database_urls.owner),
    }
    for secret in (token, lost):
        assert [place for place, text in kept.items() if secret in text] == []
        assert occurrences(stack.var / "logs", secret) == []
        assert [each for each in stack.var.glob("temporal.db*") if secret.encode() in each.read_bytes()] == []
