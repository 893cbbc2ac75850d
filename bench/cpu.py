"""CPU time of the stack's processes: what a call costs, however busy the machine is otherwise. Linux only."""

import os
from collections.abc import Mapping
from pathlib import Path

_TICK_S = 1 / os.sysconf("SC_CLK_TCK")
_PROC = Path("/proc")


def used_s(processes: Mapping[str, int]) -> dict[str, float]:
    """User and system seconds so far of each process with its children; empty without /proc."""
    stats = dict(_stats())
    return {
        name: sum(ticks for number, (parent, ticks) in stats.items() if pid in (number, parent)) * _TICK_S
        for name, pid in processes.items()
        if pid in stats
    }


def spent_s(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    return {name: after[name] - before[name] for name in before if name in after}


def _stats() -> list[tuple[int, tuple[int, int]]]:
    """Process id → (parent's id, CPU ticks)."""
    found = []
    for folder in _PROC.glob("[0-9]*"):
        try:
            # the name in brackets may hold blanks; what follows it is fields 3, 4, …
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        found.append((int(folder.name), (int(fields[1]), int(fields[11]) + int(fields[12]))))
    return found
