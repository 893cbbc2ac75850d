"""What the stack weighs: memory of its processes, and bytes on disk. Memory on Linux only."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench.ground import Ground

MIB = 1024 * 1024
WEIGHED = ("worker", "temporal", "api", "postgres")


@dataclass(frozen=True)
class Weight:
    """MiB, by process and by file."""

    memory: dict[str, float]
    disk: dict[str, float]


async def weigh(ground: Ground) -> Weight:
    rows = await ground.database.call("SELECT pg_database_size(current_database()) AS bytes", {})
    disk = {"PostgreSQL's database": rows[0]["bytes"] / MIB}
    disk["Temporal's database file"] = _size(ground.stack.var, "temporal.db*")
    return Weight({name: memory_mib(ground.processes[name]) for name in WEIGHED}, disk)


def _size(folder: Path, pattern: str) -> float:
    return sum(path.stat().st_size for path in folder.glob(pattern)) / MIB


def memory_mib(pid: int) -> float:
    """Of the process and its children; what several of them share counts once."""
    try:
        processes = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0.0
    total = 0
    for process in processes:
        try:
            total += process.memory_full_info().pss
        except psutil.NoSuchProcess:
            continue
    return total / MIB


def cpu_share(before: Mapping[str, float], after: Mapping[str, float], seconds: float) -> dict[str, float]:
    """Percent of one core, by process."""
    return {name: (after[name] - before[name]) / seconds * 100 for name in before if name in after}
