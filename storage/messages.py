"""The message log: one row for every mail, from its first try on. It never holds what the mail says."""

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.mails import Envelope, MailOutcome
from storage.database import Row
from storage.pages import After, newest_first

_COLUMNS = (
    "id, kind, customer_id, approver_id, color_up_ids, recipient, outcome, reason, attempts, created_at, at"
)


async def outcome_of(connection: AsyncConnection, org_id: UUID, key: str) -> MailOutcome | None:
    """How the mail of this key stands; None when it was never tried."""
    query = text("SELECT outcome FROM message_log WHERE org_id = :org AND key = :key")
    found = await connection.scalar(query, {"org": org_id, "key": key})
    return None if found is None else MailOutcome(found)


async def with_keys(connection: AsyncConnection, org_id: UUID, keys: list[str]) -> list[Row]:
    """Mails of these keys that have ended: `recipient`, `outcome`, `color_up_ids`."""
    query = text(
        "SELECT recipient, outcome, color_up_ids FROM message_log "
        "WHERE org_id = :org AND key = ANY(:keys) AND outcome <> 'RETRYING' ORDER BY recipient"
    )
    return list((await connection.execute(query, {"org": org_id, "keys": keys})).mappings())


async def begin_try(connection: AsyncConnection, envelope: Envelope, at: datetime) -> None:
    """Write that a try begins. A row of a mail that ended is left as it is."""
    await connection.execute(
        text(
            "INSERT INTO message_log (id, org_id, key, kind, customer_id, approver_id, color_up_ids, "
            "recipient, outcome, attempts, created_at, at) VALUES (:id, :org, :key, :kind, :customer, "
            ":approver, :color_ups, :recipient, 'RETRYING', 1, :at, :at) "
            "ON CONFLICT ON CONSTRAINT message_log_key DO UPDATE SET attempts = message_log.attempts + 1, "
            "at = excluded.at, recipient = excluded.recipient, color_up_ids = excluded.color_up_ids "
            "WHERE message_log.outcome = 'RETRYING'"
        ),
        {
            "id": uuid4(),
            "org": envelope.org_id,
            "key": envelope.key,
            "kind": envelope.kind,
            "customer": envelope.customer_id,
            "approver": envelope.approver_id,
            "color_ups": list(envelope.color_up_ids),
            "recipient": envelope.recipient,
            "at": at,
        },
    )


async def end_try(
    connection: AsyncConnection,
    envelope: Envelope,
    outcome: MailOutcome,
    reason: str | None,
    at: datetime,
) -> bool:
    """Write how a try ended; False when the mail was sent before, which it stays whatever this try says.

    One that was given up meanwhile is not tried again.
    """
    ended = await connection.execute(
        text(
            "UPDATE message_log SET outcome = :outcome, reason = :reason, at = :at "
            "WHERE org_id = :org AND key = :key AND outcome <> 'SENT' "
            "AND NOT (outcome = 'FAILED' AND cast(:outcome AS text) = 'RETRYING')"
        ),
        {
            "org": envelope.org_id,
            "key": envelope.key,
            "outcome": outcome,
            "reason": reason,
            "at": at,
        },
    )
    return ended.rowcount == 1


async def give_up(
    connection: AsyncConnection, org_id: UUID, color_up_id: UUID, reason: str, at: datetime
) -> None:
    """End the mails with this proof that nobody took. One that is taken after all says so itself."""
    await connection.execute(
        text(
            "UPDATE message_log SET outcome = 'FAILED', reason = :reason, at = :at "
            "WHERE org_id = :org AND kind = 'proof' AND outcome = 'RETRYING' "
            "AND color_up_ids @> ARRAY[cast(:color_up AS uuid)]"
        ),
        {"org": org_id, "color_up": color_up_id, "reason": reason, "at": at},
    )


async def give_up_reminders(
    connection: AsyncConnection,
    org_id: UUID,
    customer_id: UUID,
    reason: str,
    at: datetime,
    *,
    but: str | None,
) -> None:
    """End the customer's digests that nobody took, all but those whose key begins with `but`."""
    await connection.execute(
        text(
            "UPDATE message_log SET outcome = 'FAILED', reason = :reason, at = :at "
            "WHERE org_id = :org AND customer_id = :customer AND kind = 'reminder' "
            "AND outcome = 'RETRYING' "
            "AND (cast(:but AS text) IS NULL OR NOT starts_with(key, cast(:but AS text)))"
        ),
        {"org": org_id, "customer": customer_id, "reason": reason, "at": at, "but": but},
    )


async def give_up_renewals(
    connection: AsyncConnection, org_id: UUID, before: datetime, reason: str, at: datetime
) -> None:
    """End the renewals that began before then and that nobody took."""
    await connection.execute(
        text(
            "UPDATE message_log SET outcome = 'FAILED', reason = :reason, at = :at "
            "WHERE org_id = :org AND kind = 'link_renewed' AND outcome = 'RETRYING' AND created_at < :before"
        ),
        {"org": org_id, "before": before, "reason": reason, "at": at},
    )


_WANTED = {
    "color_up": "color_up_ids @> ARRAY[cast(:color_up AS uuid)]",
    "draft": (
        "color_up_ids && ARRAY("
        "SELECT color_up_id FROM draft_order_line WHERE org_id = :org AND draft_order_id = :draft "
        "AND color_up_id IS NOT NULL UNION "
        "SELECT color_up_id FROM color_up_subscription WHERE org_id = :org AND draft_order_id = :draft)"
    ),
}


async def list_messages(
    connection: AsyncConnection,
    org_id: UUID,
    *,
    color_up_id: UUID | None = None,
    draft_order_id: UUID | None = None,
    limit: int,
    after: After = None,
) -> list[Row]:
    """Newest first; those of a draft are those about color-ups that its lines have or waited for."""
    wanted = {"color_up": color_up_id, "draft": draft_order_id}
    return await newest_first(
        connection, org_id, ("message_log", _COLUMNS), _WANTED, wanted, limit=limit, after=after
    )
