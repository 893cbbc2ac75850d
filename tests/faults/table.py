"""The one table: a line for each fault, printed at the end and written as JSON."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.faults.account import Count

# column of `Count` → its words; each must be 0
MUST_BE_NONE = {
    "lost": "lost",
    "duplicate": "double",
    "denied": "wrong\nnot sent",
    "torn": "torn",
    "commands": "command\nlost",
    "audit": "audit\nrows",
    "stuck": "stuck,\nno reason",
    "conflicts": "Sequence\nConflicts",
}
_COLOURS = {"met": "green", "missed": "red", "cannot": "yellow", "not run": "yellow"}


@dataclass
class Line:
    """One fault's outcome. `wanted` is how often the fault must have struck for the line to count."""

    fault: str
    wanted: int
    struck: int = 0
    count: Count = field(default_factory=Count)
    took_s: float = 0.0
    broken_off: str = ""
    not_run: str = ""  # what this machine lacks for it
    cannot: str = ""  # why no client can keep this fault from doubling an order, at most once a strike

    @property
    def met(self) -> bool:
        """Whether nothing was found that should not be."""
        found = {column for column in MUST_BE_NONE if getattr(self.count, column)}
        if self.cannot and self.count.duplicate <= self.struck:
            found.discard("duplicate")
        return not found and not self.broken_off and (self.struck >= self.wanted or bool(self.not_run))

    @property
    def verdict(self) -> str:
        if not self.met:
            return "missed"
        if self.not_run:
            return "not run"
        return "cannot" if self.count.duplicate else "met"


def show(lines: Sequence[Line], console: Console) -> None:
    words = MUST_BE_NONE.values()
    table = Table("fault", "struck", "pushes", "failed", "uncon-\nfirmed", *words, "s", "", title="Faults")
    table.columns[0].no_wrap = True
    for column in table.columns[1:-1]:
        column.justify = "right"
    for line in lines:
        counts = [str(getattr(line.count, column)) for column in MUST_BE_NONE]
        struck = str(line.struck) if line.struck >= line.wanted else f"{line.struck} of {line.wanted}"
        table.add_row(
            line.fault,
            struck,
            str(line.count.pushes),
            str(line.count.failed),
            str(line.count.unconfirmed),
            *counts,
            f"{line.took_s:.0f}",
            f"[{_COLOURS[line.verdict]}]{line.verdict}[/]",
        )
    console.print(table)
    for line in lines:
        why = line.cannot if line.count.duplicate else ""
        for note in [line.broken_off, line.not_run and f"not run: {line.not_run}", why, *line.count.notes]:
            if note:
                console.print(f"{line.fault}: {note}", markup=False, soft_wrap=True)


def write(path: Path, lines: Sequence[Line], settings: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [asdict(line) | {"met": line.met, "verdict": line.verdict} for line in lines]
    path.write_text(json.dumps({"settings": settings, "lines": rows}, indent=1, ensure_ascii=False) + "\n")
