"""Read what the floor may sew: lines that are Production Ready, with order, color-up, logo and customer."""

from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.batches import BatchColorUp, BatchCustomer, BatchLogo, ReadyLine, Threads, canonical_threads
from domain.color_ups import ColorUpStatus
from domain.draft import Decoration
from domain.statuses import LineStatus
from storage.database import Row

# A color-up's threads come with its first line only: hundreds of lines may share two hundred stops.
_READY = """
SELECT l.draft_order_id, l.line_no, l.decoration, l.notes, l.color_up_id,
    coalesce(l.production_approved_at, d.created_at) AS ready_since,
    coalesce(l.requested_delivery_date, (d.snapshot->'header'->>'requested_delivery_date')::date)
        AS requested_delivery_date,
    d.number, d.external_order_number, d.order_date, d.snapshot->'header'->>'notes' AS order_notes,
    k.id AS customer_id, k.name AS customer_name, k.erp_customer_number,
    c.version, c.status AS color_up_status, c.customer_id AS color_up_customer_id,
    g.id AS logo_id, g.name AS logo_name, g.design_number,
    CASE WHEN row_number() OVER (PARTITION BY c.id ORDER BY l.draft_order_id, l.line_no) = 1
         THEN c.thread_sequence END AS threads
FROM draft_order_line l
JOIN draft_order d ON d.org_id = l.org_id AND d.id = l.draft_order_id AND d.status <> 'REJECTED'
LEFT JOIN customer k ON k.org_id = l.org_id AND k.id = d.customer_id
LEFT JOIN color_up c ON c.org_id = l.org_id AND c.id = l.color_up_id
LEFT JOIN logo g ON g.org_id = l.org_id AND g.id = c.logo_id
WHERE l.org_id = :org AND l.status = :ready AND l.decoration IS NOT NULL {conditions}
ORDER BY l.draft_order_id, l.line_no
"""


async def ready_lines(
    connection: AsyncConnection,
    org_id: UUID,
    *,
    customer_id: UUID | None = None,
    logo_id: UUID | None = None,
) -> list[ReadyLine]:
    """All of them, of one customer or logo when that is given."""
    conditions = ""
    values: dict[str, Any] = {"org": org_id, "ready": LineStatus.PRODUCTION_READY.value}
    if customer_id is not None:
        conditions += " AND d.customer_id = :customer"
        values["customer"] = customer_id
    if logo_id is not None:
        conditions += " AND (c.logo_id = :logo OR l.decoration->>'logo_id' = :logo_text)"
        values |= {"logo": logo_id, "logo_text": str(logo_id)}
    rows = (await connection.execute(text(_READY.format(conditions=conditions)), values)).mappings().all()
    threads = {
        row["color_up_id"]: canonical_threads(row["threads"]) for row in rows if row["threads"] is not None
    }
    return [_line(row, threads) for row in rows]


def _line(row: Row, threads: dict[UUID, Threads]) -> ReadyLine:
    color_up = None
    if row["version"] is not None:
        color_up = BatchColorUp(
            id=row["color_up_id"],
            version=row["version"],
            status=ColorUpStatus(row["color_up_status"]),
            logo=BatchLogo(id=row["logo_id"], name=row["logo_name"], design_number=row["design_number"]),
            customer_id=row["color_up_customer_id"],
            threads=threads[row["color_up_id"]],
        )
    customer = None
    if row["customer_id"] is not None:
        customer = BatchCustomer(
            id=row["customer_id"],
            name=row["customer_name"],
            erp_customer_number=row["erp_customer_number"],
        )
    return ReadyLine(
        draft_order_id=row["draft_order_id"],
        number=row["number"],
        external_order_number=row["external_order_number"],
        order_date=row["order_date"],
        order_notes=row["order_notes"],
        requested_delivery_date=row["requested_delivery_date"],
        customer=customer,
        line_no=row["line_no"],
        notes=row["notes"],
        decoration=Decoration.model_validate(row["decoration"]),
        ready_since=row["ready_since"],
        color_up=color_up,
    )
