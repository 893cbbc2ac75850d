"""The push log: one row per delivery try of an export, written by the tries themselves."""

import json
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.statuses import ExportStatus
from storage.database import Row


class ExportOver(Exception):
    """The export has failed, or its file is out; no further try may begin."""


class PushNotRecorded(Exception):
    """The push is not on record yet: nothing may be staged."""


LOST = {
    "code": "WORKER_LOST",
    "message": "The worker stopped, hung or could not reach the database before this try's end was noted",
    "retryable": True,
}


async def open_try(
    connection: AsyncConnection,
    org_id: UUID,
    export_id: UUID,
    request: dict[str, Any],
    at: datetime,
    *,
    publishing: str | None = None,
) -> int:
    """Start the next row and return its number; one left open by a try that never ended is closed first.

    Numbers come from the log itself: Temporal's attempts start again at 1 when somebody resets an activity.

    Raises:
        PushNotRecorded: see there.
        ExportOver: a try that was stopped for so long that the export has failed meanwhile, or has been
            published: nobody would ever close that row. Only a publish may be repeated then: its success may
            not have been heard of.
    """
    response = {} if publishing is None else {"publishing": publishing}
    # The export's row is the lock: tries of one export queue here. A statement of its own, because one that
    # waits goes on with what it saw before it waited, and would not see the other's row.
    status = await connection.scalar(
        text("SELECT status FROM erp_export WHERE id = :export AND org_id = :org FOR UPDATE"),
        {"org": org_id, "export": export_id},
    )
    if status is None:
        raise PushNotRecorded(str(export_id))
    # it may have failed before it had any row in which `give_up` could say so
    if status == ExportStatus.FAILED or (publishing is None and status != ExportStatus.PENDING):
        raise ExportOver(str(export_id))
    number = await connection.scalar(
        text(
            "WITH lost AS (UPDATE erp_push_log SET status = 'RETRYING', error = cast(:lost AS jsonb) "
            "  WHERE export_id = :export AND org_id = :org AND status = 'PENDING') "
            "INSERT INTO erp_push_log "
            "(export_id, attempt_number, org_id, status, started_at, request, response) "
            "SELECT :export, "
            "  1 + coalesce((SELECT max(attempt_number) FROM erp_push_log WHERE export_id = :export), 0), "
            "  :org, 'PENDING', :at, cast(:request AS jsonb), cast(:response AS jsonb) "
            "WHERE NOT EXISTS (SELECT 1 FROM erp_push_log "
            "  WHERE export_id = :export AND org_id = :org AND (response->>'given_up' IS NOT NULL "
            "  OR (:stages AND status = 'SUCCESS'))) "
            "RETURNING attempt_number"
        ),
        {
            "org": org_id,
            "export": export_id,
            "at": at,
            "request": json.dumps(request),
            "response": json.dumps(response),
            "lost": json.dumps(LOST),
            "stages": publishing is None,
        },
    )
    if number is None:
        raise ExportOver(str(export_id))
    return int(number)


async def begin_publish(
    connection: AsyncConnection, org_id: UUID, export_id: UUID, row: int, staged_as: str
) -> bool:
    """Mark in row `row` that publishing `staged_as` begins; False when any try had marked it before.

    The mark is what makes a first try a first one: it outlives the worker, and a reset of the activity.
    """
    marked = await connection.execute(
        text(
            # The row's own mark is asked for as well: after a wait for another try PostgreSQL reads that row
            # again, but not the others.
            "UPDATE erp_push_log SET status = 'PENDING', error = NULL, "
            "response = coalesce(response, '{}') || cast(:mark AS jsonb) "
            "WHERE org_id = :org AND export_id = :export AND attempt_number = :row "
            # a pause closed the row of a publish that waited for its end
            "AND (status = 'PENDING' OR error->>'code' = 'CONNECTION_PAUSED') "
            "AND response->>'given_up' IS NULL "
            "AND response->>'publishing' IS DISTINCT FROM :staged AND NOT EXISTS ("
            "  SELECT 1 FROM erp_push_log WHERE export_id = :export AND response->>'publishing' = :staged)"
        ),
        {
            "org": org_id,
            "export": export_id,
            "row": row,
            "staged": staged_as,
            "mark": json.dumps({"publishing": staged_as}),
        },
    )
    return marked.rowcount == 1


async def publish_begun(connection: AsyncConnection, export_id: UUID, staged_as: str) -> bool:
    """Whether any try has marked that publishing `staged_as` begins."""
    query = text(
        "SELECT EXISTS (SELECT 1 FROM erp_push_log "
        "WHERE export_id = :export AND response->>'publishing' = :staged)"
    )
    return bool(await connection.scalar(query, {"export": export_id, "staged": staged_as}))


async def hold_try(
    connection: AsyncConnection, org_id: UUID, export_id: UUID, number: int, error: dict[str, Any]
) -> None:
    """Row `number` waits for the end of a pause; the next one begins when the delivery is let go.

    The transaction is flushed after all: by this row alone the delivery is found when the pause is over.
    """
    await connection.execute(text("SET LOCAL synchronous_commit TO DEFAULT"))
    await close_try(connection, org_id, export_id, number, "RETRYING", duration_ms=0, error=error)


async def close_try(
    connection: AsyncConnection,
    org_id: UUID,
    export_id: UUID,
    number: int,
    status: str,
    *,
    duration_ms: int,
    response: dict[str, Any] | None = None,
    error: dict[str, Any] | None = None,
    next_retry_at: datetime | None = None,
) -> None:
    """Say how row `number` went; `duration_ms` adds up over stage and publish.

    A row that another try has closed as lost stays so, unless its own try published after all; and nothing
    runs any more once one has: a row still open then is a lost one's.
    """
    await connection.execute(
        text(
            "WITH lost AS (UPDATE erp_push_log SET status = 'RETRYING', error = cast(:lost AS jsonb) "
            "  WHERE :status = 'SUCCESS' AND export_id = :export AND org_id = :org "
            "  AND attempt_number <> :number AND status = 'PENDING') "
            "UPDATE erp_push_log SET status = :status, duration_ms = coalesce(duration_ms, 0) + :duration, "
            "response = coalesce(response, '{}') || coalesce(cast(:response AS jsonb), '{}'), "
            "error = cast(:error AS jsonb), next_retry_at = :next "
            "WHERE org_id = :org AND export_id = :export AND attempt_number = :number "
            "AND (:status = 'SUCCESS' OR status = 'PENDING')"
        ),
        {
            "org": org_id,
            "export": export_id,
            "number": number,
            "lost": json.dumps(LOST),
            "status": status,
            "duration": duration_ms,
            "response": None if response is None else json.dumps(response),
            "error": None if error is None else json.dumps(error),
            "next": next_retry_at,
        },
    )


async def give_up(connection: AsyncConnection, org_id: UUID, export_id: UUID, error: dict[str, Any]) -> None:
    """The export has failed: its newest row says so, and none can begin after this."""
    values = {"org": org_id, "export": export_id, "error": json.dumps(error)}
    await _lock(connection, org_id, export_id)
    await connection.execute(
        text(
            "UPDATE erp_push_log SET status = 'FAILED', next_retry_at = NULL, "
            "error = coalesce(error, cast(:error AS jsonb)), "
            "response = coalesce(response, '{}') || '{\"given_up\": true}' "
            "WHERE org_id = :org AND export_id = :export AND status <> 'SUCCESS' AND attempt_number = "
            "(SELECT max(attempt_number) FROM erp_push_log WHERE export_id = :export)"
        ),
        values,
    )


async def surely_unsent(
    connection: AsyncConnection, org_id: UUID, export_id: UUID, *, besides: int = 0
) -> bool:
    """Whether each try that began to publish ended with an error that says so; row `besides` is not asked.

    Ask after `give_up` has committed: a try that was about to begin is either refused, or in the log.
    """
    await _lock(connection, org_id, export_id)
    return bool(
        await connection.scalar(
            text(
                "SELECT NOT EXISTS (SELECT 1 FROM erp_push_log WHERE org_id = :org AND export_id = :export "
                "AND attempt_number <> :besides "
                "AND response->>'publishing' IS NOT NULL AND coalesce(error->>'unsent', '') <> 'true')"
            ),
            {"org": org_id, "export": export_id, "besides": besides},
        )
    )


async def _lock(connection: AsyncConnection, org_id: UUID, export_id: UUID) -> None:
    """The export's row: tries of one export queue here."""
    await connection.execute(
        text("SELECT 1 FROM erp_export WHERE id = :export AND org_id = :org FOR UPDATE"),
        {"org": org_id, "export": export_id},
    )


async def left_open(connection: AsyncConnection, org_id: UUID, before: datetime) -> list[Row]:
    """Exports that are over and have a row that began `before` and looks as if it ran.

    `export_id`, `draft_order_id`, draft `number`. A late publish may have died after the end was recorded.
    """
    result = await connection.execute(
        text(
            "SELECT DISTINCT l.export_id, e.draft_order_id, d.number FROM erp_push_log l "
            "JOIN erp_export e ON e.id = l.export_id JOIN draft_order d ON d.id = e.draft_order_id "
            "WHERE l.org_id = :org AND l.status = 'PENDING' AND l.started_at < :before "
            "AND e.status <> 'PENDING' ORDER BY d.number LIMIT 500"
        ),
        {"org": org_id, "before": before},
    )
    return list(result.mappings())


async def end_tries(connection: AsyncConnection, export_id: UUID) -> int:
    """End what is open of an export that is over, as recording its end does; how many rows that were."""
    return int(await connection.scalar(text("SELECT end_tries(:export)"), {"export": export_id}) or 0)


async def rows(connection: AsyncConnection, org_id: UUID, export_id: UUID) -> list[Row]:
    """Oldest first."""
    result = await connection.execute(
        text(
            "SELECT attempt_number, status, started_at, duration_ms, request, response, error, next_retry_at "
            "FROM erp_push_log WHERE org_id = :org AND export_id = :export ORDER BY attempt_number"
        ),
        {"org": org_id, "export": export_id},
    )
    return list(result.mappings())
