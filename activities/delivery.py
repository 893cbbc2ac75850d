"""Stage, publish and fence an export: three side effects, each safe to repeat.

Every try reads the connection's configuration afresh and writes its own row of the push log. Errors
leave as `ApplicationError` whose type is a `TransportCode`; the retry policy knows which ones pass.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from time import monotonic
from typing import Any
from uuid import UUID

import structlog
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match
from sqlalchemy.ext.asyncio import AsyncConnection
from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities import names
from activities.configured import configured
from activities.connector_spans import connector_span
from activities.heartbeats import heartbeats
from config.keys import KeyRing
from config.metrics import WorkerMetrics, reason_label
from connectors.port import Attempt, ERPConnectorPort, ReadDelivery, no_progress
from domain.connections import ConnectionStatus, HeldByPause, Pause
from domain.delivery import (
    Delivery,
    DeliveryOrder,
    FenceOrder,
    FenceOutcome,
    PublishOrder,
    PublishResult,
    StageResult,
)
from domain.export_schema import export_schema
from domain.transport import FinalFileConflict, StagedFileLost, TransportCode, TransportError
from storage import connections, exports, push_log
from storage.database import Database, DatabaseUnavailable, Row
from storage.documents import Documents

log = structlog.get_logger(__name__)

_SCHEMA = Draft202012Validator(export_schema(), format_checker=Draft202012Validator.FORMAT_CHECKER)
_RECORD_LOOKS_S = (0.006, 0.006, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64)


@dataclass(frozen=True)
class _Target:
    kind: str
    connector: ERPConnectorPort[Any]
    config: Any
    row: int = 0  # of the push log
    first_try: bool = True
    answer: dict[str, Any] = field(default_factory=dict)  # what the target said, for the push log

    def attempt(self, read_delivery: ReadDelivery) -> Attempt:
        return Attempt(self.row, read_delivery, self.answer)


@dataclass(frozen=True)
class _Begun:
    """A try's row in the push log, the connection as it is now, and what holds the try back."""

    row: int
    first_try: bool
    connection: Row | None
    held: HeldByPause | None


# Opens a try's row in the transaction given: its number, and whether nobody can have published before. While
# the connection is paused, a first try leaves no mark of a publish.
Begin = Callable[[AsyncConnection, bool], Awaitable[tuple[int, bool]]]


class DeliveryActivities:
    def __init__(
        self,
        database: Database,
        documents: Documents,
        keys: KeyRing,
        connectors: Mapping[str, ERPConnectorPort[Any]],
        counted: WorkerMetrics | None = None,
    ) -> None:
        self._database = database
        self._documents = documents
        self._keys = keys
        self._connectors = connectors
        self._counted = counted or WorkerMetrics()

    @activity.defn(name=names.STAGE)
    async def stage(self, order: DeliveryOrder) -> StageResult:
        """Check the document, keep a copy, upload it under a temporary name. Publishes nothing."""
        delivery = order.delivery
        request = {
            "file_name": delivery.file_name,
            "sha256": delivery.sha256,
            "size_bytes": delivery.size_bytes,
            "storage_key": order.storage_key,
        }

        async def begin(connection: AsyncConnection, paused: bool) -> tuple[int, bool]:
            now = datetime.now(UTC)
            row = await push_log.open_try(connection, order.org_id, delivery.export_id, request, now)
            return row, True

        # Of staging only the log is written: if that is lost with the server, publish looks more carefully.
        async with self._try(
            order.org_id, order.connection_id, delivery.export_id, begin, flushed=False
        ) as target:
            _check_document(delivery.document)
            await self._documents.put(order.storage_key, delivery.document)
            started = monotonic()
            attempt = target.attempt(lambda: _same(delivery))
            with connector_span("stage", target.kind, delivery.export_id):
                staged = await target.connector.stage(delivery, target.config, no_progress, attempt)
            noted = target.answer | {"staged_as": staged.temp_name}
            await self._note(order.org_id, delivery.export_id, target.row, "PENDING", started, noted)
        return StageResult(staged=staged, log_row=target.row)

    @activity.defn(name=names.PUBLISH)
    async def publish(self, order: PublishOrder) -> PublishResult:
        """Give the staged file its final name, exactly once, whoever tried before."""
        staged_as = order.staged.temp_name

        async def begin(connection: AsyncConnection, paused: bool) -> tuple[int, bool]:
            # A publish that has begun is finished, paused or not: until it has looked, its outcome is open.
            if paused and not await push_log.publish_begun(connection, order.export_id, staged_as):
                return order.log_row, True
            if await push_log.begin_publish(
                connection, order.org_id, order.export_id, order.log_row, staged_as
            ):
                return order.log_row, True
            request = {"file_name": order.staged.file_name, "staged_as": staged_as}
            now = datetime.now(UTC)
            row = await push_log.open_try(
                connection, order.org_id, order.export_id, request, now, publishing=staged_as
            )
            return row, False

        async with self._try(order.org_id, order.connection_id, order.export_id, begin) as target:
            started = monotonic()
            with connector_span("publish", target.kind, order.export_id) as span:
                outcome = await target.connector.publish(
                    order.staged,
                    target.config,
                    first_try=target.first_try,
                    on_progress=no_progress,
                    attempt=target.attempt(lambda: self._delivery(order)),
                )
                span.set_attribute("countersign.outcome", outcome.value)
            path = target.config.path_of(order.staged.file_name)
            response = target.answer | {"outcome": outcome.value, "dropzone_path": path}
            await self._note(order.org_id, order.export_id, target.row, "SUCCESS", started, response)
        return PublishResult(outcome=outcome, dropzone_path=path)

    async def _delivery(self, order: PublishOrder) -> Delivery:
        """The document as it was decided with the push; for connectors that stage nothing."""
        async with self._database.transaction(order.org_id) as connection:
            document = await exports.document(connection, order.org_id, order.export_id)
        if document is None:
            raise TransportError(TransportCode.DOCUMENT_INVALID, "the export has no document", unsent=True)
        staged = order.staged
        return Delivery(
            export_id=order.export_id,
            file_name=staged.file_name,
            document=document,
            sha256=staged.sha256,
            size_bytes=staged.size_bytes,
        )

    @activity.defn(name=names.FENCE)
    async def fence(self, order: FenceOrder) -> FenceOutcome:
        """Make sure that a failed export cannot appear later, and close its push log."""
        error = {"code": order.code, "message": order.message, "retryable": False}
        unsent = False
        try:
            async with self._database.transaction(order.org_id) as connection:
                await push_log.give_up(connection, order.org_id, order.export_id, error)
            if order.staged is None:
                return FenceOutcome.NOT_SENT
            # a transaction of its own: a try that waited for the lock meanwhile has written its row by now
            async with self._database.transaction(order.org_id) as connection:
                unsent = await push_log.surely_unsent(connection, order.org_id, order.export_id)
                found = await connections.get(connection, order.org_id, order.connection_id)
            target = self._target(order.org_id, order.connection_id, found, must_be_active=False)
            async with heartbeats():
                with connector_span("fence", target.kind, order.export_id):
                    outcome = await target.connector.fence(order.staged, target.config, surely_unsent=unsent)
        except TransportError as failed:
            if not unsent:
                raise self._counted_failure(_application_error(failed)) from None
            outcome = FenceOutcome.NOT_SENT  # the target need not be asked
        except DatabaseUnavailable:
            unavailable = ApplicationError("PostgreSQL did not answer in time", type="DatabaseUnavailable")
            raise self._counted_failure(unavailable) from None
        self._counted.tries.labels(names.FENCE, "ok").inc()
        return outcome

    @asynccontextmanager
    async def _try(
        self, org_id: UUID, connection_id: UUID, export_id: UUID, begin: Begin, *, flushed: bool = True
    ) -> AsyncIterator[_Target]:
        """One try with its row in the push log: opened before, closed with the reason when it fails."""
        started, row, reached = monotonic(), 0, False
        answer: dict[str, Any] = {}
        try:
            begun = await self._begun(org_id, connection_id, export_id, begin, flushed=flushed)
            row = begun.row
            if begun.held is not None:
                raise self._counted_failure(_application_error(begun.held))
            target = self._target(org_id, connection_id, begun.connection, must_be_active=True)
            target = replace(target, row=row, first_try=begun.first_try, answer=answer)
            async with heartbeats():
                reached = True
                yield target
            self._counted.tries.labels(activity.info().activity_type, "ok").inc()
        except (TransportError, StagedFileLost) as error:
            failed = self._counted_failure(_application_error(error))
            if isinstance(error, TransportError) and not reached:
                error.unsent = True
            await self._note_failure(org_id, export_id, row, started, error, failed, answer)
            # the chain would be stored with every try, until Temporal shows nothing but its size
            raise failed from None
        except push_log.ExportOver:
            late = ApplicationError(
                "The export was over before this try began", type="EXPORT_OVER", non_retryable=True
            )
            raise self._counted_failure(late) from None
        except DatabaseUnavailable as error:
            raise self._counted_failure(ApplicationError(str(error), type="DatabaseUnavailable")) from None

    async def _begun(
        self, org_id: UUID, connection_id: UUID, export_id: UUID, begin: Begin, *, flushed: bool
    ) -> _Begun:
        """Nothing is staged before the push is on record: that row is the lasting guard.

        It is being written at the same time, so it is looked for a few times before the try ends.

        Raises:
            ApplicationError: PUSH_NOT_RECORDED, which passes.
        """
        for pause_s in (*_RECORD_LOOKS_S, None):
            with suppress(push_log.PushNotRecorded):
                async with self._database.transaction(org_id, flushed=flushed) as connection:
                    found = await connections.get(connection, org_id, connection_id)
                    pause = _pause(found)
                    row, first_try = await begin(connection, pause is not None)
                    held = HeldByPause(pause) if pause is not None and first_try else None
                    if held is not None:
                        await push_log.hold_try(connection, org_id, export_id, row, _said(held))
                return _Begun(row, first_try, found, held)
            if pause_s is not None:
                await asyncio.sleep(pause_s)
        sentence = "The push is not on record yet; nothing was sent"
        raise self._counted_failure(ApplicationError(sentence, type="PUSH_NOT_RECORDED"))

    def _counted_failure(self, failed: ApplicationError) -> ApplicationError:
        self._counted.tries.labels(activity.info().activity_type, reason_label(failed.type)).inc()
        return failed

    def _target(self, org_id: UUID, connection_id: UUID, row: Row | None, *, must_be_active: bool) -> _Target:
        if row is None or (must_be_active and row["status"] == "DISABLED"):
            raise TransportError(TransportCode.CONNECTION_DISABLED)
        connector, config = configured(self._connectors, self._keys, org_id, row)
        return _Target(row["connector_type"], connector, config)

    async def _note(
        self, org_id: UUID, export_id: UUID, row: int, status: str, started: float, response: dict[str, Any]
    ) -> None:
        duration_ms = round((monotonic() - started) * 1000)
        # what the workflow records next is flushed, and this with it
        async with self._database.transaction(org_id, flushed=False) as connection:
            await push_log.close_try(
                connection, org_id, export_id, row, status, duration_ms=duration_ms, response=response
            )

    async def _note_failure(
        self,
        org_id: UUID,
        export_id: UUID,
        row: int,
        started: float,
        error: Exception,
        failed: ApplicationError,
        answer: dict[str, Any],
    ) -> None:
        retryable = error.retryable if isinstance(error, TransportError) else False
        wait = failed.next_retry_delay or _next_wait(activity.info().attempt)
        note = {"code": failed.type, "message": failed.message, "retryable": retryable}
        note["cause"] = error.technical if isinstance(error, TransportError) else f"gone: {error}"
        if isinstance(error, TransportError) and error.unsent:
            note["unsent"] = True
        try:
            async with self._database.transaction(org_id, flushed=False) as connection:
                await push_log.close_try(
                    connection,
                    org_id,
                    export_id,
                    row,
                    "RETRYING" if retryable or isinstance(error, StagedFileLost) else "FAILED",
                    duration_ms=round((monotonic() - started) * 1000),
                    response=answer,
                    error=note,
                    next_retry_at=next_try(datetime.now(UTC), wait, _window_end()) if retryable else None,
                )
        except DatabaseUnavailable:
            # the try's own error matters more; the next try closes this row
            log.warning("push_log_not_written", export_id=str(export_id), row=row, code=failed.type)


async def _same(delivery: Delivery) -> Delivery:
    return delivery


def _pause(row: Row | None) -> Pause | None:
    if row is None or row["status"] != ConnectionStatus.PAUSED:
        return None
    return Pause(at=row["paused_at"], by=row["paused_by"])


def _said(error: TransportError) -> dict[str, Any]:
    return {"code": error.code.value, "message": error.sentence, "retryable": error.retryable}


def _next_wait(attempt: int) -> timedelta:
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


def _check_document(document: str) -> None:
    """
    Raises:
        TransportError: DOCUMENT_INVALID, with the place that does not fit.
    """
    worst = best_match(_SCHEMA.iter_errors(json.loads(document, parse_float=Decimal)))
    if worst is not None:
        raise TransportError(TransportCode.DOCUMENT_INVALID, f"at {worst.json_path}: {worst.validator}")


def _application_error(error: TransportError | StagedFileLost) -> ApplicationError:
    if isinstance(error, StagedFileLost):
        return ApplicationError("The staged file is gone; staging it again", type="StagedFileLost")
    details: dict[str, Any] = {"technical": error.technical}
    if isinstance(error, FinalFileConflict):
        details["staged_present"] = error.staged_present
    # the message goes to operators; what is technical stays in the details
    message = error.sentence
    if error.code is TransportCode.DOCUMENT_INVALID and error.technical:
        message = f"{message} ({error.technical})"
    wait = None if error.retry_after_s is None else timedelta(seconds=error.retry_after_s)
    return ApplicationError(
        message,
        details,
        type=error.code.value,
        non_retryable=not error.retryable,
        next_retry_delay=wait if error.retryable else None,
    )
