"""Rows of a draft order import: one per line, grouped by `external_order_number`.

A group with a problem in any row is left out as a whole: an order that lacks a line would be wrong.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from api.csv_rows import JsonCell, Table, checked, read_table
from api.customers import KnownCurrency
from api.days import DayCell
from domain.canonical import digest
from domain.draft import Decoration, Header, LineInput
from domain.values import MAX_LINES, Code, LineNo, Number, Price, Text

REQUIRED = ("external_order_number", "erp_customer_number")
_DECORATION = ("netsuite_file_cabinet_id", "style_number", "color_code", "placement")
_HEADER = ("erp_customer_number", "currency", "order_date", "requested_delivery_date")
OPTIONAL = (
    *("currency", "order_date", "requested_delivery_date", "line_no", "customer_sku_raw", "internal_sku"),
    *("description", "qty", "uom", "unit_price", *_DECORATION, "size_quantities_json"),
)

SizeQuantities = Annotated[dict[Code, Annotated[int, Field(ge=0, le=1_000_000)]], Field(max_length=100)]


class OrderRow(BaseModel):
    """Everything but the order's number may be blank: that is what validation is for."""

    model_config = ConfigDict(extra="forbid")

    external_order_number: Code
    erp_customer_number: Code | None = None
    currency: KnownCurrency | None = None
    order_date: DayCell | None = None
    requested_delivery_date: DayCell | None = None
    line_no: LineNo | None = None
    customer_sku_raw: Code | None = None
    internal_sku: Code | None = None
    description: Text | None = None
    qty: Number | None = None
    uom: Code | None = None
    unit_price: Price | None = None
    netsuite_file_cabinet_id: Code | None = None
    style_number: Code | None = None
    color_code: Code | None = None
    placement: Code | None = None
    size_quantities_json: Annotated[SizeQuantities, JsonCell] | None = None

    def line(self) -> LineInput:
        plain = ("line_no", "customer_sku_raw", "internal_sku", "description", "qty", "uom", "unit_price")
        return LineInput(decoration=self._decoration(), **{name: getattr(self, name) for name in plain})

    def _decoration(self) -> Decoration | None:
        values = {name: getattr(self, name) for name in _DECORATION}
        if self.size_quantities_json is None and not any(values.values()):
            return None
        return Decoration(**values, size_quantities=self.size_quantities_json or {})


@dataclass
class OrderGroup:
    """The rows of one order, by their number in the file."""

    rows: dict[int, OrderRow] = field(default_factory=dict)

    def order(self, customers: dict[str, UUID]) -> "ImportedOrder":
        first = next(iter(self.rows.values()))
        said = {
            name: next(
                (value for row in self.rows.values() if (value := getattr(row, name)) is not None), None
            )
            for name in _HEADER
        }
        number = said.pop("erp_customer_number")
        header = Header(
            external_order_number=first.external_order_number,
            customer_id=None if number is None else customers[number],
            **said,
        )
        return ImportedOrder(header, [row.line() for row in self.rows.values()])


@dataclass(frozen=True)
class ImportedOrder:
    header: Header
    lines: list[LineInput]

    def digest(self) -> str:
        """Digest of the order's content, whatever else was in the file."""
        header = self.header.model_dump(mode="json")
        return digest({"header": header, "lines": [line.model_dump(mode="json") for line in self.lines]})


@dataclass
class OrderFile:
    table: Table
    groups: dict[str, OrderGroup] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)

    def customer_numbers(self) -> set[str]:
        rows = [row for group in self.groups.values() for row in group.rows.values()]
        return {row.erp_customer_number for row in rows if row.erp_customer_number is not None}

    def settle(self, customers: dict[str, UUID]) -> list[ImportedOrder]:
        """Orders whose customers are known and whose rows agree; the others become problems."""
        for name, group in self.groups.items():
            for row, column, message in _disputes(group, customers):
                self.table.blame(row, column, message)
                self.broken.add(name)
        return [group.order(customers) for name, group in self.groups.items() if name not in self.broken]


def read_orders(text: str) -> OrderFile:
    table = read_table(text, required=REQUIRED, optional=OPTIONAL)
    file = OrderFile(table)
    for row in table.rows:
        order_row = checked(OrderRow, row, table)
        if order_row is None:
            file.broken.add(row.cells.get("external_order_number", "").strip())
        else:
            group = file.groups.setdefault(order_row.external_order_number, OrderGroup())
            group.rows[row.number] = order_row
    return file


Dispute = tuple[int, str | None, str]  # row, column, message


def _disputes(group: OrderGroup, customers: dict[str, UUID]) -> Iterator[Dispute]:
    yield from _different_headers(group)
    yield from _repeated_lines(group)
    for number, row in group.rows.items():
        wanted = row.erp_customer_number
        if wanted is not None and wanted not in customers:
            yield number, "erp_customer_number", f"there is no customer with the number {wanted}"
    if len(group.rows) > MAX_LINES:
        yield next(iter(group.rows)), None, f"an order may have at most {MAX_LINES} lines"


def _different_headers(group: OrderGroup) -> Iterator[Dispute]:
    for column in _HEADER:
        said: dict[object, int] = {}
        for number, row in group.rows.items():
            value = getattr(row, column)
            if value is not None:
                said.setdefault(value, number)
                if len(said) > 1 and said[value] == number:
                    first = next(iter(said.values()))
                    yield number, column, f"differs from row {first} of the same order"


def _repeated_lines(group: OrderGroup) -> Iterator[Dispute]:
    seen: dict[int, int] = {}
    for number, row in group.rows.items():
        if row.line_no is not None and seen.setdefault(row.line_no, number) != number:
            yield number, "line_no", f"row {seen[row.line_no]} of the same order has this line number"
