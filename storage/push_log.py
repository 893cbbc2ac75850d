"""The push log: one row per delivery try of an export, written by the tries themselves."""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.delivery import StageNote
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


# As `Database.call`: one statement of its own.
Call = Callable[[str, Mapping[str, Any]], Awaitable[list[Row]]]


@dataclass(frozen=True)
class Publishing:
    """What is about to be published: the staged file, and what its row is still to be told of the staging."""

    staged_as: str
    row: int
    note: StageNote | None = None


@dataclass(frozen=True)
class Begun:
    """A try's row, whether nobody can have published before, and the connection as it is now.

    `held`: the connection is paused, and nothing was written.
    """

    row: int
    first_try: bool
    held: bool
    connection: Row | None


def within(connection: AsyncConnection) -> Call:
    """As `Database.call`, in a transaction that goes on."""

    async def call(statement: str, values: Mapping[str, Any]) -> list[Row]:
        return list((await connection.execute(text(statement), dict(values))).mappings())

    return call


async def begin_try(
    call: Call,
    org_id: UUID,
    export_id: UUID,
    connection_id: UUID,
    request: dict[str, Any],
    at: datetime,
    publishing: Publishing | None = None,
) -> Begun:
    """Begin a stage, or with `publishing` a publish; a row left open by a try that never ended is closed.

    A publish is marked in its row when this returns. The mark is what makes a first try a first one: it
    outlives the worker, and a reset of the activity. Called twice, as after a lost connection, it is no
    first try any more, and looks more carefully.

    Raises:
        PushNotRecorded: see there.
        ExportOver: a try that was stopped for so long that the export has failed meanwhile, or has been
            published: nobody would ever close that row. Only a publish may be repeated then: its success may
            not have been heard of.
    """
    note = publishing.note if publishing else None
    (row,) = await call(
        "SELECT * FROM begin_try(:org, :export, :connection, :at, cast(:request AS jsonb), "
        "cast(:lost AS jsonb), :publishing, :row, :staged_ms, cast(:staged AS jsonb))",
        {
            "org": org_id,
            "export": export_id,
            "connection": connection_id,
            "at": at,
            "request": json.dumps(request),
            "lost": json.dumps(LOST),
            "publishing": publishing.staged_as if publishing else None,
            "row": publishing.row if publishing else None,
            "staged_ms": note.duration_ms if note else None,
            "staged": json.dumps(note.response) if note else None,
        },
    )
    if row["held"]:
        return Begun(0, first_try=True, held=True, connection=row)
    connection = row if row["id"] is not None else None
    return Begun(_opened(row["try_number"], export_id), row["first_try"], held=False, connection=connection)


async def hold_try(
    connection: AsyncConnection,
    org_id: UUID,
    export_id: UUID,
    request: dict[str, Any],
    at: datetime,
    error: dict[str, Any],
    publishing: Publishing | None = None,
) -> None:
    """A try met a pause, in the transaction that has read it: its row says so, and waits for the end of it.

    That transaction is flushed: by this row alone the delivery is found when the pause is over.

    Raises:
        PushNotRecorded, ExportOver: as for `begin_try`.
    """
    call = within(connection)
    if publishing is not None:
        row = publishing.row
    else:
        (opened,) = await call(
            "SELECT open_try(:org, :export, :at, cast(:request AS jsonb), cast(:lost AS jsonb), NULL) AS row",
            {
                "org": org_id,
                "export": export_id,
                "at": at,
                "request": json.dumps(request),
                "lost": json.dumps(LOST),
            },
        )
        row = _opened(opened["row"], export_id)
    await end_try(call, org_id, export_id, row, "RETRYING", duration_ms=0, error=error)
    await connection.execute(text("SET LOCAL synchronous_commit TO DEFAULT"))


def _opened(number: int | None, export_id: UUID) -> int:
    if number is None:
        raise ExportOver(str(export_id))
    if number == 0:
        raise PushNotRecorded(str(export_id))
    return number


async def end_try(
    call: Call,
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
    runs any more once one has: a row still open then is a lost one's. Lost when the server dies before its
    next flush: what the workflow records next is flushed, and this with it.
    """
    await call(
        "SELECT end_try(:org, :export, :number, :status, :duration, cast(:response AS jsonb), "
        "cast(:error AS jsonb), :next, cast(:lost AS jsonb))",
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


async def rows(
    connection: AsyncConnection, org_id: UUID, export_id: UUID, *, limit: int | None = None, after: int = 0
) -> list[Row]:
    """Oldest first; those above the attempt `after`."""
    result = await connection.execute(
        text(
            "SELECT attempt_number, status, started_at, duration_ms, request, response, error, next_retry_at "
            "FROM erp_push_log WHERE org_id = :org AND export_id = :export AND attempt_number > :after "
            "ORDER BY attempt_number LIMIT cast(:limit AS integer)"
        ),
        {"org": org_id, "export": export_id, "after": after, "limit": limit},
    )
    return list(result.mappings())
