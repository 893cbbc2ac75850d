"""Clients that bring drafts from creation to the push, repeating with the same key until answered."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import httpx

from domain.messages import draft_id_for_key
from tests.faults.ground import CUSTOMER_ID, ORG_ID, Ground

STEPS = ("create", "validate", "approve", "push")
_PAUSE_S = 0.2
LINE = {
    "internal_sku": "THR-2001",
    "description": "Sewing thread 120 navy 5000 m",
    "uom": "PCE",
    "qty": "10",
    "unit_price": "3.5500",
}


@dataclass
class Life:
    """One draft as its client knows it. `refused` is a final answer that is no success."""

    name: str
    acknowledged: dict[str, Any] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    repeats: int = 0
    heard: str = "nothing"  # by the newest call that was to be repeated
    hung: int = 0  # calls that the API left without any answer, open

    @property
    def draft_id(self) -> UUID:
        """Follows from the key, so that it is known although nobody may have answered."""
        return draft_id_for_key(ORG_ID, self.key("create"))

    def key(self, step: str) -> str:
        return f"{self.name}-{step}"


class Crowd:
    """`clients` at a time bring drafts through `STEPS`.

    With nothing but 503 for `patience_s` after the newest strike one gives up: a worker that dies again and
    again as soon as it is back can take the same draft's task along each time.
    """

    def __init__(self, ground: Ground, name: str, *, clients: int, patience_s: float) -> None:
        self.lives: list[Life] = []
        self._ground = ground
        self._name = name.replace(" ", "-")  # keys have no blanks
        self._clients = clients
        self._patience_s = patience_s

    async def bring(self, count: int) -> None:
        """`count` drafts more."""
        done = len(self.lives) + count
        await self._run(lambda: len(self.lives) < done)

    async def bring_while(self, wanted: Callable[[], bool]) -> None:
        """Drafts, one after the other, as long as `wanted`."""
        await self._run(wanted)

    async def _run(self, wanted: Callable[[], bool]) -> None:
        async def client() -> None:
            while wanted():
                life = Life(f"{self._name}-{len(self.lives):04d}")
                self.lives.append(life)
                await self._live(life)

        async with asyncio.TaskGroup() as group:
            for _ in range(self._clients):
                group.create_task(client())

    async def _live(self, life: Life) -> None:
        for step in STEPS:
            if not await self._step(life, step):
                return

    async def _step(self, life: Life, step: str) -> bool:
        """Whether it was acknowledged."""
        path, body = "/draft-orders", None
        if step == "create":
            body = {
                "customer_id": str(CUSTOMER_ID),
                "external_order_number": life.name,
                "currency": "EUR",
                "order_date": "2026-11-20",
                "lines": [LINE],
            }
        else:
            path += f"/{life.draft_id}/{step}"
        headers = {"Idempotency-Key": life.key(step)}
        answer = await self._answered(life, lambda: self._ground.ops.post(path, headers=headers, json=body))
        if answer is None:
            life.refused[step] = f"no answer within {self._patience_s:.0f} s, at last {life.heard}"
        elif answer.is_success:
            life.acknowledged[step] = answer.json()
        else:
            life.refused[step] = f"{answer.status_code} {answer.text[:300]}"
        return step in life.acknowledged

    async def _answered(
        self, life: Life, call: Callable[[], Awaitable[httpx.Response]]
    ) -> httpx.Response | None:
        struck, until = -1, 0.0
        while True:
            if struck != self._ground.strikes:
                struck, until = self._ground.strikes, time.monotonic() + self._patience_s
            if time.monotonic() > until:
                return None
            try:
                answer = await call()
            except httpx.ReadTimeout:
                life.hung += 1
            except httpx.TransportError as error:
                life.heard = repr(error)
            else:
                if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                    return answer
                life.heard = answer.text[:300]
            life.repeats += 1
            await asyncio.sleep(_PAUSE_S)
