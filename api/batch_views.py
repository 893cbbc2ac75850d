"""Production batches as the API answers them. Source: api.md, "Resources"."""

from datetime import date, datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from pydantic.types import JsonValue

from api.paging import Page
from domain.batches import Batch, BatchCustomer, BatchLogo, LeftOut, ReadyLine
from domain.color_ups import ThreadStop
from domain.sizes import size_order

MAX_LEFT_OUT = 200
_LINE: dict[str, JsonValue] = {
    "draft_order_id": "7b0f0d9e-5b1c-4a53-9f59-0f8f4b1c2d3e",
    "number": "D-000123",
    "external_order_number": "PO-12345",
    "requested_delivery_date": "2026-12-01",
    "line_no": 1,
    "style_number": "14728",
    "style_name": "Olympic Polo",
    "color_code": "BLK",
    "size_quantities": {"M": 12, "L": 12},
    "units": 24,
    "color_up_id": "1b9f0d9e-5b1c-4a53-9f59-0f8f4b1c2d3e",
    "color_up_version": 2,
    "ready_since": "2026-11-20T09:30:00Z",
}
_STOP: dict[str, JsonValue] = {
    "stop": 1,
    "needle": 4,
    "thread_code": "1800",
    "thread_name": "Wildfire",
    "brand": "Isacord",
}
_BATCH: dict[str, JsonValue] = {
    "key": "0f2b6a4f3f1d4be39f0a7d7c2e0a9b11",
    "customer": {
        "id": "2c0f0d9e-5b1c-4a53-9f59-0f8f4b1c2d3e",
        "name": "Hansen Sport GmbH",
        "erp_customer_number": "C-1001",
    },
    "logo": {"id": "3d0f0d9e-5b1c-4a53-9f59-0f8f4b1c2d3e", "name": "Crest", "design_number": "HS-0042"},
    "placement": "Left Chest",
    "thread_sequence": [_STOP],
    "lines": [_LINE],
    "total_units": 24,
    "waiting_since": "2026-11-20T09:30:00Z",
}
_LEFT_OUT: dict[str, JsonValue] = {
    "draft_order_id": "7b0f0d9e-5b1c-4a53-9f59-0f8f4b1c2d3e",
    "number": "D-000124",
    "line_no": 2,
    "color_up_id": "4e0f0d9e-5b1c-4a53-9f59-0f8f4b1c2d3e",
    "reason": "Line 2 of D-000124 has version 1 of its color-up, which is Retired, not Approved; send it "
    "back with production-reject, so that it gets a version that is approved",
}


class BatchLine(BaseModel):
    draft_order_id: UUID
    number: str
    external_order_number: str | None
    requested_delivery_date: date | None = Field(description="the line's own, else the order's")
    line_no: int
    style_number: str | None
    style_name: str | None
    color_code: str | None
    size_quantities: dict[str, int]
    units: int
    color_up_id: UUID
    color_up_version: int
    ready_since: datetime


class BatchView(BaseModel):
    """Lines that may be sewn in one go. The key stays while customer, logo, placement and threads do."""

    key: str
    customer: BatchCustomer
    logo: BatchLogo
    placement: str | None
    thread_sequence: list[ThreadStop]
    lines: list[BatchLine]
    total_units: int
    waiting_since: datetime = Field(description="when the first of its lines became ready")


class LeftOutView(BaseModel):
    """A line that is Production Ready but in no batch, and why."""

    draft_order_id: UUID
    number: str
    line_no: int
    color_up_id: UUID | None
    reason: str


class BatchPage(Page[BatchView]):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "data": [_BATCH],
                    "next_cursor": "WyIyMDI2LTExLTIwIl0=",
                    "left_out": [_LEFT_OUT],
                    "left_out_total": 1,
                }
            ]
        }
    )

    left_out: list[LeftOutView] = Field(
        description=f"the first {MAX_LEFT_OUT} of all pages together; the same on each page"
    )
    left_out_total: int


def batch_view(batch: Batch) -> BatchView:
    return BatchView(
        key=batch.key,
        customer=batch.customer,
        logo=batch.logo,
        placement=batch.placement,
        thread_sequence=list(batch.threads),
        lines=[_line(line) for line in batch.lines],
        total_units=batch.total_units,
        waiting_since=batch.waiting_since,
    )


def _line(line: ReadyLine) -> BatchLine:
    if line.color_up is None:
        raise ValueError("a line in a batch has a color-up")
    sizes = line.decoration.size_quantities
    return BatchLine(
        draft_order_id=line.draft_order_id,
        number=line.number,
        external_order_number=line.external_order_number,
        requested_delivery_date=line.requested_delivery_date,
        line_no=line.line_no,
        style_number=line.decoration.style_number,
        style_name=line.decoration.style_name,
        color_code=line.decoration.color_code,
        size_quantities={size: sizes[size] for size in sorted(sizes, key=size_order)},
        units=line.units,
        color_up_id=line.color_up.id,
        color_up_version=line.color_up.version,
        ready_since=line.ready_since,
    )


def left_out_view(each: LeftOut) -> LeftOutView:
    line = each.line
    return LeftOutView(
        draft_order_id=line.draft_order_id,
        number=line.number,
        line_no=line.line_no,
        color_up_id=None if line.color_up is None else line.color_up.id,
        reason=each.reason,
    )
