"""The workflow's hand on PostgreSQL: record what was decided, read what a decision needs."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy.exc import DBAPIError
from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities import names
from activities.recorded import Recorded
from config.metrics import WorkerMetrics
from domain.facts import Facts, FactsRequest
from domain.records import ReceiptFound, ReceiptRequest, Record, SeenKey
from storage import acks, facts, projection
from storage.database import Database, DatabaseUnavailable, sqlstate

_AWAY = "PostgreSQL did not answer in time"


class ProjectionActivities:
    """`delivery_window_s` is the deployment's setting; it reaches the workflow as a fact."""

    def __init__(
        self,
        database: Database,
        delivery_window_s: int,
        counted: WorkerMetrics | None = None,
        recorded: Recorded | None = None,
    ) -> None:
        self._database = database
        self._recorded = recorded or Recorded()
        self._counted = counted or WorkerMetrics()
        self._delivery_window_s = delivery_window_s

    @activity.defn(name=names.RECORD)
    async def record(self, records: list[Record]) -> int:
        """Write decisions of one draft; a repeat writes nothing. Returns how many were new."""
        try:
            with self._recorded.being_written(_pushes(records)):
                written = await projection.record(self._database, records)
        # without their chains, which hold the whole statement: Temporal would show nothing but "too large"
        except DatabaseUnavailable:
            raise ApplicationError(_AWAY, type="DatabaseUnavailable") from None
        except projection.SequenceConflict as error:
            raise ApplicationError(
                str(error), type="SequenceConflict", next_retry_delay=timedelta(seconds=60)
            ) from None
        except DBAPIError as error:
            refused = f"PostgreSQL refused the record (SQLSTATE {sqlstate(error)}); its log has the reason"
            raise ApplicationError(refused, type="RecordRefused") from None
        self._count(records, written)
        await self._settle_acks(records)
        return written

    async def _settle_acks(self, records: list[Record]) -> None:
        """After the decisions themselves; a repeat of this activity finds what is left to do."""
        ends = [end for record in records for end in record.acks]
        if not ends:
            return
        try:
            async with self._database.transaction(records[0].org_id) as connection:
                settled = await acks.settle(connection, records[0].org_id, ends)
        except DatabaseUnavailable:
            raise ApplicationError(_AWAY, type="DatabaseUnavailable") from None
        for end in settled:
            self._counted.ack_files.labels(end.outcome.value).inc()

    def _count(self, records: list[Record], written: int) -> None:
        """What this call wrote, so that a repeat counts nothing; records come oldest first."""
        now = datetime.now(UTC)
        for record in records[len(records) - written :]:
            lag = (now - record.draft.updated_at).total_seconds()
            self._counted.projection_lag.observe(max(0.0, lag))
            for export in record.draft.exports:
                if export.id in record.exports:
                    self._counted.count_outcome(record.draft, export)

    @activity.defn(name=names.READ_FACTS)
    async def read_facts(self, request: FactsRequest) -> Facts:
        try:
            async with self._database.transaction(request.org_id) as connection:
                return await facts.read_facts(connection, request, self._delivery_window_s)
        except DatabaseUnavailable:
            raise ApplicationError(_AWAY, type="DatabaseUnavailable") from None

    @activity.defn(name=names.READ_RECEIPT)
    async def read_receipt(self, request: ReceiptRequest) -> ReceiptFound:
        """What a key was answered with that the draft's workflow does not carry any more."""
        asked = {"command": request.command, "key": request.key}
        try:
            row = await projection.seen_key(self._database, request.org_id, request.draft_id, **asked)
        except DatabaseUnavailable:
            raise ApplicationError(_AWAY, type="DatabaseUnavailable") from None
        return ReceiptFound(seen=None if row is None else SeenKey.model_validate({**row, **asked}))


def _pushes(records: list[Record]) -> list[UUID]:
    """The exports that begin with these records."""
    return [each for record in records if record.document is not None for each in record.exports]
