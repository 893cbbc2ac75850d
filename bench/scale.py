"""Many open drafts: the same calls, sizes and restarts on one stack, with few drafts open and then with many.

Whoever has 20,000 drafts waiting shall notice nothing of the other 19,999.
"""

import asyncio
import os
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

OLD = "approve, of the oldest drafts"
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


@dataclass(frozen=True)
class Look:
    """What one look at the stack found: seconds of each call, CPU seconds of an approve, sizes."""

    times_s: dict[str, list[float]]
    cpu_s: dict[str, float]
    weight: Weight
    restarts_s: dict[str, float] = field(default_factory=dict)


async def measure(
    ground: Ground, figures: Figures, folder: Path, count: int, rounds: int, say: Say
) -> list[UUID]:
    """Look, fill, look again; the second look is held against the first. Returns drafts that are READY."""
    few = await fill(ground, FEW, say)
    say(f"a look with {FEW} open drafts")
    before = await _look(ground, folder, few.drafts, rounds, say)
    pace, alone = count / few.per_s / 60, count * few.cpu_s / (os.cpu_count() or 1) / 60
    say(f"making {count:,} open drafts: {pace:.0f} min at the pace so far, {alone:.0f} if nothing else ran")
    many = await fill(ground, count, say)
    say(f"  {count / many.per_s / 60:.1f} min")
    note = f"{count:,}, without HTTP; {many.cpu_s * 1000:.0f} ms of CPU each, ours included"
    figures.add("scale", "drafts made and validated", many.per_s, "per s", note=note)
    await asyncio.sleep(5)  # what the server still has to do for them is not what is measured
    say(f"a look with {count + FEW:,} open drafts")
    after = await _look(ground, folder, many.drafts, rounds, say)
    _calls(figures, before, after, rounds)
    _weights(figures, before.weight, after.weight, count)
    for name, many_s in after.restarts_s.items():
        few_s = before.restarts_s[name]
        figures.add("restart", name, many_s, "s", note=f"{few_s:.1f} s with {FEW} drafts")
    return many.drafts[rounds + 1 :]


async def _look(ground: Ground, folder: Path, drafts: list[UUID], rounds: int, say: Say) -> Look:
    weight = await weigh(ground)
    say("  calls")
    times_s = await _timed_calls(ground, drafts, rounds)
    times_s |= await _pushes(ground, folder, max(5, rounds // 4))
    _times_s, fresh_cpu_s = await _approves(ground, await ground.ready(rounds // 2))
    # among many, the worker does not hold the oldest any more and replays their history
    times_s[OLD], old_cpu_s = await _approves(ground, drafts[: rounds // 2])
    cpu_s = {"approve": fresh_cpu_s, OLD: old_cpu_s}
    say("  reconcile")
    restarts_s = {"reconcile, every open draft": await _reconcile(ground)}
    say("  restarts")
    restarts_s["worker killed → first approve answered"] = await _back(
        ground, "worker", lambda: ground.ops.post(f"/draft-orders/{drafts[rounds]}/approve")
    )
    restarts_s["API killed → first page answered"] = await _back(
        ground, "api", lambda: ground.ops.get("/draft-orders")
    )
    return Look(times_s, cpu_s, weight, restarts_s)


async def _timed_calls(ground: Ground, drafts: list[UUID], rounds: int) -> dict[str, list[float]]:
    """Pages and approves in turns, one client; the yardstick among them tells how busy the machine was."""
    warm_up = 3
    fresh, runs = await ground.ready(rounds + warm_up), await ground.raw_runs(rounds + warm_up)
    known = await answered(ground.ops.get(f"/draft-orders/{drafts[0]}"))
    words = {"draft_id": known["id"], "order_number": known["external_order_number"]}
    probes: dict[str, Probe] = {name: _page(ground, path.format(**words)) for name, path in PAGES.items()}
    probes["approve"] = lambda n: answered(ground.ops.post(f"/draft-orders/{fresh[n]}/approve"))
    probes["count of open drafts, for /metrics"] = lambda _n: count_open_drafts(ground.database)
    probes["yardstick: raw update"] = lambda n: runs[n].execute_update(raw.RawUpdates.one_local_activity, "")
    turns = Turns()
    await turns.take(probes, rounds, warm_up)
    return turns.times_s


def _page(ground: Ground, path: str) -> Probe:
    return lambda _n: answered(ground.ops.get(path))


async def _pushes(ground: Ground, folder: Path, rounds: int) -> dict[str, list[float]]:
    answered_s, visible_s = [], []
    async with Reader(folder) as reader:
        for draft_id in await ground.approved(rounds):
            seen, began = reader.expect(draft_id), time.perf_counter()
            await answered(ground.ops.post(f"/draft-orders/{draft_id}/push"))
            answered_s.append(time.perf_counter() - began)
            async with asyncio.timeout(60):
                visible_s.append(await seen - began)
            await asyncio.sleep(SETTLE_S)
    return {"push, answered": answered_s, "push, file visible": visible_s}


async def _approves(ground: Ground, drafts: list[UUID]) -> tuple[list[float], float]:
    """Seconds of each, and the stack's CPU seconds for one."""
    times_s, before = [], cpu.used_s(ground.processes)
    for draft_id in drafts:
        began = time.perf_counter()
        await answered(ground.ops.post(f"/draft-orders/{draft_id}/approve"))
        times_s.append(time.perf_counter() - began)
    spent = cpu.spent_s(before, cpu.used_s(ground.processes))
    return times_s, sum(spent[name] for name in WEIGHED if name in spent) / len(drafts)


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


def _calls(figures: Figures, before: Look, after: Look, rounds: int) -> None:
    for name, times_s in after.times_s.items():
        few, many = before.times_s[name], times_s
        note = f"p50 {p50(few) * 1000:.1f} → {p50(many) * 1000:.1f} ms, p95 {p95(few) * 1000:.1f} → "
        note += f"{p95(many) * 1000:.1f}"
        aim = None if name.startswith("yardstick") else DRIFT_AIM
        figures.add("scale", name, p50(many) / p50(few), "×", at_most=aim, note=note)
    for name, many_s in after.cpu_s.items():
        if few_s := before.cpu_s[name]:
            note = f"{few_s * 1000:.0f} → {many_s * 1000:.0f} ms, mean of {rounds // 2}"
            figures.add("scale", f"CPU for one {name}", many_s / few_s, "×", at_most=DRIFT_AIM, note=note)


def _weights(figures: Figures, before: Weight, after: Weight, count: int) -> None:
    for what, few, many in (("memory", before.memory, after.memory), ("", before.disk, after.disk)):
        for name, mib in many.items():
            each = (mib - few[name]) * 1024 / count
            note = f"{few[name]:.0f} MiB with {FEW} drafts; {each:.1f} KiB for each more"
            figures.add("weight", f"{name} {what}".strip(), mib, "MiB", note=note)
