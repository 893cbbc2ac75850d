"""`make bench`: what approve and push cost, against a raw Temporal update, and with many open drafts.

Each part starts its own stack in a temporary folder. Says what it found and exits 0 also when an aim is
missed: a miss is for a person to read. How to read the figures: docs/performance.md.
"""

import argparse
import asyncio
import os
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import UUID

from rich.console import Console

from bench import latency, life, operators, scale, throughput
from bench.dropzone import Reader
from bench.figures import Figures
from bench.fill import fill
from bench.ground import Ground, prepared
from bench.workers import VARIANTS
from local.refusals import Refusal
from local.stack import Stack

# A crowded machine shall make the figures worse, not make the run fail.
PATIENCE = {"COUNTERSIGN_ANSWER_WITHIN_S": "25"}
LATEST = Path("var/bench/latest.json")


@dataclass(frozen=True)
class Effort:
    """How much of what."""

    rounds: int = 120
    warm_up: int = 10
    pushes: int = 50
    crowd: int = 192
    crowds: int = 3
    drafts: int = 20_000
    operators: int = 1_000
    minutes: float = 3.0


Part = Callable[[Effort, Figures], Awaitable[None]]
FULL = Effort()
QUICK = Effort(rounds=25, warm_up=3, pushes=10, crowd=64, crowds=1)
SCALE_ROUNDS = 60
FEWEST_DRAFTS = 300  # clearly more than the few that they are held against
CACHED = 2000
USUAL_PER_S = 15  # drafts made, on 2 cores with nothing else to do; a guess from the CPU that one takes

_began = time.monotonic()


def _say(line: str) -> None:
    print(f"[{time.monotonic() - _began:6.1f} s] {line.rstrip()}", flush=True)


@asynccontextmanager
async def _ground(
    variants: Collection[str], overrides: dict[str, str] | None = None
) -> AsyncIterator[Ground]:
    """A fresh stack in a folder that is removed afterwards, pushing into a folder."""
    with tempfile.TemporaryDirectory(prefix="countersign-bench-", ignore_cleanup_errors=True) as var:
        async with (
            Stack(Path(var), say=_say, overrides=PATIENCE | (overrides or {})) as stack,
            prepared(stack, variants) as ground,
        ):
            yield ground
            _say("stopping")


async def calls(effort: Effort, figures: Figures) -> None:
    async with _ground(tuple(VARIANTS)) as ground:
        dropzone = ground.stack.var / "dropzone" / "demo"
        _say("push over SFTP, one client")
        await latency.push(ground, figures, "SFTP", dropzone / "orders", effort.pushes, aim=False)
        folder = dropzone / "local"
        await ground.use_folder(folder)
        _say("push into a folder, one client")
        await latency.push(ground, figures, "folder", folder, effort.pushes, aim=True, parts=True)
        _say("approve in turns with the raw update, one client")
        await latency.approve(ground, figures, effort.rounds, effort.warm_up)
        _say(f"{throughput.CLIENTS} clients at once")
        await throughput.measure(ground, figures, folder, effort.crowd, effort.crowds)
        _say("one draft's whole life")
        await life.measure(ground, figures, folder)


async def many(effort: Effort, figures: Figures) -> None:
    minutes = effort.drafts / USUAL_PER_S / 60 + effort.minutes + 5
    _say(
        f"{effort.drafts:,} open drafts and {effort.operators:,} operators: about {minutes:.0f} min when idle"
    )
    # the worker holds the same share of the drafts in a smaller run, and all of the few
    cached = min(CACHED, max(2 * scale.FEW, effort.drafts // 10))
    holds = {"COUNTERSIGN_CACHED_DRAFTS": str(cached)}
    async with _ground(("raw",), holds) as ground:
        crowded = await scale.filled(ground, _folder(ground), effort.drafts, figures, _say)
        async with _ground(("raw",), holds) as quiet:
            calm = await scale.filled(quiet, _folder(quiet), scale.FEW, figures, _say)
            drafts = await scale.measure(calm, crowded, figures, SCALE_ROUNDS, _say)
        await _operators(ground, figures, crowded.folder, drafts, effort)


def _folder(ground: Ground) -> Path:
    return ground.stack.var / "dropzone" / "demo" / "local"


async def at_work(effort: Effort, figures: Figures) -> None:
    """The operators alone, with enough drafts for all of them and not one more."""
    async with _ground(()) as ground:
        folder = _folder(ground)
        await ground.use_folder(folder)
        wanted = operators.drafts_for(effort.operators, effort.minutes)
        _say(f"making {wanted:,} open drafts")
        filled = await fill(ground, wanted, _say)
        await _operators(ground, figures, folder, filled.drafts, effort)


async def _operators(
    ground: Ground, figures: Figures, folder: Path, drafts: list[UUID], effort: Effort
) -> None:
    _say(f"{effort.operators:,} operators for {effort.minutes:g} min")
    async with Reader(folder):
        await operators.measure(ground, figures, drafts, effort.operators, effort.minutes, _say)


async def run(parts: Sequence[Part], effort: Effort, figures: Figures) -> None:
    main = asyncio.current_task()
    if main is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, main.cancel)
    for part in parts:
        await part(effort, figures)


PARTS: dict[str, Part] = {"calls": calls, "scale": many, "operators": at_work}
# `scale` ends with the operators, so they need no turn of their own.
ALL = ("calls", "scale")


def _asked() -> tuple[list[Part], Effort]:
    parser = argparse.ArgumentParser(prog="python -m bench", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)}; without it: {', '.join(ALL)}"
    )
    parser.add_argument("--quick", action="store_true", help="calls only, fewer rounds; noisier")
    parser.add_argument("--drafts", type=int, default=FULL.drafts, help="open drafts (20000)")
    parser.add_argument("--operators", type=int, default=FULL.operators, help="at work at once (1000)")
    parser.add_argument("--minutes", type=float, default=FULL.minutes, help="that they work (3)")
    given = parser.parse_args()
    unknown = set(given.parts) - set(PARTS)
    if unknown or given.drafts < FEWEST_DRAFTS or min(given.operators, given.minutes) <= 0:
        parser.error(f"choose parts from {', '.join(PARTS)}, {FEWEST_DRAFTS} drafts or more, numbers above 0")
    named = given.parts or (["calls"] if given.quick else ALL)
    asked = {name: getattr(given, name) for name in ("drafts", "operators", "minutes")}
    return [PARTS[name] for name in named], replace(QUICK if given.quick else FULL, **asked)


def main() -> int:
    parts, effort = _asked()
    figures, load = Figures(), os.getloadavg()[0]
    try:
        asyncio.run(run(parts, effort, figures))
    except Refusal as error:
        print(f"countersign bench: {error}", file=sys.stderr)
        return 1
    except (KeyboardInterrupt, asyncio.CancelledError):
        return 130
    finally:
        # what was found before a failure in the twentieth minute is worth something, too
        if figures.found:
            figures.show(Console(width=None if sys.stdout.isatty() else 150))
            figures.write(LATEST)
            print(f"{os.cpu_count()} cores, load {load:.1f} before the run; written to {LATEST}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
