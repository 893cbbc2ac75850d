"""Tries of a delivery and their rows of the push log: opened before, closed with the reason when they fail.

Every try reads the connection's configuration afresh. Errors leave as `ApplicationError` whose type is a
`TransportCode`; the retry policy knows which ones pass.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any
from uuid import UUID

import structlog
from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.configured import configured
from activities.delivery_errors import application_error
from activities.heartbeats import heartbeats
from config.keys import KeyRing
from config.metrics import WorkerMetrics, reason_label
from connectors.port import Attempt, ERPConnectorPort, ReadDelivery
from domain.connections import ConnectionStatus, HeldByPause, Pause
from domain.transport import StagedFileLost, TransportCode, TransportError
from storage import connections, push_log
from storage.database import Database, DatabaseUnavailable, Row
from storage.push_log import Begun, Publishing

log = structlog.get_logger(__name__)

_RECORD_LOOKS_S = (0.006, 0.006, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64)


@dataclass(frozen=True)
class TriedExport:
    """Whose push log a try writes into, and through which connection it goes."""

    org_id: UUID
    connection_id: UUID
    id: UUID


@dataclass(frozen=True)
class Target:
    kind: str
    connector: ERPConnectorPort[Any]
    config: Any
    row: int = 0  # of the push log
    first_try: bool = True
    answer: dict[str, Any] = field(default_factory=dict)  # what the target said, for the push log

    def attempt(self, read_delivery: ReadDelivery) -> Attempt:
        return Attempt(self.row, read_delivery, self.answer)


class Tries:
    def __init__(
        self,
        database: Database,
        keys: KeyRing,
        connectors: Mapping[str, ERPConnectorPort[Any]],
        counted: WorkerMetrics,
    ) -> None:
        self._database = database
        self._keys = keys
        self._connectors = connectors
        self._counted = counted

    @asynccontextmanager
    async def one(
        self, export: TriedExport, request: dict[str, Any], publishing: Publishing | None = None
    ) -> AsyncIterator[Target]:
        """One try with its row in the push log: opened before, closed with the reason when it fails.

        Raises:
            ApplicationError: whatever went wrong, counted.
        """
        started, row, reached = monotonic(), 0, False
        answer: dict[str, Any] = {}
        try:
            begun = await self._begun(export, request, publishing)
            row = begun.row
            target = self.target(export.org_id, begun.connection, must_be_active=True)
            target = replace(target, row=row, first_try=begun.first_try, answer=answer)
            async with heartbeats():
                reached = True
                yield target
            self.succeeded()
        except (TransportError, StagedFileLost) as error:
            failed = self.failed(application_error(error))
            if isinstance(error, TransportError) and not reached:
                error.unsent = True
            await self._note_failure(export, row, started, error, failed, answer)
            # the chain would be stored with every try, until Temporal shows nothing but its size
            raise failed from None
        except push_log.ExportOver:
            late = ApplicationError(
                "The export was over before this try began", type="EXPORT_OVER", non_retryable=True
            )
            raise self.failed(late) from None
        except DatabaseUnavailable as error:
            raise self.failed(ApplicationError(str(error), type="DatabaseUnavailable")) from None

    async def _begun(
        self, export: TriedExport, request: dict[str, Any], publishing: Publishing | None
    ) -> Begun:
        """Nothing is staged before the push is on record: that row is the lasting guard.

        It is being written at the same time, so it is looked for a few times before the try ends.

        Raises:
            ApplicationError: PUSH_NOT_RECORDED, which passes.
        """
        for pause_s in (*_RECORD_LOOKS_S, None):
            with suppress(push_log.PushNotRecorded):
                begun = await push_log.begin_try(
                    self._database.call,
                    export.org_id,
                    export.id,
                    export.connection_id,
                    request,
                    datetime.now(UTC),
                    publishing,
                )
                if begun.held:
                    await self._hold(export, request, publishing)
                else:
                    return begun
            if pause_s is not None:
                await asyncio.sleep(pause_s)
        sentence = "The push is not on record yet; nothing was sent"
        raise self.failed(ApplicationError(sentence, type="PUSH_NOT_RECORDED"))

    async def _hold(
        self, export: TriedExport, request: dict[str, Any], publishing: Publishing | None
    ) -> None:
        """Say in the row that it waits, together with reading the pause; return when that has just ended.

        Raises:
            ApplicationError: CONNECTION_PAUSED.
        """
        now = datetime.now(UTC)
        async with self._database.transaction(export.org_id) as connection:
            found = await connections.get(connection, export.org_id, export.connection_id)
            if found is None or found["status"] != ConnectionStatus.PAUSED:
                return
            held = HeldByPause(Pause(at=found["paused_at"], by=found["paused_by"]))
            error = {"code": held.code.value, "message": held.sentence, "retryable": held.retryable}
            await push_log.hold_try(connection, export.org_id, export.id, request, now, error, publishing)
        raise self.failed(application_error(held))

    def target(self, org_id: UUID, row: Row | None, *, must_be_active: bool) -> Target:
        """
        Raises:
            TransportError: CONNECTION_DISABLED.
        """
        if row is None or (must_be_active and row["status"] == ConnectionStatus.DISABLED):
            raise TransportError(TransportCode.CONNECTION_DISABLED)
        connector, config = configured(self._connectors, self._keys, org_id, row)
        return Target(row["connector_type"], connector, config)

    def succeeded(self) -> None:
        self._counted.tries.labels(activity.info().activity_type, "ok").inc()

    def failed(self, error: ApplicationError) -> ApplicationError:
        """The same, counted."""
        self._counted.tries.labels(activity.info().activity_type, reason_label(error.type)).inc()
        return error

    async def note(
        self, export: TriedExport, row: int, status: str, started: float, response: dict[str, Any]
    ) -> None:
        """How row `row` went; `started` by the monotonic clock."""
        await self._end(export, row, status, duration_ms=ms_since(started), response=response)

    async def _note_failure(
        self,
        export: TriedExport,
        row: int,
        started: float,
        error: TransportError | StagedFileLost,
        failed: ApplicationError,
        answer: dict[str, Any],
    ) -> None:
        retryable = error.retryable if isinstance(error, TransportError) else False
        wait = failed.next_retry_delay or next_wait(activity.info().attempt)
        note = {"code": failed.type, "message": failed.message, "retryable": retryable}
        note["cause"] = error.technical if isinstance(error, TransportError) else f"gone: {error}"
        if isinstance(error, StagedFileLost) or error.unsent:
            note["unsent"] = True
        try:
            await self._end(
                export,
                row,
                "RETRYING" if retryable or isinstance(error, StagedFileLost) else "FAILED",
                duration_ms=ms_since(started),
                response=answer,
                error=note,
                next_retry_at=next_try(datetime.now(UTC), wait, _window_end()) if retryable else None,
            )
        except DatabaseUnavailable:
            # the try's own error matters more; the next try closes this row
            log.warning("push_log_not_written", export_id=str(export.id), row=row, code=failed.type)

    async def _end(self, export: TriedExport, row: int, status: str, **how: Any) -> None:
        await push_log.end_try(self._database.call, export.org_id, export.id, row, status, **how)


def ms_since(started: float) -> int:
    """`started` by the monotonic clock."""
    return round((monotonic() - started) * 1000)


def next_wait(attempt: int) -> timedelta:
    """As workflows/policies.py has it: 1 s, doubling, at most 60 s."""
    return timedelta(seconds=min(60, 2 ** min(attempt - 1, 6)))


def next_try(now: datetime, wait: timedelta, window_end: datetime | None) -> datetime | None:
    """When Temporal tries again; None when the delivery window ends before that."""
    at = now + wait
    return at if window_end is None or at < window_end else None


def _window_end() -> datetime | None:
    info = activity.info()
    if info.schedule_to_close_timeout is None:
        return None
    return info.scheduled_time + info.schedule_to_close_timeout
