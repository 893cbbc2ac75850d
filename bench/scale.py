"""Many open drafts against few: two stacks side by side, the same calls in turns.

Whoever has 20,000 drafts waiting shall notice nothing of the other 19,999. One stack looked at twice, before
and after it was filled, tells more about the machine's two half-hours than about the drafts.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import httpx

from activities.forgotten_exports import ForgottenExports
from activities.reconciliation import Reconciler
from bench import cpu, raw
from bench.dropzone import Reader
from bench.figures import Figures, p50, p95
from bench.fill import Say, fill
from bench.ground import ORG_ID, Ground, answered
from bench.latency import SETTLE_S, Probe, Turns
from bench.weights import WEIGHED, Weight, weigh
from commands.errands import Errands
from commands.open_drafts import OpenDrafts
from config.temporal import connect
from storage.open_drafts import count_open_drafts

FEW = 200
DRIFT_AIM = 1.2
RECONCILED_WITHIN_S = 1800
BACK_WITHIN_S = 120
WARM_UP = 3
BLOCK = 10  # approves of one stack before it is the other's turn, where CPU is counted
BLOCK_SETTLE_S = 0.5

YARDSTICK = "yardstick: raw update"
FRESH, OLD = "approve, of fresh drafts", "approve, of the oldest drafts"
# What an operator's screen asks for. Of `status=REJECTED` there is none: the search has to find that out.
PAGES = {
    "list": "/draft-orders",
    "list, by status": "/draft-orders?status=READY",
    "list, by a status that no draft has": "/draft-orders?status=REJECTED",
    "list, by what few wait for": "/draft-orders?waiting_for=push",
    "list, search that finds one": "/draft-orders?q={order_number}",
    "list, search that finds none": "/draft-orders?q=no-such-order",
    "one draft": "/draft-orders/{draft_id}",
    "audit log": "/audit-log",
    "audit log, of one draft": "/audit-log?entity_id={draft_id}",
    "audit log, by a rare action": "/audit-log?action=CONNECTION_DISABLED",
}


@dataclass
class Side:
    """One stack, its folder, its READY drafts from the oldest on, and seconds of each call there."""

    ground: Ground
    folder: Path
    drafts: list[UUID]
    weight: Weight
    times_s: dict[str, list[float]] = field(default_factory=dict)
    cpu_s: dict[str, float] = field(default_factory=dict)
    restarts_s: dict[str, float] = field(default_factory=dict)


async def filled(ground: Ground, folder: Path, count: int, figures: Figures, say: Say) -> Side:
    await ground.use_folder(folder)
    say(f"making {count:,} open drafts")
    made = await fill(ground, count, say)
    note = f"{count:,}, without HTTP; {made.cpu_s * 1000:.0f} ms of CPU each, ours included"
    figures.add("scale", f"drafts made and validated, {count:,}", made.per_s, "per s", note=note)
    await asyncio.sleep(5)  # what the server still has to do for them is not what is measured
    return Side(ground, folder, made.drafts, await weigh(ground))


async def measure(few: Side, many: Side, figures: Figures, rounds: int, say: Say) -> list[UUID]:
    """The same of both, in turns. Returns the drafts of `many` that are still READY."""
    sides = (few, many)
    say("calls, in turns")
    await _timed_calls(sides, rounds)
    say("pushes, in turns")
    await _pushes(sides, max(8, rounds // 3))
    say("approves, in turns")
    fresh = [await side.ground.ready(rounds // 2) for side in sides]
    await _approves(sides, FRESH, fresh)
    # among many, the worker does not hold the oldest any more and replays their history
    await _approves(sides, OLD, [side.drafts[: rounds // 2] for side in sides])
    for side in sides:
        await _comebacks(side, side.drafts[rounds], say)
    _calls(figures, few, many, rounds)
    _weights(figures, few, many)
    for name, many_s in many.restarts_s.items():
        note = f"{few.restarts_s[name]:.1f} s with {len(few.drafts)} drafts"
        figures.add("restart", name, many_s, "s", note=note)
    return many.drafts[rounds + 1 :]


async def _timed_calls(sides: tuple[Side, Side], rounds: int) -> None:
    """Pages and approves, one client; the yardstick among them is the least that Temporal can do."""
    probes: dict[str, Probe] = {}
    for number, side in enumerate(sides):
        for name, probe in (await _probes(side, rounds + WARM_UP)).items():
            probes[f"{number} {name}"] = probe
    turns = Turns()
    await turns.take(probes, rounds, WARM_UP)
    for key, times_s in turns.times_s.items():
        which, _, name = key.partition(" ")
        sides[int(which)].times_s[name] = times_s


async def _probes(side: Side, count: int) -> dict[str, Probe]:
    ground = side.ground
    fresh, runs = await ground.ready(count), await ground.raw_runs(count)
    known = await answered(ground.ops.get(f"/draft-orders/{side.drafts[0]}"))
    words = {"draft_id": known["id"], "order_number": known["external_order_number"]}
    probes: dict[str, Probe] = {name: _page(ground, path.format(**words)) for name, path in PAGES.items()}
    probes["approve"] = lambda n: answered(ground.ops.post(f"/draft-orders/{fresh[n]}/approve"))
    probes["count of open drafts, for /metrics"] = lambda _n: count_open_drafts(ground.database)
    probes[YARDSTICK] = lambda n: runs[n].execute_update(raw.RawUpdates.one_local_activity, "")
    return probes


def _page(ground: Ground, path: str) -> Probe:
    return lambda _n: answered(ground.ops.get(path))


async def _pushes(sides: tuple[Side, Side], rounds: int) -> None:
    drafts = [await side.ground.approved(rounds) for side in sides]
    async with Reader(sides[0].folder) as few, Reader(sides[1].folder) as many:
        for turn in range(rounds):
            for side, reader, approved in zip(sides, (few, many), drafts, strict=True):
                await _push(side, reader, approved[turn])
                await asyncio.sleep(SETTLE_S)


async def _push(side: Side, reader: Reader, draft_id: UUID) -> None:
    seen, began = reader.expect(draft_id), time.perf_counter()
    await answered(side.ground.ops.post(f"/draft-orders/{draft_id}/push"))
    side.times_s.setdefault("push, answered", []).append(time.perf_counter() - began)
    async with asyncio.timeout(60):
        side.times_s.setdefault("push, file visible", []).append(await seen - began)


async def _approves(sides: tuple[Side, Side], name: str, drafts: list[list[UUID]]) -> None:
    """Seconds of each, and the stack's CPU seconds for one."""
    count = len(drafts[0])
    for side in sides:
        side.times_s[name], side.cpu_s[name] = [], 0.0
    for start in range(0, count, BLOCK):
        for side, ready in zip(sides, drafts, strict=True):
            side.cpu_s[name] += await _block(side, name, ready[start : start + BLOCK]) / count


async def _block(side: Side, name: str, drafts: list[UUID]) -> float:
    before = cpu.used_s(side.ground.processes)
    for draft_id in drafts:
        began = time.perf_counter()
        await answered(side.ground.ops.post(f"/draft-orders/{draft_id}/approve"))
        side.times_s[name].append(time.perf_counter() - began)
    await asyncio.sleep(BLOCK_SETTLE_S)
    spent = cpu.spent_s(before, cpu.used_s(side.ground.processes))
    return sum(spent[process] for process in WEIGHED if process in spent)


async def _comebacks(side: Side, draft_id: UUID, say: Say) -> None:
    """Reconcile all, then kill the worker, then the API; `draft_id` is READY."""
    ground = side.ground
    say(f"reconcile and restarts, {len(side.drafts):,} drafts")
    side.restarts_s["reconcile, every open draft"] = await _reconcile(ground)
    side.restarts_s["worker killed → first approve answered"] = await _back(
        ground, "worker", lambda: ground.ops.post(f"/draft-orders/{draft_id}/approve")
    )
    side.restarts_s["API killed → first page answered"] = await _back(
        ground, "api", lambda: ground.ops.get("/draft-orders")
    )


async def _reconcile(ground: Ground) -> float:
    began = time.perf_counter()
    rooms = next(iter(ground.rooms.values()))
    async with asyncio.timeout(RECONCILED_WITHIN_S):
        with ground.environment():
            client = await connect(rooms.keys)
        errands = Errands(client, rooms.settings.task_queue, rooms.settings.answer_within_s)
        forgotten = ForgottenExports(ground.database, errands)
        reconciler = Reconciler(ground.database, OpenDrafts(client), forgotten)
        found = await reconciler.reconcile(ORG_ID, "demo", dry_run=True)
    if found:
        raise RuntimeError(f"reconcile found {len(found)} differences, the first: {found[0]}")
    return time.perf_counter() - began


async def _back(ground: Ground, service: str, ask: Callable[[], Awaitable[httpx.Response]]) -> float:
    """Kill the service, start it, and ask until there is an answer."""
    began = time.perf_counter()
    await ground.stack.kill(service)
    await ground.stack.start(service)
    async with asyncio.timeout(BACK_WITHIN_S):
        while True:
            try:
                response = await ask()
            except httpx.HTTPError:
                await asyncio.sleep(0.05)
                continue
            if not response.is_error:
                break
            await asyncio.sleep(0.05)
    took_s = time.perf_counter() - began
    ground.look_again()
    return took_s


def _calls(figures: Figures, few: Side, many: Side, rounds: int) -> None:
    for name, many_s in many.times_s.items():
        few_s = few.times_s[name]
        note = f"p50 {p50(few_s) * 1000:.1f} → {p50(many_s) * 1000:.1f} ms, p95 {p95(few_s) * 1000:.1f} → "
        note += f"{p95(many_s) * 1000:.1f}"
        aim = None if name == YARDSTICK else DRIFT_AIM
        figures.add("scale", name, p50(many_s) / p50(few_s), "×", at_most=aim, note=note)
    for name, many_cpu_s in many.cpu_s.items():
        if few_cpu_s := few.cpu_s[name]:
            note = f"{few_cpu_s * 1000:.0f} → {many_cpu_s * 1000:.0f} ms, mean of {rounds // 2}"
            ratio = many_cpu_s / few_cpu_s
            figures.add("scale", f"CPU for one {name}", ratio, "×", at_most=DRIFT_AIM, note=note)


def _weights(figures: Figures, few: Side, many: Side) -> None:
    more = len(many.drafts) - len(few.drafts)
    pairs = ((few.weight.memory, many.weight.memory, " memory"), (few.weight.disk, many.weight.disk, ""))
    for light, heavy, what in pairs:
        for name, mib in heavy.items():
            each = (mib - light[name]) * 1024 / more
            note = f"{light[name]:.0f} MiB with {len(few.drafts)} drafts; {each:.1f} KiB for each more"
            figures.add("weight", f"{name}{what}", mib, "MiB", note=note)
