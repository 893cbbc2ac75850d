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
    "torn": "torn",
    "commands": "command\nlost",
    "audit": "audit\nrows",
    "stuck": "stuck,\nno reason",
    "conflicts": "Sequence\nConflicts",
}


@dataclass
class Line:
    """One fault's outcome. `wanted` is how often the fault must have struck for the line to count."""

    fault: str
    wanted: int
    struck: int = 0
    count: Count = field(default_factory=Count)
    took_s: float = 0.0
    broken_off: str = ""

    @property
    def met(self) -> bool:
        none = all(getattr(self.count, column) == 0 for column in MUST_BE_NONE)
        return none and not self.broken_off and self.struck >= self.wanted


def show(lines: Sequence[Line], console: Console) -> None:
    words = MUST_BE_NONE.values()
    table = Table("fault", "struck", "pushes", "uncon-\nfirmed", *words, "s", "", title="Faults")
    table.columns[0].no_wrap = True
    for column in table.columns[1:-1]:
        column.justify = "right"
    for line in lines:
        counts = [str(getattr(line.count, column)) for column in MUST_BE_NONE]
        struck = str(line.struck) if line.struck >= line.wanted else f"{line.struck} of {line.wanted}"
        verdict = "[green]met[/green]" if line.met else "[red]missed[/red]"
        table.add_row(
            line.fault,
            struck,
            str(line.count.pushes),
            str(line.count.unconfirmed),
            *counts,
            f"{line.took_s:.0f}",
            verdict,
        )
    console.print(table)
    for line in lines:
        for note in [line.broken_off, *line.count.notes]:
            if note:
                console.print(f"{line.fault}: {note}", markup=False, soft_wrap=True)


def write(path: Path, lines: Sequence[Line], settings: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [asdict(line) | {"met": line.met} for line in lines]
    path.write_text(json.dumps({"settings": settings, "lines": rows}, indent=1, ensure_ascii=False) + "\n")
