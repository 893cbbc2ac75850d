"""The catalog of an org, keyed by `internal_sku`. Unit conversions are `{"KAR": "12"}`: decimals as text."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.database import Row

_COLUMNS = "internal_sku, name, base_uom, uom_conversions, active, price, version, created_at, updated_at"


@dataclass(frozen=True)
class Written:
    """How many rows one statement made, and how many were there before."""

    created: int
    updated: int


async def get_product(
    connection: AsyncConnection, org_id: UUID, sku: str, *, lock: bool = False
) -> Row | None:
    query = f"SELECT {_COLUMNS} FROM product WHERE org_id = :org AND internal_sku = :sku"
    query += " FOR UPDATE" if lock else ""
    return (await connection.execute(text(query), {"org": org_id, "sku": sku})).mappings().first()


async def list_products(
    connection: AsyncConnection,
    org_id: UUID,
    *,
    q: str | None,
    limit: int,
    after: tuple[datetime, str] | None,
) -> list[Row]:
    """Newest first, then by SKU; `q` is looked for in SKU and name, literally and in any case."""
    values: dict[str, Any] = {"org": org_id, "limit": limit}
    conditions = ["org_id = :org"]
    if q is not None:
        conditions.append("position(lower(:q) IN lower(concat_ws(chr(10), internal_sku, name))) > 0")
        values["q"] = q
    if after is not None:
        conditions.append(
            "(created_at < :after_at OR (created_at = :after_at AND internal_sku > :after_sku))"
        )
        values |= {"after_at": after[0], "after_sku": after[1]}
    query = (
        f"SELECT {_COLUMNS} FROM product WHERE {' AND '.join(conditions)} "
        "ORDER BY created_at DESC, internal_sku LIMIT :limit"
    )
    return list((await connection.execute(text(query), values)).mappings())


async def insert_product(
    connection: AsyncConnection, org_id: UUID, values: dict[str, Any], at: datetime
) -> Row | None:
    """The new row, or None when the SKU exists. `values` holds the product as JSON."""
    statement = text(
        f"INSERT INTO product (org_id, {_COLUMNS}) VALUES (:org, :internal_sku, :name, :base_uom, "
        "cast(:uom_conversions AS jsonb), :active, :price, 1, :at, :at) "
        f"ON CONFLICT DO NOTHING RETURNING {_COLUMNS}"
    )
    return (await connection.execute(statement, _bound(org_id, values, at))).mappings().first()


async def replace_product(
    connection: AsyncConnection, org_id: UUID, values: dict[str, Any], at: datetime
) -> Row:
    """Write every field of a product that this transaction has locked."""
    statement = text(
        "UPDATE product SET name = :name, base_uom = :base_uom, active = :active, price = :price, "
        "uom_conversions = cast(:uom_conversions AS jsonb), version = version + 1, updated_at = :at "
        f"WHERE org_id = :org AND internal_sku = :internal_sku RETURNING {_COLUMNS}"
    )
    return (await connection.execute(statement, _bound(org_id, values, at))).mappings().one()


def _bound(org_id: UUID, values: dict[str, Any], at: datetime) -> dict[str, Any]:
    return {**values, "uom_conversions": json.dumps(values["uom_conversions"]), "org": org_id, "at": at}


async def import_products(
    connection: AsyncConnection, org_id: UUID, products: Sequence[dict[str, Any]], at: datetime
) -> Written:
    """Create or update many, in one statement; no SKU may come twice.

    `uom_conversions` and `active` that are None keep what a known product has. Prices stay.
    """
    statement = text(
        """
        WITH written AS (
            INSERT INTO product (org_id, internal_sku, name, base_uom, uom_conversions, active,
                                 created_at, updated_at)
            SELECT :org, r.internal_sku, r.name, r.base_uom,
                coalesce(r.uom_conversions, known.uom_conversions, '{}'),
                coalesce(r.active, known.active, true), :at, :at
            FROM jsonb_to_recordset(cast(:rows AS jsonb)) AS r (
                internal_sku text, name text, base_uom text, uom_conversions jsonb, active boolean)
            LEFT JOIN product known ON known.org_id = :org AND known.internal_sku = r.internal_sku
            ON CONFLICT (org_id, internal_sku) DO UPDATE SET
                name = excluded.name, base_uom = excluded.base_uom, active = excluded.active,
                uom_conversions = excluded.uom_conversions,
                version = product.version + 1, updated_at = excluded.updated_at
            RETURNING (xmax = 0) AS created
        )
        SELECT count(*) FILTER (WHERE created) AS created, count(*) FILTER (WHERE NOT created) AS updated
        FROM written
        """
    )
    values = {"org": org_id, "rows": json.dumps(products), "at": at}
    row = (await connection.execute(statement, values)).mappings().one()
    return Written(row["created"], row["updated"])


async def known_skus(connection: AsyncConnection, org_id: UUID, skus: Collection[str]) -> set[str]:
    query = text("SELECT internal_sku FROM product WHERE org_id = :org AND internal_sku = ANY(:skus)")
    return set((await connection.execute(query, {"org": org_id, "skus": list(skus)})).scalars())
