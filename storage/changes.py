"""Recorded changes as a feed: rows to read from a place, and a bell that rings when there are new ones.

The bell only says that an org has news; rows are read in the caller's org, under row-level security.
"""

import asyncio
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

import asyncpg
import structlog
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.canonical import utc_text
from domain.draft import Draft
from storage.database import CONNECT_TIMEOUT_S, STATEMENT_TIMEOUT_S, Row

log = structlog.get_logger(__name__)

CHANNEL = "countersign_records"  # see migration 0005
_RECONNECT_S = 1.0
_PING_S = 15.0


# each with a limit of its own: over both together PostgreSQL sorts all there is
_OF_ORG_IN = (
    "(SELECT draft_order_id, sequence, change, recorded_by, position FROM {} WHERE org_id = :org "
    "AND (recorded_by, position) > (cast(cast(:xid AS text) AS xid8), :position) "
    "AND recorded_by < pg_snapshot_xmin(pg_current_snapshot()) "
    "ORDER BY recorded_by, position LIMIT :limit)"
)
OF_ORG = (
    "SELECT draft_order_id, sequence, change, recorded_by::text || '-' || position AS place "
    f"FROM ({_OF_ORG_IN.format('draft_record')} UNION ALL {_OF_ORG_IN.format('draft_note')}) AS told "
    "ORDER BY recorded_by, position LIMIT :limit"
)


def change_of(draft: Draft, waiting_for: str | None, at: datetime, actions: Iterable[str]) -> dict[str, Any]:
    """What the feeds tell of a change; `actions` are those of the audit trail."""
    return {
        "number": draft.number,
        "status": draft.status.value,
        "waiting_for": waiting_for,
        "at": utc_text(at),
        "actions": list(dict.fromkeys(actions)),
    }


async def add_note(connection: AsyncConnection, draft: Draft, change: dict[str, Any]) -> None:
    """Tell the feeds what happened around a draft whose workflow has ended, and so records nothing."""
    await connection.execute(
        text(
            "INSERT INTO draft_note (org_id, draft_order_id, sequence, change) "
            "VALUES (:org, :draft, :sequence, cast(:change AS jsonb))"
        ),
        {
            "org": draft.org_id,
            "draft": draft.id,
            "sequence": draft.version,
            "change": json.dumps(change),
        },
    )


async def of_draft(
    connection: AsyncConnection, org_id: UUID, draft_id: UUID, after: tuple[int, int], limit: int
) -> list[Row]:
    """Changes of one draft after the place `(sequence, note)`, in order; a record's note is 0."""
    rows = await connection.execute(
        text(
            "SELECT draft_order_id, sequence, change, "
            "sequence::text || CASE WHEN note = 0 THEN '' ELSE '-' || note END AS place FROM ("
            "  (SELECT draft_order_id, sequence, cast(0 AS bigint) AS note, change FROM draft_record "
            "  WHERE org_id = :org AND draft_order_id = :draft AND sequence > :sequence "
            "  ORDER BY sequence LIMIT :limit) "
            "  UNION ALL "
            "  SELECT draft_order_id, sequence, position, change FROM draft_note "
            "  WHERE org_id = :org AND draft_order_id = :draft "
            "  AND (sequence, position) > (:sequence, :note) "
            "  AND recorded_by < pg_snapshot_xmin(pg_current_snapshot())"
            ") AS told ORDER BY sequence, note LIMIT :limit"
        ),
        {"org": org_id, "draft": draft_id, "sequence": after[0], "note": after[1], "limit": limit},
    )
    return list(rows.mappings())


async def of_org(connection: AsyncConnection, org_id: UUID, after: tuple[int, int], limit: int) -> list[Row]:
    """Changes of the org after the place `(transaction, position)`, in an order that never fills in behind.

    A row of a transaction that started earlier may become visible later, so rows wait until every older
    transaction has ended.
    """
    values = {"org": org_id, "xid": str(after[0]), "position": after[1], "limit": limit}
    rows = await connection.execute(text(OF_ORG), values)
    return list(rows.mappings())


async def newest_place(connection: AsyncConnection) -> tuple[int, int]:
    """Where a reader starts that wants only what comes from now on."""
    xid = await connection.scalar(text("SELECT pg_snapshot_xmin(pg_current_snapshot())::text"))
    return int(str(xid)) - 1, 2**62


class Watch:
    """How far the rows of one draft are known to be, from the moment the watch began."""

    def __init__(self) -> None:
        self._highest = 0
        self._news = asyncio.Event()

    def rang(self, sequence: int) -> None:
        self._highest = max(self._highest, sequence)
        self._news.set()

    async def reached(self, sequence: int, within_s: float) -> bool:
        """True as soon as `sequence` is on record; False when nothing was heard of it in time."""
        try:
            async with asyncio.timeout(within_s):
                while self._highest < sequence:
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            return False
        return True


class Bell:
    """One LISTEN per process: rings for every draft that was recorded, whoever recorded it.

    A ring may be missed while the connection is away, so nobody may wait for one without looking again.
    """

    def __init__(self, url: str) -> None:
        parsed = make_url(url)
        self._dsn = parsed.set(drivername="postgresql").render_as_string(hide_password=False)
        self._orgs: dict[UUID, set[asyncio.Event]] = defaultdict(set)
        self._drafts: dict[UUID, set[Watch]] = defaultdict(set)
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Listen from now on; needs a running loop."""
        if self._task is None:
            self._task = asyncio.create_task(self._listen())

    @contextmanager
    def heard(self, org_id: UUID) -> Iterator[asyncio.Event]:
        """An event that is set when the org has news."""
        self.start()
        event = asyncio.Event()
        with _among(self._orgs, org_id, event):
            yield event

    @contextmanager
    def watching(self, draft_id: UUID) -> Iterator[Watch]:
        """Begin before the command is sent, or its ring may be over."""
        self.start()
        watch = Watch()
        with _among(self._drafts, draft_id, watch):
            yield watch

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def _listen(self) -> None:
        while True:
            try:
                await self._until_lost()
            except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                log.warning("change_feed_lost", error=type(error).__name__)
            await asyncio.sleep(_RECONNECT_S)

    async def _until_lost(self) -> None:
        connection = await asyncpg.connect(
            self._dsn, timeout=CONNECT_TIMEOUT_S, command_timeout=STATEMENT_TIMEOUT_S
        )
        try:
            await connection.add_listener(CHANNEL, self._ring)
            # news may have come while nobody listened
            self._ring_all()
            while True:
                await asyncio.sleep(_PING_S)
                await connection.execute("SELECT 1")
        finally:
            with suppress(OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
                await connection.close(timeout=1)

    def _ring(self, _connection: object, _pid: int, _channel: str, payload: object) -> None:
        with suppress(ValueError):
            org_id, draft_id, sequence = str(payload).split()
            for event in self._orgs.get(UUID(org_id), ()):
                event.set()
            for watch in self._drafts.get(UUID(draft_id), ()):
                watch.rang(int(sequence))

    def _ring_all(self) -> None:
        for events in self._orgs.values():
            for event in events:
                event.set()


Waiter = TypeVar("Waiter")


@contextmanager
def _among(waiting: dict[UUID, set[Waiter]], key: UUID, waiter: Waiter) -> Iterator[None]:
    waiting[key].add(waiter)
    try:
        yield
    finally:
        waiting[key].discard(waiter)
        if not waiting[key]:
            del waiting[key]


async def is_recorded(
    connection: AsyncConnection, org_id: UUID, draft_id: UUID, sequence: int, digest: str
) -> bool:
    """Whether this decision is on record; with a digest, not another one under its sequence."""
    found = await connection.scalar(
        text(
            "SELECT 1 FROM draft_record "
            "WHERE org_id = :org AND draft_order_id = :draft AND sequence = :sequence "
            "AND (:digest = '' OR digest = :digest)"
        ),
        {"org": org_id, "draft": draft_id, "sequence": sequence, "digest": digest},
    )
    return found is not None
