"""Tell drafts that a pause is over: oldest push first, never faster than the deployment's rate."""

import asyncio
from time import monotonic
from uuid import UUID

import structlog
from temporalio import activity

from activities import names
from activities.outages import outages_told
from commands.draft_orders import DraftOrders, WorkflowGone
from domain.connections import ConnectionStatus
from domain.releases import Released, ReleaseOrder
from storage import connections, held_exports
from storage.database import Database, Row

log = structlog.get_logger(__name__)

# The workflow is started before the end of the pause is committed, so that no crash can part the two.
_COMMIT_WITHIN_S = 12.0
# A try that read the pause just before its end writes its row a moment later.
_LOOK_AGAIN_S = 3.0
_STEP_S = 2.0  # how often the connection's status is looked at


class Releases:
    def __init__(self, database: Database, drafts: DraftOrders, per_s: float) -> None:
        self._database = database
        self._drafts = drafts
        self._per_s = per_s

    @activity.defn(name=names.RELEASE)
    async def release(self, order: ReleaseOrder) -> Released:
        """Let every waiting export go; a repeat tells those that still wait. Told twice does no harm."""
        began, looked_again = monotonic(), False
        told: list[UUID] = []
        with outages_told():
            while True:
                activity.heartbeat(len(told))
                paused, waiting = await self._look(order, told)
                if paused and (told or monotonic() - began > _COMMIT_WITHIN_S):
                    return Released(told=len(told), paused_again=True)
                if not paused and not waiting and looked_again:
                    return Released(told=len(told), paused_again=False)
                looked_again = not paused and not waiting
                if paused or not waiting:
                    await asyncio.sleep(0.2 if paused else _LOOK_AGAIN_S)
                for export in waiting:
                    await self._let_go(order, export)
                    told.append(export["id"])
                    await asyncio.sleep(1 / self._per_s)

    async def _look(self, order: ReleaseOrder, told: list[UUID]) -> tuple[bool, list[Row]]:
        step = max(1, int(_STEP_S * self._per_s))
        async with self._database.transaction(order.org_id) as connection:
            row = await connections.get(connection, order.org_id, order.connection_id)
            if row is not None and row["status"] == ConnectionStatus.PAUSED:
                return True, []
            waiting = await held_exports.held(
                connection, order.org_id, order.connection_id, besides=told, limit=step
            )
        return False, waiting

    async def _let_go(self, order: ReleaseOrder, export: Row) -> None:
        try:
            await self._drafts.release(order.org_id, export["draft_order_id"], export["id"])
        except WorkflowGone:
            log.warning("held_draft_gone", draft_id=str(export["draft_order_id"]))
