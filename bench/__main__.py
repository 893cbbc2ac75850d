"""`make bench`: latency, throughput and cost of approve and push, against a raw Temporal update.

Starts its own stack in a temporary folder. Says what it found and exits 0 also when an aim is missed: a
miss is for a person to read. How to read the figures: docs/performance.md.
"""

import argparse
import asyncio
import os
import signal
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from bench import latency, life, throughput
from bench.figures import Figures
from bench.ground import prepared
from local.refusals import Refusal
from local.stack import Stack

# A crowded machine shall make the figures worse, not make the run fail.
PATIENCE = {"COUNTERSIGN_ANSWER_WITHIN_S": "25"}
LATEST = Path("var/bench/latest.json")


@dataclass(frozen=True)
class Effort:
    rounds: int
    warm_up: int
    pushes: int
    crowd: int
    crowds: int


FULL = Effort(rounds=120, warm_up=10, pushes=50, crowd=192, crowds=3)
QUICK = Effort(rounds=25, warm_up=3, pushes=10, crowd=64, crowds=1)

_began = time.monotonic()


def _say(line: str) -> None:
    print(f"[{time.monotonic() - _began:5.1f} s] {line.strip()}", flush=True)


async def run(effort: Effort, figures: Figures) -> None:
    main = asyncio.current_task()
    if main is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, main.cancel)
    with tempfile.TemporaryDirectory(prefix="countersign-bench-", ignore_cleanup_errors=True) as var:
        async with Stack(Path(var), say=_say, overrides=PATIENCE) as stack, prepared(stack) as ground:
            dropzone = stack.var / "dropzone" / "demo"
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
            _say("stopping")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="fewer rounds, under a minute; noisier")
    effort = QUICK if parser.parse_args().quick else FULL
    figures, load = Figures(), os.getloadavg()[0]
    try:
        asyncio.run(run(effort, figures))
    except Refusal as error:
        print(f"countersign bench: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    figures.show(Console(width=None if sys.stdout.isatty() else 150))
    figures.write(LATEST)
    print(f"{os.cpu_count()} cores, load {load:.1f} before the run; written to {LATEST}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
