"""Rows as `reconcile` reads and mends them."""

import json
from collections.abc import AsyncIterator
from uuid import UUID

from sqlalchemy import text

from domain.audit import entry
from domain.canonical import utc_text
from domain.draft import Draft, Export
from domain.gates import production_signed
from domain.messages import Actor, Origin
from domain.reconciliation import WorkflowState, compare
from domain.records import Record
from domain.statuses import CUSTOMER_SIGNED, Via
from storage.database import Database
from storage.draft_orders import get_draft
from storage.projection import payload_of

_PAGE = 200
# its conditions are those of the index draft_order_live, word by word
PAGE_OF_OPEN_ROWS = """
    SELECT d.id, d.snapshot, d.waiting_for,
        coalesce((SELECT jsonb_agg(to_jsonb(e) - 'document' ORDER BY e.attempt)
                  FROM erp_export e WHERE e.draft_order_id = d.id), '[]') AS exports
    FROM draft_order d WHERE d.org_id = :org AND d.id > :after AND d.status <> 'REJECTED'
        AND (d.status <> 'PUSHED' OR d.waiting_for IS NOT NULL) ORDER BY d.id LIMIT :limit
"""


async def open_rows(database: Database, org_id: UUID) -> AsyncIterator[tuple[Draft, str | None]]:
    """Every draft that its row calls open, with what it waits for; page by page."""
    after = UUID(int=0)
    while True:
        async with database.transaction(org_id) as connection:
            rows = await connection.execute(
                text(PAGE_OF_OPEN_ROWS), {"org": org_id, "after": after, "limit": _PAGE}
            )
            page = list(rows.mappings())
        for row in page:
            draft = Draft.model_validate(row["snapshot"])
            draft.exports = [Export.model_validate(export) for export in row["exports"]]
            yield draft, row["waiting_for"]
        if len(page) < _PAGE:
            return
        after = page[-1]["id"]


async def rewrite(database: Database, state: WorkflowState, waiting_for: str | None, why: str) -> bool:
    """Write the draft's rows as the workflow has them, and tell it in the trail.

    False, and nothing is written, when the rows are newer by now: the workflow has decided meanwhile. Also
    when they would still differ, in what is never written twice: the name and the bytes an ERP may have seen.
    """
    draft = state.draft
    said = (
        "ROWS_REPAIRED",
        None,
        {"version": draft.version},
        {"reason": why, "at": utc_text(draft.updated_at)},
    )
    record = Record(
        org_id=draft.org_id,
        draft_id=draft.id,
        sequence=draft.version,
        draft=draft,
        customer_signed=all(line.status in CUSTOMER_SIGNED for line in draft.decorated_lines),
        production_signed=production_signed(draft),
        waiting_for=waiting_for,
        lines_changed=True,
        audit=[entry(draft, said, Actor(), Origin(via=Via.SYSTEM), draft.updated_at)],
        exports=[export.id for export in draft.exports],
        run_id=state.run_id,
    )
    payload = {"org_id": str(draft.org_id), "repair": True, "records": [payload_of(record)]}
    try:
        async with database.transaction(draft.org_id) as connection:
            version = await connection.scalar(
                text("SELECT version FROM draft_order WHERE org_id = :org AND id = :id FOR UPDATE"),
                {"org": draft.org_id, "id": draft.id},
            )
            if version is not None and version > draft.version:
                return False
            await connection.execute(
                text("SELECT record_draft(cast(:p AS jsonb))"), {"p": json.dumps(payload)}
            )
            for export in draft.exports:
                await connection.execute(_CREATED, {"id": export.id, "at": export.created_at})
            written = await get_draft(connection, draft.org_id, draft.id, "decorated")
            if written is None or compare(state, written.draft) is not None:
                raise _NoEffect
    except _NoEffect:
        return False
    return True


# a shade off when the workflow was replayed: it names nothing
_CREATED = text("UPDATE erp_export SET created_at = :at WHERE id = :id AND created_at <> :at")


class _NoEffect(Exception):
    """Whatever was written is rolled back: it would be written, and told, at every look."""
