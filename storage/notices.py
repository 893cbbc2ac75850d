"""Notices of what lines may wait for, and the drafts whose rows wait for it."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.notices import NoticeKind
from domain.statuses import DraftStatus
from domain.statuses import LineStatus as L
from storage.database import Database, Row

# Of which table the new row `t` is; where a line `l` waits for such a row; and for which of them.
# An approver is looked for where the customer is asked, too: whoever is added then gets the mail.
_WAITS: dict[NoticeKind, tuple[str, Sequence[L], str]] = {
    NoticeKind.APPROVER: ("approver", (L.NEEDS_APPROVER, L.SENT_FOR_APPROVAL, L.PHONE_CALL), "true"),
    NoticeKind.LOGO: (
        "logo",
        (L.NEW, L.AWAITING_LOGO),
        "l.decoration->>'netsuite_file_cabinet_id' = t.netsuite_file_cabinet_id",
    ),
    NoticeKind.COLOR_UP: (
        "color_up",
        (L.REVISION_IN_PROGRESS,),
        "l.color_up_id IN (SELECT v.id FROM color_up v WHERE v.org_id = t.org_id AND v.version < t.version"
        " AND (v.logo_id, v.style_number, v.color_code) = (t.logo_id, t.style_number, t.color_code))",
    ),
}


def is_for_lines(notice: Row) -> bool:
    """Whether drafts wait for it; `waiting_drafts` knows which."""
    return NoticeKind(notice["kind"]) in _WAITS


async def add_notice(
    connection: AsyncConnection,
    org_id: UUID,
    notice_id: UUID,
    kind: NoticeKind,
    entity_id: UUID,
    at: datetime,
) -> None:
    """In the transaction that adds what is to be heard of."""
    statement = text(
        "INSERT INTO line_notice (id, org_id, kind, entity_id, created_at) "
        "VALUES (:id, :org, :kind, :entity, :at)"
    )
    values = {"id": notice_id, "org": org_id, "kind": kind.value, "entity": entity_id, "at": at}
    await connection.execute(statement, values)


async def untold(connection: AsyncConnection, org_id: UUID, notice_id: UUID) -> Row | None:
    """`kind` and `entity_id`; None once its drafts are told, or when the org has no such notice."""
    query = text(
        "SELECT kind, entity_id FROM line_notice WHERE org_id = :org AND id = :id AND told_at IS NULL"
    )
    return (await connection.execute(query, {"org": org_id, "id": notice_id})).mappings().first()


async def waiting_drafts(
    connection: AsyncConnection, org_id: UUID, notice: Row, *, after: UUID | None, limit: int
) -> list[UUID]:
    """The next drafts of its customer with a line on record that waits for it, in the order of their ids."""
    table, statuses, fits = _WAITS[NoticeKind(notice["kind"])]
    # materialized: a limit must not tempt the planner to walk through all lines in the order of their ids
    query = text(
        "WITH waiting AS MATERIALIZED ("
        f"  SELECT DISTINCT l.draft_order_id FROM {table} t"
        "   JOIN draft_order_line l ON l.org_id = t.org_id AND l.status = ANY(:statuses)"
        "   JOIN draft_order o ON o.org_id = t.org_id AND o.id = l.draft_order_id"
        "     AND o.customer_id = t.customer_id AND o.status <> :closed"
        f"  WHERE t.org_id = :org AND t.id = :entity AND {fits}"
        "     AND (cast(:after AS uuid) IS NULL OR l.draft_order_id > cast(:after AS uuid))"
        ") SELECT draft_order_id FROM waiting ORDER BY draft_order_id LIMIT :limit"
    )
    values = {
        "org": org_id,
        "entity": notice["entity_id"],
        "statuses": [status.value for status in statuses],
        "closed": DraftStatus.REJECTED.value,
        "after": after,
        "limit": limit,
    }
    return list((await connection.execute(query, values)).scalars())


async def mark_told(connection: AsyncConnection, org_id: UUID, notice_id: UUID, at: datetime) -> None:
    statement = text(
        "UPDATE line_notice SET told_at = :at WHERE org_id = :org AND id = :id AND told_at IS NULL"
    )
    await connection.execute(statement, {"org": org_id, "id": notice_id, "at": at})


async def remove_told(connection: AsyncConnection, org_id: UUID, before: datetime, limit: int) -> int:
    """Remove at most `limit` of the org's notices that were told before then, oldest first; how many."""
    statement = text(
        "DELETE FROM line_notice WHERE org_id = :org AND id IN ("
        "SELECT id FROM line_notice WHERE org_id = :org AND told_at < :before "
        "ORDER BY told_at LIMIT :limit FOR UPDATE SKIP LOCKED)"
    )
    removed = await connection.execute(statement, {"org": org_id, "before": before, "limit": limit})
    return removed.rowcount


async def untold_of_all(database: Database, before: datetime, most: int) -> list[Row]:
    """Oldest first, of all orgs: `org_id`, `notice_id`."""
    return await database.call(
        "SELECT * FROM list_untold_notices(:before, :most)", {"before": before, "most": most}
    )
