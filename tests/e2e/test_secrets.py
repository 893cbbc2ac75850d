"""Planted secrets and order data are found nowhere that they must not be."""

import base64
from pathlib import Path
from uuid import uuid4

import asyncpg
import httpx
from google.protobuf.json_format import MessageToDict
from temporalio.client import Client

from local.stack import Stack
from tests.e2e.conftest import People, draft_in

PASSWORD = "planted-password-4711"
NOTE = "planted-note-4712"


def occurrences(folder: Path, text: str) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and text.encode() in path.read_bytes()]


async def dump(url: str) -> str:
    """Every row of every table, as text."""
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    try:
        tables = await connection.fetch(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
        )
        parts = [str(await connection.fetch(f'SELECT t::text FROM "{row[0]}" t')) for row in tables]
        return "\n".join(parts)
    finally:
        await connection.close()


async def test_secrets_and_order_data_stay_where_they_belong(stack: Stack, people: People) -> None:
    integrator, ops = await people("integrator"), await people("ops")
    connection = (await integrator.json("GET", "/connectors"))["data"][-1]["id"]
    tested = await integrator.call(
        "POST",
        "/connectors/dropzone-json-v1/test",
        json={
            "mode": "sftp",
            "host": "127.0.0.1",
            "port": stack.ports.sftp,
            "username": "demo",
            "password": PASSWORD,
            "host_key_fingerprints": [stack.host_key_fingerprint],
            "export_path": "/orders",
        },
    )
    assert (tested.status_code, tested.json()["code"]) == (400, "AUTHENTICATION_FAILED")
    answers = [tested.text]
    real = stack.environment["COUNTERSIGN_SFTP_PASSWORD"]
    changed = await integrator.call("PATCH", f"/connectors/{connection}", json={"password": PASSWORD})
    try:
        draft = await draft_in(ops, "ERROR", notes=NOTE, external_order_number=f"PO-{uuid4().hex[:8]}")
    finally:
        mended = await integrator.call("PATCH", f"/connectors/{connection}", json={"password": real})
    assert draft["exports"][0]["error"]["code"] == "AUTHENTICATION_FAILED"
    export = draft["exports"][0]["id"]
    for path in (f"/exports/{export}", f"/exports/{export}/push-log", "/audit-log", "/connectors"):
        answers.append((await integrator.call("GET", path)).text)
    answers += [changed.text, mended.text]
    for secret in (PASSWORD, real):
        assert not any(secret in answer for answer in answers)
        assert occurrences(stack.var / "logs", secret) == []
        assert secret not in await dump(stack.database_urls.owner)
        assert [path for path in stack.var.glob("temporal.db*") if secret.encode() in path.read_bytes()] == []
    # what Temporal keeps of an order is encrypted as well, while PostgreSQL is where it may be read
    assert [path for path in stack.var.glob("temporal.db*") if NOTE.encode() in path.read_bytes()] == []
    assert occurrences(stack.var / "logs", NOTE) == []
    for text in ("Muster GmbH", "Authentication failed"):
        assert [path for path in stack.var.glob("temporal.db*") if text.encode() in path.read_bytes()] == []


async def test_the_codec_opens_payloads_for_the_web_ui_and_for_no_other_page(
    stack: Stack, people: People
) -> None:
    ops = await people("ops")
    draft = await draft_in(ops, "READY", notes=NOTE)
    plain = await Client.connect(stack.temporal_address)
    history = await plain.get_workflow_handle(draft["workflow"]["id"]).fetch_history()
    given = history.events[0].workflow_execution_started_event_attributes.input
    assert NOTE.encode() not in given.payloads[0].data
    sent = MessageToDict(given)
    url = f"http://127.0.0.1:{stack.ports.codec}/decode"
    async with httpx.AsyncClient() as client:
        opened = (await client.post(url, json=sent)).json()["payloads"][0]
        assert NOTE in base64.b64decode(opened["data"]).decode()
        asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
        own = f"http://127.0.0.1:{stack.ports.temporal_ui}"
        allowed = await client.options(url, headers={"Origin": own, **asked})
        assert allowed.headers["access-control-allow-origin"] == own
        refused = await client.options(url, headers={"Origin": "http://evil.example", **asked})
        assert "access-control-allow-origin" not in refused.headers
        for body in ("", "[]", "{", '{"payloads": 5}'):
            bad = await client.post(url, content=body)
            assert bad.status_code == 422, (body, bad.text)
        broken = {"payloads": [{"metadata": {"encoding": "YmluYXJ5L2VuY3J5cHRlZA=="}, "data": "AAAA"}]}
        unreadable = await client.post(url, json=broken)
        assert unreadable.status_code == 400
