"""All that the rows know of one draft, for a workflow that has to begin with it."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.policy import OrgPolicy
from domain.records import KEYS_REMEMBERED, Carried, SeenKey, newest, room_for_keys
from domain.statuses import ExportStatus
from storage import acks, push_log
from storage.database import Database
from storage.draft_orders import StoredDraft, get_draft
from storage.organizations import get_settings


@dataclass(frozen=True)
class Known:
    stored: StoredDraft
    carried: Carried


async def find(database: Database, org_id: UUID, number: str) -> UUID | None:
    """The id of the draft that people call `number`."""
    async with database.transaction(org_id) as connection:
        found: UUID | None = await connection.scalar(
            text("SELECT id FROM draft_order WHERE org_id = :org AND number = :number"),
            {"org": org_id, "number": number},
        )
    return found


async def known(database: Database, org_id: UUID, draft_id: UUID) -> Known | None:
    """The draft with its exports, the keys and ack files that it has answered, in one snapshot."""
    async with database.transaction(org_id, one_snapshot=True) as connection:
        policy = OrgPolicy.model_validate((await get_settings(connection, org_id))["settings"])
        stored = await get_draft(connection, org_id, draft_id, policy.production_gate)
        if stored is None:
            return None
        seen = await _seen(connection, org_id, draft_id)
        heard = await acks.settled(connection, org_id, draft_id)
    kept = newest(seen, KEYS_REMEMBERED, room_for_keys(stored.draft, heard))
    return Known(
        stored,
        Carried(
            draft=stored.draft,
            policy=policy,
            seen=kept,
            older_on_record=len(kept) < len(seen),
            heard_acks=heard,
        ),
    )


async def close_push_log(database: Database, org_id: UUID, known_draft: Known, error: dict[str, Any]) -> None:
    """A delivery that nobody carries on any more has failed; its push log says so."""
    last = known_draft.stored.draft.last_export
    if last is not None and last.status is ExportStatus.PENDING:
        async with database.transaction(org_id) as connection:
            await push_log.give_up(connection, org_id, last.id, error)


async def _seen(connection: AsyncConnection, org_id: UUID, draft_id: UUID) -> list[SeenKey]:
    """In order; of a great many the newest, and one more that tells that there are older ones."""
    rows = await connection.execute(
        text(
            "SELECT command, key, digest, token, sequence, result FROM command_receipt "
            "WHERE org_id = :org AND draft_order_id = :draft ORDER BY sequence DESC LIMIT :limit"
        ),
        {"org": org_id, "draft": draft_id, "limit": KEYS_REMEMBERED + 1},
    )
    return [SeenKey.model_validate(dict(row)) for row in rows.mappings()][::-1]
