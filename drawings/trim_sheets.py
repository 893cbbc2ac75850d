"""What a trim sheet says, ready for its template: texts that fit their cells, sizes in columns, sums.

The template gets texts and numbers only; nothing of them is markup.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

from domain.batches import Batch, ReadyLine
from domain.designs import Design
from domain.sizes import size_order
from drawings.thread_colors import swatch

PaperSize = Literal["a4", "us-letter"]  # as typst calls them

_COLUMNS, _WIDE_COLUMNS = 10, 6  # sizes side by side; more go into another table below
_WIDE = 10_000  # from here on a sum of units wants a wide column
_LONGEST_RUN = 14  # letters without a blank that fit the narrowest cell
_LONGEST_NAME = 26  # the same for the large letters at the top
_LONGEST_HEAD = 70  # letters in all, in the line above each page
_BREAK = "\N{ZERO WIDTH SPACE}"


@dataclass(frozen=True)
class Sheet:
    """One trim sheet to be printed."""

    batch: Batch
    design: Design | None
    org_name: str
    printed_at: datetime

    def said(self) -> dict[str, Any]:
        """As the template reads it."""
        batch = self.batch
        return {
            "org": _cut(self.org_name, 40),
            "key": batch.key[:8],
            "head": _cut(f"{batch.customer.name} · {batch.logo.name}", _LONGEST_HEAD),
            "printed_at": f"{self.printed_at:%Y-%m-%d %H:%M} UTC",
            "customer": _text(batch.customer.name, _LONGEST_NAME),
            "customer_number": _text(batch.customer.erp_customer_number),
            "logo": _text(batch.logo.name, _LONGEST_NAME),
            "design_number": _text(batch.logo.design_number),
            "placement": _text(batch.placement),
            "due": _day(min(_dates(batch.lines), default=None)),
            "units": batch.total_units,
            "design": None if self.design is None else _design(self.design),
            "threads": _threads(batch),
            "orders": _orders(batch.lines),
            "grids": _grids(batch.lines),
            "notes": _notes(batch.lines),
        }


def _design(design: Design) -> dict[str, Any]:
    return {
        "file": _text(design.file_name),
        "size": f"{design.width_mm:.1f} × {design.height_mm:.1f} mm",
        "stitches": f"{design.stitches:,}",
        "stops": design.stops,
        "color_changes": design.color_changes,
        "trims": design.trims,
    }


def _threads(batch: Batch) -> list[dict[str, Any]]:
    rows = []
    for stop in batch.threads:
        shown = swatch(stop.brand, stop.thread_code, stop.thread_name)
        rows.append(
            {
                "stop": stop.stop,
                "needle": "" if stop.needle is None else str(stop.needle),
                "color": shown.color,
                "approximate": shown.approximate,
                "code": _text(stop.thread_code),
                "name": _text(stop.thread_name),
                "brand": _text(stop.brand),
            }
        )
    return rows


def _orders(lines: Sequence[ReadyLine]) -> list[dict[str, Any]]:
    """One row per order, as the lines come."""
    rows = []
    for order in dict.fromkeys(line.draft_order_id for line in lines):
        own = _of(order, lines)
        rows.append(
            {
                "number": own[0].number,
                "po": _text(own[0].external_order_number),
                "ordered": _day(own[0].order_date),
                "due": _day(min(_dates(own), default=None)),
                "lines": len(own),
                "units": sum(line.units for line in own),
            }
        )
    return rows


def _of(order: UUID, lines: Sequence[ReadyLine]) -> list[ReadyLine]:
    return [line for line in lines if line.draft_order_id == order]


def _grids(lines: Sequence[ReadyLine]) -> list[dict[str, Any]]:
    """Sizes as columns, at most ten of them in one table; each table holds the lines that have such sizes."""
    sizes = sorted({size for line in lines for size in line.decoration.size_quantities}, key=size_order)
    wide = any(sum(line.decoration.size_quantities.get(size, 0) for line in lines) >= _WIDE for size in sizes)
    step = _WIDE_COLUMNS if wide else _COLUMNS
    grids = []
    for begin in range(0, len(sizes), step):
        columns = sizes[begin : begin + step]
        own = [line for line in lines if any(column in line.decoration.size_quantities for column in columns)]
        sums = [sum(line.decoration.size_quantities.get(size, 0) for line in own) for size in columns]
        grids.append(
            {
                "wide": wide,
                "sizes": [_text(size, 9 if wide else 6) for size in columns],
                "rows": [_row(line, columns) for line in own],
                "sums": [str(each) for each in sums],
                "units": sum(sums),
            }
        )
    return grids


def _row(line: ReadyLine, columns: list[str]) -> dict[str, Any]:
    decoration = line.decoration
    counts = [decoration.size_quantities.get(size, 0) for size in columns]
    return {
        "line": f"{line.number} / {line.line_no}",
        "style": _text(decoration.style_number),
        "style_name": _text(decoration.style_name),
        "color": _text(decoration.color_code, 8),
        "counts": [str(count) if count else "" for count in counts],
        "units": sum(counts),
    }


def _notes(lines: Sequence[ReadyLine]) -> list[dict[str, str]]:
    notes: dict[str, str] = {}
    for line in lines:
        if line.order_notes:
            notes[line.number] = line.order_notes
        if line.notes:
            notes[f"{line.number} / {line.line_no}"] = line.notes
    return [{"of": of, "text": _text(text, 40)} for of, text in notes.items()]


def _dates(lines: Iterable[ReadyLine]) -> list[date]:
    return [line.requested_delivery_date for line in lines if line.requested_delivery_date is not None]


def _day(day: date | None) -> str:
    return "" if day is None else day.isoformat()


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def _text(text: str | None, longest: int = _LONGEST_RUN) -> str:
    """With places to break in long runs of letters: typst would let them stand out of their cell."""
    return re.sub(rf"(\S{{{longest}}})(?=\S)", rf"\1{_BREAK}", text or "")
