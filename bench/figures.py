"""Figures with their aims: kept while measuring, printed as one table, written as JSON."""

import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table

SECTIONS = {
    "approve": "Approve, one client",
    "push": "Push to file visible, one client",
    "throughput": "32 clients at once",
    "life": "One draft's whole life",
    "approve_parts": "Where one approve's time goes",
    "push_parts": "Where one push's time goes",
    "scale": "Many open drafts, against few on a second stack",
    "weight": "What open drafts weigh",
    "restart": "Coming back with many open drafts",
    "operators": "Operators at work",
}


def p50(values: Sequence[float]) -> float:
    return statistics.median(values)


def p95(values: Sequence[float]) -> float:
    return quantile(values, 0.95)


def quantile(values: Sequence[float], part: float) -> float:
    return sorted(values)[round(part * (len(values) - 1))]


@dataclass(frozen=True)
class Figure:
    """`at_most` is the aim, where there is one; `note` says what the number is made of."""

    section: str
    name: str
    value: float
    unit: str
    at_most: float | None = None
    note: str = ""

    @property
    def verdict(self) -> str:
        if self.at_most is None:
            return ""
        return "met" if self.value <= self.at_most else "missed"


@dataclass
class Figures:
    found: list[Figure] = field(default_factory=list)

    def add(
        self,
        section: str,
        name: str,
        value: float,
        unit: str,
        *,
        at_most: float | None = None,
        note: str = "",
    ) -> None:
        self.found.append(Figure(section, name, round(value, 2), unit, at_most, note))

    def times(
        self,
        section: str,
        name: str,
        times_s: Sequence[float],
        *,
        at_most: float | None = None,
        note: str = "",
    ) -> None:
        """Median and 95th percentile in ms; the aim is for the median."""
        self.add(section, f"{name}, p50", p50(times_s) * 1000, "ms", at_most=at_most, note=note)
        self.add(section, f"{name}, p95", p95(times_s) * 1000, "ms")

    def show(self, console: Console) -> None:
        table = Table("figure", "value", "aim", "", "how", title="Countersign, measured")
        table.columns[1].justify = table.columns[2].justify = "right"
        for section, title in SECTIONS.items():
            rows = [one for one in self.found if one.section == section]
            if not rows:
                continue
            table.add_section()
            table.add_row(f"[bold]{title}[/bold]")
            for each in rows:
                aim = "" if each.at_most is None else f"≤ {each.at_most:g} {each.unit}"
                color = {"met": "green", "missed": "yellow", "": "dim"}[each.verdict]
                value = f"{each.value:g} {each.unit}"
                table.add_row(f"  {each.name}", value, aim, f"[{color}]{each.verdict}[/{color}]", each.note)
        console.print(table)

    def write(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        rows = [asdict(each) | {"verdict": each.verdict} for each in self.found]
        path.write_text(json.dumps({"figures": rows}, indent=1, ensure_ascii=False) + "\n")
