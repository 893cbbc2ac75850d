"""Drafts and their lines as a JSON body says them: each value by its own type.

The workflow's own types (`domain/draft.py`) take more, because what they took once they must take again.
"""

from typing import Annotated, Any

from pydantic import ConfigDict, Field

from api.days import Day
from api.json_types import BodyLineNo, Truth, Whole
from domain.draft import Decoration, Header, LineContent, LineInput
from domain.values import MAX_LINES, Code

EXAMPLE: dict[str, Any] = {
    "customer_id": "7b0f0d9e-5b1c-4a53-9f59-0f8f4b1c2d3e",
    "external_order_number": "PO-12345",
    "currency": "EUR",
    "order_date": "2026-11-20",
    "requested_delivery_date": "2026-12-01",
    "lines": [{"internal_sku": "INT-999", "qty": "10", "uom": "M", "unit_price": "1.2300"}],
}


class DecorationBody(Decoration):
    size_quantities: dict[Code, Annotated[Whole, Field(ge=0, le=1_000_000)]] = Field(
        default_factory=dict, max_length=100
    )
    send_for_approval: Truth = False


class LineBody(LineInput):
    line_no: BodyLineNo | None = None
    requested_delivery_date: Day | None = None
    decoration: DecorationBody | None = None


class LinePatch(LineContent):
    """Fields that are left out keep their value; null clears one."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"qty": "12"}]})

    requested_delivery_date: Day | None = None
    decoration: DecorationBody | None = None


class _HeaderBody(Header):
    order_date: Day | None = None
    requested_delivery_date: Day | None = None
    internal_review: Truth | None = None


class DraftInput(_HeaderBody):
    """Everything may be missing: incomplete drafts are what validation is for."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [EXAMPLE]})

    lines: list[LineBody] = Field(default_factory=list, max_length=MAX_LINES)


class HeaderPatch(_HeaderBody):
    """Fields that are left out keep their value; null clears one."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"notes": "Call before delivery"}]})
