"""The document an ERP gets, its name and its id: all pure functions of (draft, attempt).

Source: domain.md, "ERP export". The JSON Schema lies beside this file.
"""

from datetime import UTC, datetime
from uuid import UUID, uuid5

from domain.canonical import canonical_json, sha256_hex
from domain.delivery import Delivery
from domain.draft import Draft, Line
from domain.facts import Artwork, CustomerFact
from domain.messages import draft_workflow_id
from domain.sizes import size_order
from domain.values import MAX_LINES

VERSION = "orderflow_export_json_v1"


def export_id(draft: Draft, attempt: int) -> UUID:
    return uuid5(_EXPORTS, f"{draft_workflow_id(draft.org_id, draft.id)}/{attempt}")


_EXPORTS = UUID("6f1c7a0e-7d0c-5c0e-9a51-3f6f0d9f2b11")


def file_name(draft_id: UUID, export: UUID, started_at: datetime) -> str:
    stamp = started_at.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    return f"sales_order_{draft_id}_{stamp}_{export.hex[:8]}.json"


def storage_key(org_id: UUID, name: str) -> str:
    return f"exports/{org_id}/{name}"


def delivery(
    draft: Draft, attempt: int, customer: CustomerFact, artwork: Artwork, started_at: datetime
) -> Delivery:
    """The document of one attempt. `started_at` (UTC) names the file; nothing else depends on the clock."""
    export = export_id(draft, attempt)
    text = canonical_json(_document(draft, customer, artwork), sort_keys=False) + "\n"
    return Delivery(
        export_id=export,
        file_name=file_name(draft.id, export, started_at),
        document=text,
        sha256=sha256_hex(text),
        size_bytes=len(text.encode()),
    )


# Temporal takes 2 MiB in one piece, and the push's record holds the draft beside its document.
_MOST_BYTES = 1_700_000
_SURELY_SMALL_BYTES = 300_000


def too_large(draft: Draft, text: str) -> str | None:
    """Why the draft cannot be handed over in one document; None when it can."""
    if len(text) < _SURELY_SMALL_BYTES and len(draft.lines) < MAX_LINES // 4:
        return None
    size = len(draft.model_dump_json().encode()) + len(canonical_json(text).encode())
    if size <= _MOST_BYTES:
        return None
    return "The order is too large for one document, with the threads of all its lines; split it into several"


def _document(draft: Draft, customer: CustomerFact, artwork: Artwork) -> dict[str, object]:
    header = draft.header
    source = header.source_document
    return {
        "export_version": VERSION,
        "org_slug": draft.org_slug,
        "draft_order_id": draft.id,
        "approved_at": draft.approved_at,
        "customer": {
            "id": customer.id,
            "erp_customer_number": customer.erp_customer_number,
            "name": customer.name,
        },
        "header": {
            "external_order_number": header.external_order_number,
            "order_date": header.order_date,
            "currency": header.currency,
            "requested_delivery_date": header.requested_delivery_date,
            "notes": header.notes,
        },
        "lines": [
            _line(line, header.currency, artwork)
            for line in sorted(draft.lines, key=lambda line: line.line_no)
        ],
        "meta": {
            "created_by": draft.approved_by_email,
            "source_document": None
            if source is None
            else {
                "document_id": source.document_id,
                "file_name": source.file_name,
                "sha256": source.sha256,
            },
        },
    }


def _line(line: Line, currency: str | None, artwork: Artwork) -> dict[str, object]:
    return {
        "line_no": line.line_no,
        "internal_sku": line.internal_sku,
        "qty": line.qty,
        "uom": line.uom,
        "unit_price": line.unit_price,
        "currency": currency,
        "customer_sku_raw": line.customer_sku_raw,
        "description": line.description,
        "decoration": _decoration(line, artwork),
    }


def _decoration(line: Line, artwork: Artwork) -> dict[str, object] | None:
    decoration = line.decoration
    if decoration is None:
        return None
    logo = None if decoration.logo_id is None else artwork.logos.get(decoration.logo_id)
    color_up = None if line.color_up_id is None else artwork.color_ups.get(line.color_up_id)
    return {
        "logo": None if logo is None else logo.name,
        "design_number": None if logo is None else logo.design_number,
        "placement": decoration.placement,
        "style_number": decoration.style_number,
        "color_code": decoration.color_code,
        "color_up_version": None if color_up is None else color_up.version,
        "size_quantities": {
            size: decoration.size_quantities[size]
            for size in sorted(decoration.size_quantities, key=size_order)
        },
        "thread_sequence": [
            {name: stop.get(name) for name in _STOP}
            for stop in (color_up.thread_sequence if color_up else [])
        ],
    }


# PostgreSQL keeps no order of keys, and the document's bytes must not depend on its
_STOP = ("stop", "needle", "thread_code", "thread_name", "brand")
