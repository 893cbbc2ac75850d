"""Rows of a price import. A customer is named by ERP number or by name; of both, the number decides."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator
from sqlalchemy.ext.asyncio import AsyncConnection

from api.csv_rows import checked, read_table
from api.customers import KnownCurrency
from api.days import DayCell
from api.import_batches import Batch
from domain.values import Code, Name, Price
from storage.customers import ids_by_name, ids_by_number
from storage.products import known_skus

REQUIRED = ("internal_sku", "currency", "uom", "unit_price")
OPTIONAL = ("erp_customer_number", "customer_name", "min_qty", "valid_from", "valid_to")


class PriceRow(BaseModel):
    model_config = ConfigDict(extra="forbid")

    erp_customer_number: Code | None = None
    customer_name: Name | None = None
    internal_sku: Code
    currency: KnownCurrency
    uom: Code
    unit_price: Price
    min_qty: Price = Decimal(0)
    valid_from: DayCell | None = None
    valid_to: DayCell | None = None

    @field_validator("valid_to")
    @classmethod
    def _not_before_it_begins(cls, value: date | None, info: ValidationInfo) -> date | None:
        begins = info.data.get("valid_from")
        if value is not None and begins is not None and value < begins:
            raise ValueError("must not be before valid_from")
        return value


def read_prices(text: str) -> Batch:
    table = read_table(text, required=REQUIRED, optional=OPTIONAL)
    values = []
    for row in table.rows:
        price = checked(PriceRow, row, table)
        if price is not None:
            values.append({**price.model_dump(mode="json"), "row": row.number})
    return Batch(table, values)


async def settle_prices(connection: AsyncConnection, org_id: UUID, batch: Batch) -> Batch:
    """Find customers and products; leave out, with a problem, what is unknown or there twice."""
    names = _distinct(batch.values, "customer_name")
    by_name = await ids_by_name(connection, org_id, names)
    by_number = await ids_by_number(connection, org_id, _distinct(batch.values, "erp_customer_number"))
    skus = await known_skus(connection, org_id, _distinct(batch.values, "internal_sku"))
    seen: dict[tuple[Any, ...], int] = {}
    settled = []
    for value in batch.values:
        row = value["row"]
        customer = _customer(value, by_number, by_name)
        if isinstance(customer, _Unclear):
            batch.table.blame(row, customer.column, customer.message)
        elif value["internal_sku"] not in skus:
            batch.table.blame(row, "internal_sku", f"there is no product {value['internal_sku']}")
        else:
            first = seen.setdefault(_key(customer, value), row)
            if first != row:
                batch.table.blame(row, None, f"the same price is in row {first}")
            else:
                settled.append({**value, "customer_id": str(customer)})
    return Batch(batch.table, settled)


def _distinct(values: Sequence[dict[str, Any]], column: str) -> set[str]:
    return {value[column] for value in values if value[column] is not None}


def _key(customer: UUID, value: dict[str, Any]) -> tuple[Any, ...]:
    named = (value["internal_sku"], value["currency"], value["uom"], value["valid_from"])
    return customer, *named, Decimal(value["min_qty"])


class _Unclear(BaseModel):
    column: str
    message: str


def _customer(
    value: dict[str, Any], by_number: dict[str, UUID], by_name: dict[str, list[UUID]]
) -> "UUID | _Unclear":
    number, name = value["erp_customer_number"], value["customer_name"]
    if number is not None:
        known = by_number.get(number)
        return known or _Unclear(
            column="erp_customer_number", message=f"there is no customer with the number {number}"
        )
    if name is None:
        return _Unclear(
            column="erp_customer_number", message="name the customer by erp_customer_number or customer_name"
        )
    found = by_name.get(name, [])
    if len(found) != 1:
        what = "is no customer" if not found else "are several customers"
        return _Unclear(column="customer_name", message=f"there {what} with the name {name}")
    return found[0]
