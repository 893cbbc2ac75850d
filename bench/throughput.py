"""Many clients at once, each with drafts of its own: closed loop, the load generator on the same machine."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import httpx

from bench import cpu, raw
from bench.dropzone import Reader
from bench.figures import Figures, p50
from bench.ground import Ground, answered, at_once

CLIENTS = 32

Call = Callable[[], Awaitable[object]]


@dataclass
class Crowd:
    """Rates per second and CPU seconds per call, one entry a round."""

    processes: dict[str, int]
    rates: list[float] = field(default_factory=list)
    cpu_s: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    slowest_s: float = 0.0
    unanswered: int = 0

    async def run(self, calls: list[Call]) -> float:
        before, began = cpu.used_s(self.processes), time.perf_counter()
        await at_once([self._timed(call) for call in calls], CLIENTS)
        rate = len(calls) / (time.perf_counter() - began)
        for name, spent in cpu.spent_s(before, cpu.used_s(self.processes)).items():
            self.cpu_s[name].append(spent / len(calls))
        self.rates.append(rate)
        return rate

    def _timed(self, call: Call) -> Call:
        async def timed() -> None:
            began = time.perf_counter()
            try:
                await call()
            except (RuntimeError, httpx.HTTPError, TimeoutError):
                self.unanswered += 1
            self.slowest_s = max(self.slowest_s, time.perf_counter() - began)

        return timed

    def costs(self) -> str:
        """CPU milliseconds per call, by process."""
        parts = {name: p50(spent) * 1000 for name, spent in self.cpu_s.items()}
        return ", ".join(f"{name} {ms:.1f}" for name, ms in parts.items() if ms >= 0.05)

    def cpu_ms(self) -> float:
        """The stack's own, without the load generator's."""
        return sum(p50(spent) for name, spent in self.cpu_s.items() if name != "client") * 1000


async def measure(ground: Ground, figures: Figures, folder: Path, drafts_per_round: int, rounds: int) -> None:
    """The same drafts are approved, then pushed; the yardstick runs before and after each approve."""
    yardstick, approves, pushes = (Crowd(ground.processes) for _ in range(3))
    ratios = []
    for _ in range(rounds):
        drafts = await ground.ready(drafts_per_round)
        runs = await ground.raw_runs(drafts_per_round)
        middle = len(runs) // 2
        before = await yardstick.run([_update(run) for run in runs[:middle]])
        rate = await approves.run([_approve(ground, each) for each in drafts])
        after = await yardstick.run([_update(run) for run in runs[middle:]])
        ratios.append((before + after) / 2 / rate)
        async with Reader(folder) as reader:
            await pushes.run([_push(ground, reader, each) for each in drafts])
        await asyncio.sleep(0.5)
    how = f"median of {rounds} × {drafts_per_round}"
    for name, crowd in (
        ("raw update with one local activity", yardstick),
        ("approve through HTTP", approves),
        ("push, until the file is visible", pushes),
    ):
        figures.add("throughput", name, p50(crowd.rates), "per s", note=how)
        slow = f"{crowd.unanswered} of them without an answer" if crowd.unanswered else ""
        figures.add("throughput", "  slowest call", crowd.slowest_s, "s", note=slow)
        if crowd.cpu_s:
            figures.add("throughput", "  CPU for one, stack only", crowd.cpu_ms(), "ms", note=crowd.costs())
    figures.add("throughput", "raw / approve", p50(ratios), "×", note="rates of the same round")


def _update(run: raw.Run) -> Call:
    return lambda: run.execute_update(raw.RawUpdates.one_local_activity, "")


def _approve(ground: Ground, draft_id: UUID) -> Call:
    return lambda: answered(ground.ops.post(f"/draft-orders/{draft_id}/approve"))


def _push(ground: Ground, reader: Reader, draft_id: UUID) -> Call:
    async def call() -> None:
        seen = reader.expect(draft_id)
        await answered(ground.ops.post(f"/draft-orders/{draft_id}/push"))
        async with asyncio.timeout(60):
            await seen

    return call
