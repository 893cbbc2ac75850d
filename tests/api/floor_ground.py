"""Orders whose lines stand where the floor finds them, written straight into the read model."""

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import text

from storage.database import Database
from tests.api.conftest import TestOrg

AT = datetime(2026, 11, 20, 8, tzinfo=UTC)


async def approve(
    database: Database, org: TestOrg, color_up: dict[str, Any], status: str = "Approved"
) -> None:
    async with database.transaction(org.id) as connection:
        await connection.execute(
            text("UPDATE color_up SET status = :status WHERE id = :id"),
            {"id": color_up["id"], "status": status},
        )


def decorated(color_up: dict[str, Any] | None, **fields: Any) -> dict[str, Any]:
    """A line for `make_order`."""
    decoration = {
        "logo_id": None if color_up is None else color_up["logo_id"],
        "style_number": "14728",
        "style_name": "Olympic Polo",
        "color_code": "BLK",
        "placement": "Left Chest",
        "size_quantities": {"M": 12, "L": 12},
    }
    known = {name: fields.pop(name) for name in list(fields) if name in decoration}
    line = {"color_up_id": None if color_up is None else color_up["id"], "status": "Production Ready"}
    return {**line, "minutes": 0, "notes": None, **fields, "decoration": {**decoration, **known}}


async def make_order(
    database: Database,
    org: TestOrg,
    customer_id: str,
    lines: list[dict[str, Any]],
    *,
    number: str = "D-000001",
    status: str = "APPROVED",
    header: dict[str, Any] | None = None,
) -> UUID:
    order = uuid4()
    said = {"requested_delivery_date": "2026-12-01", "notes": None, **(header or {})}
    async with database.transaction(org.id) as connection:
        await connection.execute(
            text(
                "INSERT INTO draft_order (id, org_id, number, status, version, customer_id, "
                "external_order_number, order_date, decorated, customer_signed, production_signed, search, "
                "snapshot, created_at, updated_at) VALUES (:id, :org, :number, :status, 1, :customer, "
                "'PO-12345', :ordered, true, true, true, '', cast(:snapshot AS jsonb), :at, :at)"
            ),
            {
                "id": order,
                "org": org.id,
                "number": number,
                "status": status,
                "customer": UUID(customer_id),
                "ordered": date(2026, 11, 19),
                "snapshot": json.dumps({"header": said}),
                "at": AT,
            },
        )
        for line_no, line in enumerate(lines, start=1):
            await connection.execute(
                text(
                    "INSERT INTO draft_order_line (draft_order_id, line_no, org_id, id, decoration, status, "
                    "color_up_id, notes, production_approved_at) VALUES (:order, :line_no, :org, :id, "
                    "cast(:decoration AS jsonb), :status, :color_up_id, :notes, :ready_since)"
                ),
                {
                    "order": order,
                    "line_no": line_no,
                    "org": org.id,
                    "id": uuid4(),
                    "decoration": json.dumps(line["decoration"]),
                    "status": line["status"],
                    "color_up_id": line["color_up_id"],
                    "notes": line["notes"],
                    "ready_since": AT + timedelta(minutes=line["minutes"]),
                },
            )
    return order
