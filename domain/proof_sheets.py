"""What a customer decides on, whole: the version, the garments that wait for it, the terms; one hash of all.

A decision by the page carries the hash of what it showed; when anything has changed since, it is refused.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from domain.canonical import digest
from domain.color_ups import ThreadStop
from domain.sizes import size_order


class SheetLine(BaseModel):
    """A line that waits for the decision. `order` is what the customer knows the order by."""

    model_config = ConfigDict(frozen=True)

    draft_order_id: UUID
    line_no: int
    order: str
    style_number: str | None
    style_name: str | None
    color_code: str | None
    placement: str | None
    size_quantities: dict[str, int]

    @property
    def sizes(self) -> list[tuple[str, int]]:
        return sorted(self.size_quantities.items(), key=lambda item: size_order(item[0]))

    @property
    def total(self) -> int:
        return sum(self.size_quantities.values())


class Terms(BaseModel):
    """Version 0 stands for an org that has none of its own."""

    model_config = ConfigDict(frozen=True)

    version: int = 0
    text_en: str = ""
    text_de: str = ""


class ProofSheet(BaseModel):
    model_config = ConfigDict(frozen=True)

    color_up_id: UUID
    version: int
    logo_name: str
    design_number: str | None
    design_sha256: str | None
    style_number: str
    color_code: str
    thread_sequence: list[ThreadStop]
    lines: list[SheetLine]
    terms: Terms

    def sha256(self) -> str:
        return digest(self.model_dump(mode="json"))


class ThreadChange(BaseModel):
    """One stop that differs from the version before; None where the stop is new or gone."""

    stop: int
    before: ThreadStop | None
    after: ThreadStop | None


def changes(before: list[ThreadStop], after: list[ThreadStop]) -> list[ThreadChange]:
    """What a newer version changed, in the order of the stops."""
    old, new = _by_stop(before), _by_stop(after)
    return [
        ThreadChange(stop=stop, before=old.get(stop), after=new.get(stop))
        for stop in sorted({*old, *new})
        if old.get(stop) != new.get(stop)
    ]


def _by_stop(threads: list[ThreadStop]) -> Mapping[int, ThreadStop]:
    return {each.stop: each for each in threads}


def sheet_line(row: Mapping[str, Any]) -> SheetLine:
    """A line as its row says it."""
    decoration: Mapping[str, Any] = row["decoration"] or {}
    named = ("style_number", "style_name", "color_code", "placement")
    return SheetLine(
        draft_order_id=row["draft_order_id"],
        line_no=row["line_no"],
        order=row["external_order_number"] or row["number"],
        size_quantities=decoration.get("size_quantities") or {},
        **{name: decoration.get(name) for name in named},
    )
