"""Everything that a proof shows, read in one transaction; the terms; and what was seen by whoever decided."""

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.color_ups import ThreadStop
from domain.proof_sheets import ProofSheet, SheetLine, Terms, sheet_line
from domain.statuses import LineStatus
from storage.database import Row

WAITING = frozenset({LineStatus.SENT_FOR_APPROVAL, LineStatus.PHONE_CALL})


@dataclass(frozen=True)
class Proof:
    """One version with what surrounds it. `row` is the color-up's; of a decided one, `sheet` is what was
    decided on. `design_now` is the hash of the logo's design of today."""

    row: Row
    customer: Row
    org_name: str
    sheet: ProofSheet
    before: list[ThreadStop] | None  # the version before, when there is one
    newest_version: int
    design_now: str | None

    @property
    def design_changed(self) -> bool:
        return self.sheet.design_sha256 != self.design_now


async def read(connection: AsyncConnection, org_id: UUID, color_up_id: UUID) -> Proof | None:
    """The proof as it stands. Its lines are those that wait for it; a decided one is what was decided on.

    Decisions from before sheets were kept show today's rows, with the lines that have the version.
    """
    row = (await connection.execute(text(_COLOR_UP), {"org": org_id, "id": color_up_id})).mappings().first()
    if row is None:
        return None
    customer = (
        (await connection.execute(text(_CUSTOMER), {"org": org_id, "id": row["customer_id"]}))
        .mappings()
        .one()
    )
    kept = await _kept(connection, org_id, color_up_id) if row["decision"] else None
    before = row["threads_before"]
    return Proof(
        row=row,
        customer=customer,
        org_name=customer["org_name"],
        sheet=kept or await _sheet_of_now(connection, org_id, row),
        before=None if before is None else [ThreadStop.model_validate(each) for each in before],
        newest_version=row["newest_version"],
        design_now=_design_of(row),
    )


async def _sheet_of_now(connection: AsyncConnection, org_id: UUID, row: Row) -> ProofSheet:
    return ProofSheet(
        color_up_id=row["id"],
        version=row["version"],
        logo_name=row["logo_name"],
        design_number=row["design_number"],
        design_sha256=_design_of(row),
        style_number=row["style_number"],
        color_code=row["color_code"],
        thread_sequence=row["thread_sequence"],
        lines=await _lines(connection, org_id, row["id"], None if row["decision"] else WAITING),
        terms=await terms(connection, org_id),
    )


def _design_of(row: Row) -> str | None:
    sha256: str | None = (row["design"] or {}).get("sha256")
    return sha256


_SAME_KEY = "(o.logo_id, o.style_number, o.color_code) = (c.logo_id, c.style_number, c.color_code)"
_COLOR_UP = (
    "SELECT c.*, l.name AS logo_name, l.design_number, l.design, "
    f"(SELECT max(o.version) FROM color_up o WHERE {_SAME_KEY} AND o.status <> 'Draft') AS newest_version, "
    f"(SELECT o.thread_sequence FROM color_up o WHERE {_SAME_KEY} AND o.version < c.version "
    "AND (o.sent_at IS NOT NULL OR o.decision IS NOT NULL) ORDER BY o.version DESC LIMIT 1) "
    "AS threads_before, a.name AS decided_by_name "
    "FROM color_up c JOIN logo l ON l.id = c.logo_id LEFT JOIN approver a ON a.id = c.decided_by_approver_id "
    "WHERE c.org_id = :org AND l.org_id = :org AND c.id = :id"
)
_CUSTOMER = (
    "SELECT c.id, c.name, c.language, c.time_zone, o.name AS org_name FROM customer c "
    "JOIN org o ON o.id = c.org_id WHERE c.org_id = :org AND c.id = :id"
)


async def next_mailing(connection: AsyncConnection, org_id: UUID, color_up_id: UUID) -> int | None:
    """Count one mailing of a version that waits for its customer; None when it does not."""
    statement = text(
        "UPDATE color_up SET mailing = mailing + 1 WHERE org_id = :org AND id = :id "
        "AND status = 'Pending Approval' AND decision IS NULL RETURNING mailing"
    )
    found: int | None = await connection.scalar(statement, {"org": org_id, "id": color_up_id})
    return found


async def newest_sent(connection: AsyncConnection, org_id: UUID, color_up_id: UUID) -> UUID:
    """The newest version of the key that a customer was asked about; else the version itself."""
    query = text(
        f"SELECT o.id FROM color_up c JOIN color_up o ON {_SAME_KEY} "
        "WHERE c.org_id = :org AND c.id = :id AND o.sent_at IS NOT NULL ORDER BY o.version DESC LIMIT 1"
    )
    found: UUID | None = await connection.scalar(query, {"org": org_id, "id": color_up_id})
    return found or color_up_id


async def _lines(
    connection: AsyncConnection, org_id: UUID, color_up_id: UUID, statuses: Collection[LineStatus] | None
) -> list[SheetLine]:
    query = text(
        "SELECT l.draft_order_id, l.line_no, l.decoration, d.number, d.external_order_number "
        "FROM draft_order_line l JOIN draft_order d ON d.id = l.draft_order_id "
        "WHERE l.org_id = :org AND d.org_id = :org AND l.color_up_id = :color_up AND d.status <> 'REJECTED' "
        "AND (cast(:statuses AS text[]) IS NULL OR l.status = ANY(:statuses)) ORDER BY d.number, l.line_no"
    )
    named = None if statuses is None else sorted(status.value for status in statuses)
    values = {"org": org_id, "color_up": color_up_id, "statuses": named}
    return [sheet_line(dict(row)) for row in (await connection.execute(query, values)).mappings()]


async def approvers(connection: AsyncConnection, org_id: UUID, customer_id: UUID) -> list[Row]:
    """Who may decide for the customer: `id, name, email`, the primary ones first."""
    query = text(
        "SELECT id, name, email, is_primary FROM approver WHERE org_id = :org AND customer_id = :customer "
        "AND active ORDER BY is_primary DESC, created_at, id"
    )
    values = {"org": org_id, "customer": customer_id}
    return list((await connection.execute(query, values)).mappings())


async def terms(connection: AsyncConnection, org_id: UUID) -> Terms:
    """The newest; version 0 with no text when the org wrote none."""
    query = text(
        "SELECT version, text_en, text_de FROM proof_terms WHERE org_id = :org ORDER BY version DESC LIMIT 1"
    )
    row = (await connection.execute(query, {"org": org_id})).mappings().first()
    return Terms() if row is None else Terms.model_validate(dict(row))


async def lock_terms(connection: AsyncConnection, org_id: UUID) -> Terms:
    """The newest, for whoever adds a version; the org's row is the lock."""
    await connection.execute(text("SELECT 1 FROM org WHERE id = :org FOR UPDATE"), {"org": org_id})
    return await terms(connection, org_id)


async def add_terms(
    connection: AsyncConnection, org_id: UUID, new: Terms, by_user_id: UUID | None, at: datetime
) -> Terms:
    """Insert the next version."""
    version = (await lock_terms(connection, org_id)).version + 1
    await connection.execute(
        text(
            "INSERT INTO proof_terms (org_id, version, text_en, text_de, created_by_user_id, created_at) "
            "VALUES (:org, :version, :en, :de, :by, :at)"
        ),
        {
            "org": org_id,
            "version": version,
            "en": new.text_en,
            "de": new.text_de,
            "by": by_user_id,
            "at": at,
        },
    )
    return new.model_copy(update={"version": version})


async def keep(connection: AsyncConnection, org_id: UUID, sheet: ProofSheet, at: datetime) -> None:
    """Keep what a decision was made on; the same content once."""
    await connection.execute(
        text(
            "INSERT INTO proof_sheet (org_id, color_up_id, sha256, sheet, created_at) "
            "VALUES (:org, :color_up, :sha256, cast(:sheet AS jsonb), :at) ON CONFLICT DO NOTHING"
        ),
        {
            "org": org_id,
            "color_up": sheet.color_up_id,
            "sha256": sheet.sha256(),
            "sheet": json.dumps(sheet.model_dump(mode="json")),
            "at": at,
        },
    )


async def _kept(connection: AsyncConnection, org_id: UUID, color_up_id: UUID) -> ProofSheet | None:
    """What the version's decision was made on; a version has one decision."""
    query = text("SELECT sheet FROM proof_sheet WHERE org_id = :org AND color_up_id = :id")
    kept = await connection.scalar(query, {"org": org_id, "id": color_up_id})
    return None if kept is None else ProofSheet.model_validate(kept)
