"""Agreed prices of a customer, by SKU, currency, unit, least quantity and first day."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.products import Written


async def import_prices(
    connection: AsyncConnection, org_id: UUID, prices: Sequence[dict[str, Any]], at: datetime
) -> Written:
    """Create or update many, in one statement; no key may come twice. Decimals are text, dates ISO.

    The caller has looked the customers up within the org (foreign keys pass row security).
    """
    statement = text(
        """
        WITH written AS (
            INSERT INTO customer_price (id, org_id, customer_id, internal_sku, currency, uom, unit_price,
                                        min_qty, valid_from, valid_to, created_at, updated_at)
            SELECT gen_random_uuid(), :org, r.customer_id, r.internal_sku, r.currency, r.uom, r.unit_price,
                r.min_qty, r.valid_from, r.valid_to, :at, :at
            FROM jsonb_to_recordset(cast(:rows AS jsonb)) AS r (
                customer_id uuid, internal_sku text, currency text, uom text, unit_price numeric,
                min_qty numeric, valid_from date, valid_to date)
            ON CONFLICT (customer_id, internal_sku, currency, uom, min_qty, valid_from) DO UPDATE SET
                unit_price = excluded.unit_price, valid_to = excluded.valid_to,
                updated_at = excluded.updated_at
            RETURNING (xmax = 0) AS created
        )
        SELECT count(*) FILTER (WHERE created) AS created, count(*) FILTER (WHERE NOT created) AS updated
        FROM written
        """
    )
    values = {"org": org_id, "rows": json.dumps(prices), "at": at}
    row = (await connection.execute(statement, values)).mappings().one()
    return Written(row["created"], row["updated"])
