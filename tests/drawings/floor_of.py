"""Batches as the floor has them, for sheets that are drawn without an API."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from domain.batches import (
    Batch,
    BatchColorUp,
    BatchCustomer,
    BatchLogo,
    ReadyLine,
    canonical_threads,
    floor,
)
from domain.color_ups import ColorUpStatus
from domain.draft import Decoration

AT = datetime(2026, 11, 20, 8, tzinfo=UTC)
SIZES = {"L": 24, "M": 12}


def threads(stops: int) -> list[dict[str, Any]]:
    known = [("Isacord", "1800", "Wildfire"), ("Gunold", "X-9", "Grün"), ("Madeira", "1637", None)]
    return [
        {"stop": n + 1, "needle": n % 12 + 1, "brand": brand, "thread_code": code, "thread_name": name}
        for n, (brand, code, name) in ((n, known[n % 3]) for n in range(stops))
    ]


def batch(
    lines: int = 2,
    *,
    stops: int = 3,
    sizes: dict[str, int] | None = None,
    customer: str = "Hansen",
    logo: str = "Crest",
    notes: str | None = None,
    style: str = "14728",
) -> Batch:
    """Four lines to an order; the first order has the number D-000001."""
    owner = BatchCustomer(id=UUID(int=1), name=customer, erp_customer_number="C-1")
    art = BatchLogo(id=UUID(int=2), name=logo, design_number="HS-1")
    version = BatchColorUp(
        uuid4(), 1, ColorUpStatus.APPROVED, art, owner.id, canonical_threads(threads(stops))
    )
    decoration = Decoration(
        logo_id=art.id,
        style_number=style,
        style_name="Polo",
        color_code="BLK",
        placement="Left Chest",
        size_quantities=SIZES if sizes is None else sizes,
    )
    ready = [
        ReadyLine(
            draft_order_id=UUID(int=100 + n // 4),
            number=f"D-{n // 4 + 1:06}",
            external_order_number=f"PO-{n // 4 + 1}",
            order_date=date(2026, 11, 19),
            order_notes=notes if n == 0 else None,
            requested_delivery_date=date(2026, 12, 1) + timedelta(days=n // 4),
            customer=owner,
            line_no=n % 4 + 1,
            notes=None,
            decoration=decoration,
            ready_since=AT,
            color_up=version,
        )
        for n in range(lines)
    ]
    (made,) = floor(ready).batches
    return made
