"""Rows of a product import: `internal_sku,name,base_uom,uom_conversions_json,active`."""

from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from sqlalchemy.ext.asyncio import AsyncConnection

from api.csv_rows import Flag, JsonCell, checked, read_table
from api.import_batches import Batch
from api.products import Conversions
from domain.values import Code, Name

REQUIRED = ("internal_sku", "name", "base_uom")
OPTIONAL = ("uom_conversions_json", "active")


class ProductRow(BaseModel):
    """Conversions and `active` that are left blank keep what the product has, or are none and true."""

    model_config = ConfigDict(extra="forbid")

    internal_sku: Code
    name: Name
    base_uom: Code
    uom_conversions_json: Annotated[Conversions, JsonCell] | None = None
    active: Flag | None = None


def read_products(text: str) -> Batch:
    table = read_table(text, required=REQUIRED, optional=OPTIONAL)
    seen: dict[str, int] = {}
    values = []
    for row in table.rows:
        product = checked(ProductRow, row, table)
        if product is None:
            continue
        first = seen.setdefault(product.internal_sku, row.number)
        if first != row.number:
            table.blame(row.number, "internal_sku", f"the same product is in row {first}")
            continue
        written = product.model_dump(mode="json")
        values.append({**written, "uom_conversions": written.pop("uom_conversions_json")})
    return Batch(table, values)


async def settle_products(connection: AsyncConnection, org_id: UUID, batch: Batch) -> Batch:
    """A product refers to nothing."""
    return batch
