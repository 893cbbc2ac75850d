"""Make the ack polls' Temporal Schedules what the connections' rows say, whatever was missed before."""

from temporalio import activity

from activities import names
from activities.heartbeats import heartbeats
from commands.schedules import AckSchedules
from domain.ack_polls import AckPollOrder, Connection, polled
from storage import connections
from storage.database import Database


class AckScheduler:
    def __init__(self, database: Database, schedules: AckSchedules) -> None:
        self._database = database
        self._schedules = schedules

    @activity.defn(name=names.ALIGN_ACK_POLLS)
    async def run(self) -> list[str]:
        """What was changed, in words; nothing most of the time.

        Rows are read before schedules change: a connection that is switched meanwhile is late by one run.
        """
        async with heartbeats():
            return await self._schedules.align(await self._wanted())

    async def _wanted(self) -> list[AckPollOrder]:
        wanted: list[AckPollOrder] = []
        for org in await self._database.call("SELECT * FROM list_orgs()", {}):
            async with self._database.transaction(org["org_id"]) as connection:
                rows = await connections.for_polls(connection, org["org_id"])
            wanted += polled(Connection.model_validate(dict(row)) for row in rows)
        return wanted
