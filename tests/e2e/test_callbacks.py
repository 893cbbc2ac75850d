"""Signed callbacks over the whole stack: one effect each, whatever is repeated or killed."""

import asyncio
import hashlib
import json
import os
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest
import pytest_asyncio
from temporalio.client import Client

from activities import callbacks as activity
from activities.callbacks import Callbacks
from commands.errands import Errands
from commands.proofs import Proofs
from config.codec import encrypted_converter
from config.keys import KeyRing
from domain.callbacks import CallbackOrder, callback_workflow_id
from local.stack import Stack
from storage import callbacks
from storage.database import Database
from tests.api.callback_sender import DOOR, Letter, said, signed
from tests.e2e.conftest import Body, People, Person

ROOT = Path(__file__).parents[2]
STOP = {"stop": 1, "needle": 3, "thread_code": "1801", "thread_name": "Snow White", "brand": "Madeira"}


class Proof:
    """A color-up that waits for its customer, who has one approver."""

    def __init__(self, color_up: str, customer: str, email: str, approver: str) -> None:
        self.id, self.customer, self.email, self.approver = color_up, customer, email, approver

    def said(self, **fields: Any) -> Body:
        return said(self.id, **{"approver_email": self.email, **fields})


@pytest_asyncio.fixture
async def admin(people: People) -> Person:
    return await people("admin")


@pytest.fixture
def secret(stack: Stack) -> str:
    lines = (stack.var / "local.env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line)["DEMO_CALLBACK_SECRET"]


@pytest_asyncio.fixture
async def database(stack: Stack) -> AsyncIterator[Database]:
    database = Database(stack.database_urls.app, pool_size=2)
    yield database
    await database.dispose()


@pytest_asyncio.fixture
async def client(stack: Stack) -> Client:
    keys = KeyRing(stack.environment["ENCRYPTION_MASTER_KEY"])
    return await Client.connect(stack.temporal_address, data_converter=encrypted_converter(keys))


async def proof(stack: Stack, admin: Person, *, waiting: bool = True) -> Proof:
    customer = await admin.json("POST", "/customers", 201, json={"name": f"Kunde {uuid4().hex[:8]}"})
    email = f"jo-{uuid4().hex[:8]}@hansen.example"
    approver = await admin.json(
        "POST", f"/customers/{customer['id']}/approvers", 201, json={"name": "Jo", "email": email}
    )
    logo = await admin.json("POST", "/logos", 201, json={"customer_id": customer["id"], "name": "Crest"})
    body = {"logo_id": logo["id"], "style_number": "14728", "color_code": "BLK", "thread_sequence": [STOP]}
    color_up = await admin.json("POST", "/color-ups", 201, json=body)
    if waiting:
        owner = await asyncpg.connect(stack.database_urls.owner.replace("+asyncpg", ""))
        try:
            statement = "UPDATE color_up SET status = 'Pending Approval' WHERE id = $1"
            await owner.execute(statement, UUID(color_up["id"]))
        finally:
            await owner.close()
    return Proof(color_up["id"], customer["id"], email, approver["id"])


@pytest_asyncio.fixture
async def sender(stack: Stack) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=stack.base_url, timeout=30) as web:
        yield web


async def send(sender: httpx.AsyncClient, letter: Letter) -> Body:
    """As a sender does: what finds us away is sent again."""
    for _ in range(20):
        answer = await letter.send(sender)
        if answer.status_code != 503:
            break
    assert answer.status_code == 202, answer.text
    taken: Body = answer.json()
    return taken


async def settled(admin: Person, callback_id: object) -> Body:
    for _ in range(300):
        listed = (await admin.json("GET", "/callbacks", params={"limit": 200}))["data"]
        row: Body = next(each for each in listed if each["id"] == str(callback_id))
        if row["outcome"] is not None:
            return row
        await asyncio.sleep(0.1)
    raise AssertionError(f"not settled: {row}")


async def decisions(admin: Person, color_up: str) -> list[Body]:
    trail = await admin.json("GET", "/audit-log", params={"entity_id": color_up})
    actions = {"PROOF_APPROVED", "PROOF_CHANGES_REQUESTED"}
    return [row for row in trail["data"] if row["action"] in actions]


async def test_a_customers_system_approves(
    stack: Stack, sender: httpx.AsyncClient, admin: Person, secret: str
) -> None:
    waiting = await proof(stack, admin)
    letter = signed(waiting.said(approver_email=waiting.email.upper(), comment="Schön 🧵"), secret)
    row = await settled(admin, (await send(sender, letter))["id"])
    assert (row["outcome"], row["outcome_note"], row["approver_id"]) == ("applied", None, waiting.approver)
    color_up = await admin.json("GET", f"/color-ups/{waiting.id}")
    assert (color_up["status"], color_up["approved_by_approver_id"]) == ("Approved", waiting.approver)
    (decided,) = await decisions(admin, waiting.id)
    assert (decided["action"], decided["via"]) == ("PROOF_APPROVED", "callback")
    assert (decided["actor_email"], decided["actor_user_id"]) == (waiting.email, None)
    assert decided["details"]["note"] == "Schön 🧵"


async def test_a_customers_system_asks_for_changes(
    stack: Stack, sender: httpx.AsyncClient, admin: Person, secret: str
) -> None:
    waiting = await proof(stack, admin)
    body = waiting.said(decision="request_changes", comment="Das Rot ist zu dunkel")
    row = await settled(admin, (await send(sender, signed(body, secret)))["id"])
    assert row["outcome"] == "applied"
    assert (await admin.json("GET", f"/color-ups/{waiting.id}"))["status"] == "Retired"
    (decided,) = await decisions(admin, waiting.id)
    assert decided["action"] == "PROOF_CHANGES_REQUESTED"
    assert decided["details"]["note"] == "Das Rot ist zu dunkel"


async def test_a_hundred_replays_at_once_decide_once(
    stack: Stack, sender: httpx.AsyncClient, admin: Person, secret: str
) -> None:
    waiting = await proof(stack, admin)
    letter = signed(waiting.said(), secret)
    taken = await asyncio.gather(*(send(sender, letter) for _ in range(100)))
    assert len({each["id"] for each in taken}) == 1
    row = await settled(admin, taken[0]["id"])
    assert row["outcome"] == "applied"
    assert row["deliveries"] >= 100
    assert len(await decisions(admin, waiting.id)) == 1
    again = await send(sender, letter)
    assert again["status"] == "repeated"
    assert len(await decisions(admin, waiting.id)) == 1


async def test_many_callbacks_about_one_proof_decide_once(
    stack: Stack, sender: httpx.AsyncClient, admin: Person, secret: str
) -> None:
    waiting = await proof(stack, admin)
    letters = [signed(waiting.said(), secret) for _ in range(8)]
    taken = await asyncio.gather(*(send(sender, letter) for letter in letters))
    rows = [await settled(admin, each["id"]) for each in taken]
    assert sorted(row["outcome"] for row in rows) == ["already_decided"] * 7 + ["applied"]
    notes = {row["outcome_note"] for row in rows if row["outcome"] == "already_decided"}
    assert notes == {"Color-up version already approved"}
    assert len(await decisions(admin, waiting.id)) == 1


async def test_what_has_no_effect_says_why(
    stack: Stack, sender: httpx.AsyncClient, admin: Person, secret: str
) -> None:
    waiting, other = await proof(stack, admin), await proof(stack, admin)
    inactive = f"/customers/{other.customer}/approvers/{other.approver}"
    await admin.json("PATCH", inactive, json={"active": False})
    unsent = await proof(stack, admin, waiting=False)
    cases = [
        (said(uuid4(), approver_email=waiting.email), "unknown_color_up"),
        (waiting.said(approver_email="nobody@hansen.example"), "unknown_approver"),
        (waiting.said(approver_email="' OR 1=1 --"), "unknown_approver"),
        (waiting.said(approver_email=other.email), "unknown_approver"),
        (other.said(), "unknown_approver"),
        (unsent.said(), "not_waiting"),
    ]
    for body, outcome in cases:
        row = await settled(admin, (await send(sender, signed(body, secret)))["id"])
        assert row["outcome"] == outcome, row
        assert row["outcome_note"]
    for each in (waiting, other, unsent):
        assert await decisions(admin, each.id) == []
    listed = await admin.json(
        "GET", "/callbacks", params={"outcome": "not_waiting", "color_up_id": unsent.id}
    )
    assert len(listed["data"]) == 1


async def kept(database: Database, admin: Person, body: Body, at: datetime) -> CallbackOrder:
    """A callback whose API process was killed after the commit: nobody has set it going."""
    org_id = UUID((await admin.json("GET", "/me"))["org"]["id"])
    values = {
        **body,
        "id": uuid4(),
        "org_id": org_id,
        "webhook_id": f"msg_{uuid4().hex}",
        "secret_id": uuid4(),
        "body_sha256": hashlib.sha256(json.dumps(body).encode()).hexdigest(),
        "received_at": at.isoformat(),
    }
    row = await callbacks.receive(database, values)
    assert row["is_new"]
    return CallbackOrder(org_id=org_id, callback_id=row["id"])


async def test_a_callback_that_was_kept_and_never_started_is_taken_up_by_the_relay(
    stack: Stack, admin: Person, database: Database
) -> None:
    waiting = await proof(stack, admin)
    order = await kept(database, admin, waiting.said(), datetime.now(UTC) - timedelta(minutes=1))
    assert (await settled(admin, order.callback_id))["outcome"] == "applied"
    assert len(await decisions(admin, waiting.id)) == 1


async def test_killed_between_the_effect_and_its_record_it_finds_its_own_decision(
    stack: Stack, admin: Person, database: Database, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = await proof(stack, admin)
    order = await kept(database, admin, waiting.said(), datetime.now(UTC) + timedelta(hours=1))
    queue = stack.environment.get("COUNTERSIGN_TASK_QUEUE", "countersign")
    mine = Callbacks(database, Proofs(client, queue, 10), Errands(client, queue, 10))

    async def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(activity.callbacks, "settle", killed)
        with pytest.raises(KeyboardInterrupt):
            await mine.settle(order)
    assert len(await decisions(admin, waiting.id)) == 1
    # meanwhile the approver leaves: who decided stays who decided
    await admin.json(
        "PATCH", f"/customers/{waiting.customer}/approvers/{waiting.approver}", json={"active": False}
    )
    outcomes = [(await mine.settle(order)).outcome for _ in range(2)]
    assert outcomes == ["applied", "applied"]
    row = await settled(admin, order.callback_id)
    assert (row["outcome"], row["approver_id"]) == ("applied", waiting.approver)
    assert len(await decisions(admin, waiting.id)) == 1


async def test_a_callbacks_history_holds_ids_only(
    stack: Stack, sender: httpx.AsyncClient, admin: Person, client: Client, secret: str
) -> None:
    waiting = await proof(stack, admin)
    taken = await send(sender, signed(waiting.said(comment="planted-comment-4711"), secret))
    await settled(admin, taken["id"])
    handle = client.get_workflow_handle(callback_workflow_id(UUID(taken["id"])))
    history = await handle.fetch_history()
    given = history.events[0].workflow_execution_started_event_attributes.input.payloads
    (order,) = await client.data_converter.decode(given, [dict])
    assert order.keys() == {"org_id", "callback_id"}
    logs = "".join(path.read_text(errors="replace") for path in (stack.var / "logs").glob("*"))
    for planted in ("planted-comment-4711", waiting.email, secret.removeprefix("whsec_")):
        assert planted not in history.to_json()
        assert planted not in logs


async def example(stack: Stack, secret: str, *options: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("examples/send_callback.py", "--url", stack.base_url, *options),
        cwd=ROOT,
        env={**os.environ, "COUNTERSIGN_CALLBACK_SECRET": secret},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await asyncio.wait_for(process.communicate(), 120)
    return process.returncode or 0, out.decode()


async def test_the_example_signs_and_sends(stack: Stack, admin: Person, secret: str) -> None:
    waiting = await proof(stack, admin)
    options = ("--color-up", waiting.id, "--email", waiting.email, "--id", f"msg_{uuid4().hex}")
    code, told = await example(stack, secret, *options, "--decision", "approve", "--comment", "Schön")
    assert code == 0, told
    taken = json.loads(told.partition(" ")[2])
    assert (await settled(admin, taken["id"]))["outcome"] == "applied"
    assert (await example(stack, secret, *options, "--decision", "request_changes"))[0] == 1
    forged = await example(stack, "whsec_" + "QUJD" * 8, *options, "--decision", "approve")
    assert forged[0] == 1
    assert forged[1].startswith("401 ")
    assert secret not in told + forged[1]


async def test_the_local_stack_keeps_its_secret_to_itself(stack: Stack, admin: Person, secret: str) -> None:
    assert (stack.var / "local.env").stat().st_mode & 0o777 == 0o600
    listed = await admin.json("GET", "/callback-secrets")
    assert "Demo" in {row["name"] for row in listed["data"]}
    assert secret not in json.dumps(listed)
    async with httpx.AsyncClient(base_url=stack.base_url) as web:
        assert (await web.get(DOOR)).status_code == 405
