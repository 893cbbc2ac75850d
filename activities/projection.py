"""The workflow's hand on PostgreSQL: record what was decided, read what a decision needs."""

from datetime import timedelta

from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities import names
from domain.facts import Facts, FactsRequest
from domain.records import Record
from storage import facts, projection
from storage.database import Database, DatabaseUnavailable


class ProjectionActivities:
    """`delivery_window_s` is the deployment's setting; it reaches the workflow as a fact."""

    def __init__(self, database: Database, delivery_window_s: int) -> None:
        self._database = database
        self._delivery_window_s = delivery_window_s

    @activity.defn(name=names.RECORD)
    async def record(self, records: list[Record]) -> int:
        """Write decisions of one draft; a repeat writes nothing. Returns how many were new."""
        try:
            return await projection.record(self._database, records)
        except DatabaseUnavailable as error:
            raise ApplicationError("PostgreSQL did not answer in time", type="DatabaseUnavailable") from error
        except projection.SequenceConflict as error:
            raise ApplicationError(
                str(error), type="SequenceConflict", next_retry_delay=timedelta(seconds=60)
            ) from error

    @activity.defn(name=names.READ_FACTS)
    async def read_facts(self, request: FactsRequest) -> Facts:
        try:
            async with self._database.transaction(request.org_id) as connection:
                return await facts.read_facts(connection, request, self._delivery_window_s)
        except DatabaseUnavailable as error:
            raise ApplicationError("PostgreSQL did not answer in time", type="DatabaseUnavailable") from error
