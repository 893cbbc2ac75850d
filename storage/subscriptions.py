"""Which drafts wait for the decision on a color-up. Everything under the lock of the color-up's key:
a draft finds the decision, or is on the list of those to be told.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.color_ups import ColorUpDecided, ColorUpStatus, Decision
from domain.messages import Actor, Origin
from domain.proofs import newer_than
from domain.statuses import Via
from storage.color_ups import lock_versions
from storage.database import Database, Row
from storage.proofs import ColorUpMissing, decided_of, state_of, supersede

_SYSTEM = Origin(via=Via.SYSTEM)


async def subscribe(
    connection: AsyncConnection, org_id: UUID, draft_id: UUID, color_up_id: UUID, at: datetime
) -> ColorUpDecided | None:
    """Have the draft told of the decision; the decision itself when there is one. A repeat changes nothing.

    The first draft that waits sends the proof: Draft becomes Pending Approval, and an older version that was
    still pending is closed. A version with a newer one before the customer is out of date: superseded.
    Whoever subscribes to several in one transaction takes them in the order of their ids.

    Raises:
        ColorUpMissing: the org has no such color-up.
    """
    versions = await lock_versions(connection, org_id, color_up_id)
    this = next((row for row in versions if row["id"] == color_up_id), None)
    if this is None:
        raise ColorUpMissing(color_up_id)
    decided = decided_of(this)
    if decided is not None:
        return await _as_this_draft_has_it(connection, draft_id, this, decided)
    newer = newer_than(state_of(this), [state_of(row) for row in versions])
    if newer:
        by_version = max(each.version for each in newer)
        return await supersede(connection, org_id, this, by_version, Actor(), _SYSTEM, at)
    await connection.execute(
        text(
            "INSERT INTO color_up_subscription (color_up_id, draft_order_id, org_id, created_at) "
            "VALUES (:color_up, :draft, :org, :at) ON CONFLICT DO NOTHING"
        ),
        {"color_up": color_up_id, "draft": draft_id, "org": org_id, "at": at},
    )
    if this["status"] == ColorUpStatus.DRAFT:
        await _send(connection, org_id, versions, this, at)
    return None


async def _as_this_draft_has_it(
    connection: AsyncConnection, draft_id: UUID, this: Row, decided: ColorUpDecided
) -> ColorUpDecided:
    """An approval that a newer one has retired counts for the drafts that waited for it, for no other."""
    retired = this["status"] == ColorUpStatus.RETIRED and decided.decision is Decision.APPROVE
    if not retired or await _waited(connection, draft_id, this["id"]):
        return decided
    return ColorUpDecided(
        color_up_id=this["id"],
        decision=Decision.SUPERSEDED,
        team_proxy=False,
        via=Via.SYSTEM,
        decided_at=this["updated_at"],
    )


async def _waited(connection: AsyncConnection, draft_id: UUID, color_up_id: UUID) -> bool:
    found = await connection.scalar(
        text(
            "SELECT true FROM color_up_subscription WHERE color_up_id = :color_up AND draft_order_id = :draft"
        ),
        {"color_up": color_up_id, "draft": draft_id},
    )
    return bool(found)


async def _send(
    connection: AsyncConnection, org_id: UUID, versions: Sequence[Row], this: Row, at: datetime
) -> None:
    await connection.execute(
        text(
            "UPDATE color_up SET status = :status, sent_at = :at, updated_at = :at "
            "WHERE org_id = :org AND id = :id"
        ),
        {"org": org_id, "id": this["id"], "status": ColorUpStatus.PENDING.value, "at": at},
    )
    for row in versions:
        if row["version"] < this["version"] and row["status"] == ColorUpStatus.PENDING:
            await supersede(connection, org_id, row, this["version"], Actor(), _SYSTEM, at)


async def untold(connection: AsyncConnection, org_id: UUID, color_up_id: UUID, *, limit: int) -> list[UUID]:
    """The next drafts that wait to be told of the decision; none while nothing is decided."""
    query = text(
        "SELECT s.draft_order_id FROM color_up_subscription s JOIN color_up c ON c.id = s.color_up_id "
        "WHERE s.org_id = :org AND c.org_id = :org AND s.color_up_id = :id AND s.told_at IS NULL "
        "AND c.decision IS NOT NULL ORDER BY s.draft_order_id LIMIT :limit"
    )
    values = {"org": org_id, "id": color_up_id, "limit": limit}
    return list((await connection.execute(query, values)).scalars())


async def untold_of_all(database: Database, before: datetime, most: int) -> list[Row]:
    """Versions that were decided before then, with drafts that have not been told: `org_id`, `color_up_id`.

    Oldest first, of all orgs.
    """
    statement = "SELECT * FROM list_untold_decisions(:before, :most)"
    return await database.call(statement, {"before": before, "most": most})


async def older_untold(connection: AsyncConnection, org_id: UUID, color_up_id: UUID) -> list[UUID]:
    """Older versions of the key that are decided, with drafts that have not been told."""
    query = text(
        "SELECT c.id FROM color_up this JOIN color_up c ON c.version < this.version "
        "  AND (c.logo_id, c.style_number, c.color_code) "
        "    = (this.logo_id, this.style_number, this.color_code) "
        "WHERE this.org_id = :org AND this.id = :id AND c.org_id = :org AND c.decision IS NOT NULL "
        "AND EXISTS (SELECT FROM color_up_subscription s "
        "            WHERE s.color_up_id = c.id AND s.told_at IS NULL) ORDER BY c.version"
    )
    return list((await connection.execute(query, {"org": org_id, "id": color_up_id})).scalars())


async def mark_told(
    connection: AsyncConnection, org_id: UUID, color_up_id: UUID, drafts: Sequence[UUID], at: datetime
) -> None:
    await connection.execute(
        text(
            "UPDATE color_up_subscription SET told_at = :at WHERE org_id = :org AND color_up_id = :id "
            "AND draft_order_id = ANY(:drafts) AND told_at IS NULL"
        ),
        {"org": org_id, "id": color_up_id, "drafts": list(drafts), "at": at},
    )
