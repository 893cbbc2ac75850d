"""The example importer against the stack's own dropzone: what docs/erp-integration.md promises is so."""

import asyncio
import json
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
import pytest_asyncio

from local.stack import Stack
from tests.e2e.conftest import Body, Person, draft_in, files_of, people, settled

__all__ = ["people"]
ROOT = Path(__file__).parents[2]


class Erp:
    """The importer with its folders. Other tests' orders are taken in as well: it is one dropzone."""

    def __init__(self, zone: Path, state: Path) -> None:
        self.orders, self.acks, self.state = zone / "orders", zone / "acks", state

    def run(self, *more: str) -> str:
        folders = ["--orders", self.orders, "--acks", self.acks, "--state", self.state]
        command = [sys.executable, ROOT / "examples" / "erp_importer.py", *folders, *more]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def booked(self) -> dict[str, str]:
        rows = sqlite3.connect(self.state / "books.sqlite").execute(
            "SELECT draft_order_id, number FROM orders"
        )
        return {draft: f"SO-{number:06}" for draft, number in rows}


@pytest.fixture
def erp(stack: Stack) -> Erp:
    return Erp(stack.var / "dropzone" / "demo", stack.var / "erp")


@pytest_asyncio.fixture
async def ops(people: object) -> Person:
    return await people("ops")  # type: ignore[operator,no-any-return]


async def answered(ops: Person, draft: Body) -> Body:
    for _ in range(200):
        export: Body = (await ops.json("GET", f"/draft-orders/{draft['id']}/exports"))["data"][0]
        if export["status"] in {"ACKED", "FAILED"}:
            return export
        await asyncio.sleep(0.1)
    raise AssertionError(f"no answer was read: {export}")


async def test_an_order_is_booked_once_and_acknowledged(ops: Person, erp: Erp) -> None:
    draft = await draft_in(ops, "PUSHED")
    (name,) = files_of(erp.orders, draft["id"])
    document = (erp.orders / name).read_bytes()
    (erp.orders / f"{name}.0011223344556677.tmp").write_bytes(document[:40])
    assert name in erp.run()
    number = erp.booked()[draft["id"]]
    export = await answered(ops, draft)
    assert (export["status"], export["erp_order_id"]) == ("ACKED", number)
    assert files_of(erp.orders, draft["id"]) == [f"{name}.0011223344556677.tmp"]
    (erp.orders / f"{name}.0011223344556677.tmp").unlink()
    # it died before it put the order away: the file is there again
    (erp.orders / name).write_bytes(document)
    erp.run()
    assert erp.booked()[draft["id"]] == number
    detail = await ops.json("GET", f"/exports/{export['id']}")
    for _ in range(200):
        detail = await ops.json("GET", f"/exports/{export['id']}")
        if [ack["outcome"] for ack in detail["acks"]] == ["ACKED", "DUPLICATE"]:
            break
        await asyncio.sleep(0.1)
    assert [ack["outcome"] for ack in detail["acks"]] == ["ACKED", "DUPLICATE"]
    assert detail["erp_order_id"] == number


async def test_a_refused_order_is_mended_sent_again_and_booked(ops: Person, erp: Erp) -> None:
    draft = await draft_in(ops, "PUSHED")
    erp.run("--skus", "NOTHING-ELSE")
    export = await answered(ops, draft)
    assert (export["status"], export["error"]["code"]) == ("FAILED", "UNKNOWN_ITEM")
    assert export["error"]["message"].startswith("Line 1: no item ")
    assert draft["id"] not in erp.booked()
    await settled(ops, draft["id"], "ERROR")
    await ops.json("POST", f"/draft-orders/{draft['id']}/retry-push")
    await settled(ops, draft["id"], "PUSHED")
    erp.run()
    assert (await answered(ops, draft))["erp_order_id"] == erp.booked()[draft["id"]]


def test_what_is_no_order_is_refused_with_its_place(tmp_path: Path) -> None:
    erp = Erp(tmp_path, tmp_path / "state")
    for folder in (erp.orders, erp.acks):
        folder.mkdir()
    name = "sales_order_00000000-0000-4000-8000-000000000000_20261121T080000Z_0a0b0c0d.json"
    (erp.orders / name).write_text('{"export_version": "other"}')
    erp.run()
    told = json.loads((erp.acks / f"error_{name}").read_text())
    assert (told["status"], told["error_code"]) == ("FAILED", "SCHEMA")
    assert [path.name for path in erp.acks.iterdir()] == [f"error_{name}"]
    assert (erp.state / "done" / name).exists()
