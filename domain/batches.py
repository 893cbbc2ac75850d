"""Production batches: lines that the floor may sew in one go. A view, never stored.

Lines belong together when customer, logo, placement and canonical threads are the same. Canonical: what the
color-up's rules make of it (outer blanks gone, 1.0 the number 1, a needle, name or brand left out the same as
null), written as JSON with sorted keys. The order of the threads counts, and so do case and inner blanks.
Source: domain.md, "Production batch".
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, TypeAdapter

from domain.canonical import digest
from domain.color_ups import ColorUpStatus, ThreadStop
from domain.draft import Decoration

KEY_LENGTH = 32
Threads = tuple[ThreadStop, ...]
_THREADS = TypeAdapter(Threads)


class BatchCustomer(BaseModel):
    id: UUID
    name: str
    erp_customer_number: str | None


class BatchLogo(BaseModel):
    id: UUID
    name: str
    design_number: str | None


@dataclass(frozen=True)
class BatchColorUp:
    """The version that a line refers to. `threads` as stored: JSON whose keys may come in any order."""

    id: UUID
    version: int
    status: ColorUpStatus
    logo: BatchLogo
    customer_id: UUID
    threads: Threads


@dataclass(frozen=True)
class ReadyLine:
    """A line that production has approved, in a draft that is not rejected."""

    draft_order_id: UUID
    number: str
    external_order_number: str | None
    order_date: date | None
    order_notes: str | None
    requested_delivery_date: date | None  # the line's own, else the order's
    customer: BatchCustomer | None
    line_no: int
    notes: str | None
    decoration: Decoration
    ready_since: datetime
    color_up: BatchColorUp | None

    @property
    def units(self) -> int:
        return sum(self.decoration.size_quantities.values())

    @property
    def name(self) -> str:
        return f"Line {self.line_no} of {self.number}"


@dataclass(frozen=True)
class Batch:
    """`waiting_since` is when the first of its lines became ready."""

    key: str
    customer: BatchCustomer
    logo: BatchLogo
    placement: str | None
    threads: Threads
    lines: tuple[ReadyLine, ...]
    waiting_since: datetime

    @property
    def total_units(self) -> int:
        return sum(line.units for line in self.lines)


@dataclass(frozen=True)
class LeftOut:
    line: ReadyLine
    reason: str


@dataclass(frozen=True)
class Floor:
    """Batches, longest waiting first, and the ready lines that are in none."""

    batches: tuple[Batch, ...]
    left_out: tuple[LeftOut, ...]


def canonical_threads(threads: Iterable[Any]) -> Threads:
    """Threads in the one form that is compared. Takes stored JSON or `ThreadStop`s."""
    return _THREADS.validate_python(tuple(threads))


def batch_key(customer_id: UUID, logo_id: UUID, placement: str | None, threads: Threads) -> str:
    """The same for the same batch, today and tomorrow; changes with its threads, not with its lines."""
    stops = [each.model_dump(mode="json") for each in threads]
    return digest([customer_id, logo_id, placement, stops])[:KEY_LENGTH]


def floor(lines: Iterable[ReadyLine]) -> Floor:
    """Group what is ready. Each line comes once: in a batch, or among those left out."""
    groups: dict[str, list[ReadyLine]] = defaultdict(list)
    keys: dict[tuple[UUID, str | None], str] = {}  # of a version with a placement; its threads may be many
    left_out: list[LeftOut] = []
    for line in sorted(lines, key=_place):
        reason, color_up, placement = why_left_out(line), line.color_up, line.decoration.placement
        if reason is not None or color_up is None:
            left_out.append(LeftOut(line, reason or ""))
            continue
        same = color_up.id, placement
        if same not in keys:
            keys[same] = batch_key(color_up.customer_id, color_up.logo.id, placement, color_up.threads)
        groups[keys[same]].append(line)
    batches = [_batch(key, group) for key, group in groups.items()]
    return Floor(tuple(sorted(batches, key=lambda batch: (batch.waiting_since, batch.key))), tuple(left_out))


def why_left_out(line: ReadyLine) -> str | None:
    """A sentence for a line that belongs to no batch: what is wrong, and what to do."""
    color_up = line.color_up
    if color_up is None:
        return f"{line.name} has no color-up any more; {_SEND_BACK}"
    if color_up.status is not ColorUpStatus.APPROVED:
        stands = f"has version {color_up.version} of its color-up, which is {color_up.status}, not Approved"
        return f"{line.name} {stands}; {_SEND_BACK}"
    if line.customer is None or line.customer.id != color_up.customer_id:
        return f"{line.name} has a color-up of another customer than its order; {_SEND_BACK}"
    if line.decoration.logo_id != color_up.logo.id:
        return f"{line.name} has a color-up of another logo; {_SEND_BACK}"
    return None


_SEND_BACK = "send it back with production-reject, so that it gets a version that is approved"


def _place(line: ReadyLine) -> tuple[datetime, str, int]:
    return line.ready_since, line.number, line.line_no


def _batch(key: str, lines: list[ReadyLine]) -> Batch:
    first = lines[0]
    if first.customer is None or first.color_up is None:
        raise ValueError("a line that is left out has no batch")
    return Batch(
        key=key,
        customer=first.customer,
        logo=first.color_up.logo,
        placement=first.decoration.placement,
        threads=first.color_up.threads,
        lines=tuple(lines),
        waiting_since=first.ready_since,
    )
