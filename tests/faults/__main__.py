"""`make faults`: kill, stop and starve the real processes while pushes run; count on the ERP's side.

Starts its own stack in a temporary folder. One line a fault; exit 1 when a target (0 everywhere) is missed.
How to read it and how to add a fault: docs/faults.md.
"""

import argparse
import asyncio
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from rich.console import Console

from local.refusals import Refusal
from tests.faults.account import verified
from tests.faults.ground import prepared
from tests.faults.scenario import Scenario, play
from tests.faults.scenarios import SCENARIOS
from tests.faults.table import Line, show, write
from workflows import policies

LATEST = Path("var/faults/latest.json")
LOGS = Path("var/faults/logs")
_began = time.monotonic()


def _say(line: str) -> None:
    print(f"[{time.monotonic() - _began:6.1f} s] {line.strip()}", flush=True)


async def run(scenarios: Sequence[Scenario], *, fast: bool, seed: str) -> list[Line]:
    main = asyncio.current_task()
    if main is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, main.cancel)
    lines: list[Line] = []
    todo = list(scenarios)
    while todo:
        with tempfile.TemporaryDirectory(prefix="cs-faults-", ignore_cleanup_errors=True) as var:
            async with prepared(Path(var), _say) as ground:
                while todo:
                    scenario = todo.pop(0)
                    plan = (scenario.fast if fast else None) or scenario.full
                    try:
                        line = await play(ground, scenario, plan, seed)
                    except Exception as error:  # noqa: BLE001 - the other faults shall still be heard
                        line = Line(scenario.name, plan.strikes, broken_off=f"broken off: {error!r}")
                    lines.append(line)
                    _say(_summary(line))
                    if line.broken_off:
                        break
                if not lines[-1].broken_off:
                    await verified(ground, lines[-1].count)
                if not all(line.met for line in lines):
                    _keep(ground.stack.var / "logs")
                _say("stopping")
    return lines


def _keep(logs: Path) -> None:
    """Of a run that missed something: without them nobody can say why."""
    kept = LOGS / time.strftime("%Y%m%dT%H%M%S")
    shutil.copytree(logs, kept)
    _say(f"the processes' logs are in {kept}")


def _summary(line: Line) -> str:
    verdict = line.verdict
    if not line.met:
        verdict = f"MISSED {line.broken_off} {'; '.join(line.count.notes)}"
    numbers = f"{line.count.pushes} pushes, struck {line.struck} times, {line.took_s:.0f} s"
    return f"{line.fault}: {numbers}, {verdict}"


def _settings(fast: bool, seed: str) -> dict[str, Any]:
    def seconds(time: timedelta | None) -> float:
        return time.total_seconds() if time is not None else 0

    return {
        "counts": "fast" if fast else "full",
        "seed": seed,
        "cores": os.cpu_count(),
        "load_before": round(os.getloadavg()[0], 1),
        "heartbeat_timeout_s": seconds(policies.STAGE.heartbeat),
        "record_timeout_s": seconds(policies.RECORD.start_to_close),
        "delivery_window_s": 1800,
        "sticky_timeout_s": 2,
        "reconcile_s": 10,
        "dropzone": "SFTP, without acks; the ERP takes a file within about a millisecond",
    }


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.faults", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("only", nargs="*", help="names of faults, or parts of names; all without one")
    parser.add_argument("--fast", action="store_true", help="the same scenarios with small counts")
    parser.add_argument("--list", action="store_true", help="say what there is, and run nothing")
    arguments = parser.parse_args()
    chosen = [
        each for each in SCENARIOS if not arguments.only or any(word in each.name for word in arguments.only)
    ]
    if arguments.list or not chosen:
        for each in SCENARIOS:
            print(f"{each.name:<32} {each.what}")
        return 0 if arguments.list else 2
    if arguments.fast and not arguments.only:
        left_out = [each.name for each in chosen if each.fast is None]
        chosen = [each for each in chosen if each.fast is not None]
        _say(f"with full counts only: {', '.join(left_out)}")
    seed = os.environ.get("FAULT_SEED") or uuid4().hex[:8]
    settings = _settings(arguments.fast, seed)
    _say(", ".join(f"{name} {value}" for name, value in settings.items()))
    try:
        lines = asyncio.run(run(chosen, fast=arguments.fast, seed=seed))
    except Refusal as error:
        print(f"countersign faults: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    show(lines, Console(width=None if sys.stdout.isatty() else 160))
    write(LATEST, lines, settings)
    missed = sum(not line.met for line in lines)
    not_run = [line.fault for line in lines if line.verdict == "not run"]
    if not_run:
        print(f"not run on this machine: {', '.join(not_run)}")
    print(f"{len(lines)} faults, {missed or 'none'} missed; seed {seed}; written to {LATEST}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
