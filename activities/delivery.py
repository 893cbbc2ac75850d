"""Stage, publish and fence an export: three side effects, each safe to repeat.

How a try is opened, counted and noted in the push log: activities/tries.py.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from decimal import Decimal
from time import monotonic
from typing import Any, TypeVar

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match
from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities import names
from activities.connection_slots import ConnectionSlots
from activities.connector_spans import connector_span
from activities.delivery_errors import application_error
from activities.heartbeats import heartbeats
from activities.recorded import Recorded
from activities.tries import Target, TriedExport, Tries, ms_since
from config.keys import KeyRing
from config.metrics import WorkerMetrics
from connectors.port import ERPConnectorPort, no_progress
from domain.delivery import (
    Delivery,
    DeliveryOrder,
    FenceOrder,
    FenceOutcome,
    PublishOrder,
    PublishResult,
    StageNote,
    StageResult,
)
from domain.export_schema import export_schema
from domain.transport import ConnectionRepointed, StagedFileLost, TransportCode, TransportError
from storage import connections, exports, push_log
from storage.database import Database, DatabaseUnavailable
from storage.documents import Documents
from storage.push_log import Publishing

T = TypeVar("T")

_LONG = 4  # tries of `ConnectionSlots`

_SCHEMA = Draft202012Validator(export_schema(), format_checker=Draft202012Validator.FORMAT_CHECKER)


class DeliveryActivities:
    def __init__(
        self,
        database: Database,
        documents: Documents,
        keys: KeyRing,
        connectors: Mapping[str, ERPConnectorPort[Any]],
        counted: WorkerMetrics | None = None,
        recorded: Recorded | None = None,
        slots: ConnectionSlots | None = None,
    ) -> None:
        self._slots = slots or ConnectionSlots()
        self._database = database
        self._documents = documents
        self._recorded = recorded or Recorded()
        self._tries = Tries(database, keys, connectors, counted or WorkerMetrics())

    @activity.defn(name=names.STAGE)
    async def stage(self, order: DeliveryOrder) -> StageResult:
        """Check the document, keep a copy, upload it under a temporary name. Publishes nothing."""
        delivery = order.delivery
        export = TriedExport(order.org_id, order.connection_id, delivery.export_id)
        request = {
            "file_name": delivery.file_name,
            "sha256": delivery.sha256,
            "size_bytes": delivery.size_bytes,
            "storage_key": order.storage_key,
        }

        async with self._slot(order), _meanwhile(self._keep(order)) as kept:
            # nothing is staged before the push is on record; only its row says so for certain
            await self._recorded.wait(delivery.export_id)
            async with self._tries.one(export, request) as target:
                await kept
                started = monotonic()
                attempt = target.attempt(lambda: _same(delivery))
                with connector_span("stage", target.kind, delivery.export_id):
                    staged = await target.connector.stage(delivery, target.config, no_progress, attempt)
                staged = staged.model_copy(update={"place": target.config.place})
                response = target.answer | {"staged_as": staged.temp_name}
                note = StageNote(duration_ms=ms_since(started), response=response)
        return StageResult(staged=staged, log_row=target.row, note=note)

    async def _keep(self, order: DeliveryOrder) -> None:
        """Check the document, and keep our own copy. The ERP sees nothing of that."""
        _check_document(order.delivery.document)
        await self._documents.put(order.storage_key, order.delivery.document)

    @activity.defn(name=names.PUBLISH)
    async def publish(self, order: PublishOrder) -> PublishResult:
        """Give the staged file its final name, exactly once, whoever tried before."""
        staged_as = order.staged.temp_name
        export = TriedExport(order.org_id, order.connection_id, order.export_id)

        request = {"file_name": order.staged.file_name, "staged_as": staged_as}
        publishing = Publishing(staged_as, order.log_row, order.stage_note)
        async with self._slot(order), self._tries.one(export, request, publishing) as target:
            started = monotonic()
            await self._require_same_place(order, target)
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
            await self._tries.note(export, target.row, "SUCCESS", started, response)
        return PublishResult(outcome=outcome, dropzone_path=path)

    def _slot(
        self, order: DeliveryOrder | PublishOrder | FenceOrder, *, stays_away: int = 0
    ) -> AbstractAsyncContextManager[None]:
        return self._slots.one(order.connection_id, activity.info().attempt + stays_away)

    async def _require_same_place(self, order: PublishOrder, target: Target) -> None:
        """Publish only where it was staged: elsewhere both names are missing, as if the ERP had taken it.

        Raises:
            StagedFileLost: nobody can have published it there, so it is staged anew at the new place.
            ConnectionRepointed: an earlier try may have published it.
        """
        place = order.staged.place
        if place is None or place == target.config.place:
            return
        if not target.first_try:
            async with self._database.transaction(order.org_id) as connection:
                unsent = await push_log.surely_unsent(
                    connection, order.org_id, order.export_id, besides=target.row
                )
            if not unsent:
                raise ConnectionRepointed(place)
        raise StagedFileLost(order.staged.temp_name)

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
            target = self._tries.target(order.org_id, found, must_be_active=False)
            # a fence has few tries, so it stays away for long; what needs no look needs no place
            place = nullcontext() if unsent else self._slot(order, stays_away=_LONG)
            async with place, heartbeats():
                with connector_span("fence", target.kind, order.export_id):
                    outcome = await target.connector.fence(order.staged, target.config, surely_unsent=unsent)
        except TransportError as failed:
            if not unsent:
                raise self._tries.failed(application_error(failed)) from None
            outcome = FenceOutcome.NOT_SENT  # the target need not be asked
        except DatabaseUnavailable:
            unavailable = ApplicationError("PostgreSQL did not answer in time", type="DatabaseUnavailable")
            raise self._tries.failed(unavailable) from None
        self._tries.succeeded()
        return outcome


@asynccontextmanager
async def _meanwhile(work: Coroutine[Any, Any, T]) -> AsyncIterator[asyncio.Task[T]]:
    """`work` goes on beside what follows. Who leaves without its result does not want it any more."""
    task = asyncio.create_task(work)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _same(delivery: Delivery) -> Delivery:
    return delivery


def _check_document(document: str) -> None:
    """
    Raises:
        TransportError: DOCUMENT_INVALID, with the place that does not fit.
    """
    worst = best_match(_SCHEMA.iter_errors(json.loads(document, parse_float=Decimal)))
    if worst is not None:
        raise TransportError(TransportCode.DOCUMENT_INVALID, f"at {worst.json_path}: {worst.validator}")
