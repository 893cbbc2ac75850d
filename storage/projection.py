"""Write what a draft's workflow decided: one statement, keyed by (draft, sequence)."""

import json
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from domain.canonical import utc_text
from domain.draft import Draft, Export
from domain.records import Record, RecordedMove
from storage.changes import change_of
from storage.database import Database, sqlstate

SEQUENCE_CONFLICT = "CS001"


class SequenceConflict(Exception):
    """The same sequence was recorded with other content: the workflow was reset or forked."""


async def record(database: Database, records: list[Record]) -> int:
    """Write `records` of one draft, oldest first; return how many were new.

    Raises:
        SequenceConflict: see there. Nothing is written.
        DatabaseUnavailable: nothing is known; say it again.
    """
    payload = {"org_id": str(records[0].org_id), "records": [payload_of(each) for each in records]}
    try:
        rows = await database.call(
            "SELECT record_draft(cast(:p AS jsonb)) AS written", {"p": json.dumps(payload)}
        )
    except DBAPIError as error:
        if sqlstate(error) == SEQUENCE_CONFLICT:
            raise SequenceConflict(
                f"Sequence {records[0].sequence} of draft {records[0].draft_id} was recorded with other "
                "content: the workflow was reset or forked; run `countersign reconcile`"
            ) from error
        raise
    return int(rows[0]["written"])


def payload_of(record: Record) -> dict[str, Any]:
    """One record as the SQL function `record_draft` takes it."""
    draft = record.draft
    return {
        "sequence": record.sequence,
        "digest": record.digest(),
        "change": change_of(
            draft, record.waiting_for, draft.updated_at, (entry.action for entry in record.trail())
        ),
        "row": _row(record),
        "lines": _lines(draft) if record.lines_changed else None,
        "exports": [_export(record, export) for export in draft.exports if export.id in record.exports]
        or None,
        "receipt": None
        if record.seen is None
        else {
            "org_id": str(record.org_id),
            "draft_order_id": str(record.draft_id),
            **record.seen.model_dump(mode="json"),
        },
        "audit": [
            {**entry.model_dump(mode="json"), "content_hash": entry.content_hash()}
            for entry in record.trail()
        ],
        "moves": [_move(record, n, move) for n, move in enumerate(record.moves, 1)] or None,
    }


def _row(record: Record) -> dict[str, Any]:
    draft = record.draft
    row = draft.model_dump(
        mode="json",
        include={
            "id",
            "org_id",
            "number",
            "status",
            "version",
            "customer_name",
            "approved_at",
            "approved_by_user_id",
            "erp_order_id",
            "created_at",
            "updated_at",
        },
    )
    header = draft.header.model_dump(
        mode="json", include={"customer_id", "external_order_number", "currency", "order_date"}
    )
    return {
        **row,
        **header,
        "waiting_for": record.waiting_for,
        "decorated": bool(draft.decorated_lines),
        "customer_signed": record.customer_signed,
        "production_signed": record.production_signed,
        "creation_digest": record.creation_digest,
        "run_id": record.run_id,
        "search": haystack(draft),
        "snapshot": draft.model_dump(mode="json", exclude={"exports"}),
    }


def haystack(draft: Draft) -> str:
    """What `q` looks through besides the customer's name, in lower case, one item a line."""
    parts = [draft.number, draft.header.external_order_number]
    for line in draft.lines:
        parts += [line.internal_sku, line.customer_sku_raw]
    return "\n".join(dict.fromkeys(part.lower() for part in parts if part))


def _lines(draft: Draft) -> list[dict[str, Any]]:
    common = {"draft_order_id": str(draft.id), "org_id": str(draft.org_id)}
    return [{**line.model_dump(mode="json"), **common} for line in draft.lines]


def _move(record: Record, n: int, move: RecordedMove) -> dict[str, Any]:
    by = record.moved_by
    return {
        **move.model_dump(mode="json", exclude={"color_up_id"}),
        "draft_order_id": str(record.draft_id),
        "org_id": str(record.org_id),
        "sequence": record.sequence,
        "n": n,
        "actor_user_id": None if by is None or by.actor_user_id is None else str(by.actor_user_id),
        "at": utc_text(record.draft.updated_at),
    }


def _export(record: Record, export: Export) -> dict[str, Any]:
    return {
        **export.model_dump(mode="json"),
        "org_id": str(record.org_id),
        "draft_order_id": str(record.draft_id),
        "version": record.sequence,
        "document": record.document,
    }


async def seen_key(
    database: Database, org_id: UUID, draft_id: UUID, command: str, key: str
) -> dict[str, Any] | None:
    """What a key was answered with, when no workflow is there to say it, or it carries the key no more."""
    async with database.transaction(org_id) as connection:
        row = (
            (
                await connection.execute(
                    text(
                        "SELECT digest, token, sequence, result FROM command_receipt WHERE org_id = :org "
                        "AND draft_order_id = :draft AND command = :command AND key = :key"
                    ),
                    {"org": org_id, "draft": draft_id, "command": command, "key": key},
                )
            )
            .mappings()
            .first()
        )
    return dict(row) if row else None
