"""Carry one command out on the next few of many drafts; each result is kept as soon as it is known."""

import asyncio
from datetime import UTC, datetime
from time import monotonic
from uuid import UUID, uuid4

from temporalio import activity

from activities import names
from activities.outages import outages_told
from commands.draft_orders import DraftOrders, TemporalUnavailable, WorkflowGone
from domain.bulk import BulkOrder, BulkOutcome, BulkProgress
from domain.messages import MESSAGES, Message, Receipt
from domain.refusals import FactsUnavailable, MayHaveBeenSent, Refusal
from storage import bulk
from storage.changes import is_recorded
from storage.database import Database

_STEP = 25  # drafts an activity
_AT_ONCE = 5
# The workflow is started before its rows are committed, so that no crash can part the two.
_COMMIT_WITHIN_S = 12.0
# Between the tries of a draft whose workflow does not answer: of this draft, whatever became of others.
_PAUSES_S = (1.0, 2.0, 5.0, 10.0)
_RECORDED_WITHIN_S = 10.0

Result = tuple[BulkOutcome, str | None, UUID | None]


class _Unanswered(Exception):
    """Worth another try; the text is what people read when there is none."""


class BulkCommands:
    def __init__(self, database: Database, drafts: DraftOrders) -> None:
        self._database = database
        self._drafts = drafts

    @activity.defn(name=names.BULK_STEP)
    async def step(self, order: BulkOrder) -> BulkProgress:
        """A repeat takes the drafts that have no result; the key makes theirs the same as before."""
        at_once = asyncio.Semaphore(_AT_ONCE)
        with outages_told():
            if not await self._committed(order):
                return BulkProgress()
            async with self._database.transaction(order.org_id) as connection:
                drafts = await bulk.left(connection, order.org_id, order.bulk_id, limit=_STEP)
            answers = await asyncio.gather(
                *(self._one(order, draft_id, at_once) for draft_id in drafts), return_exceptions=True
            )
            for failure in answers:
                if isinstance(failure, BaseException):
                    raise failure
            async with self._database.transaction(order.org_id) as connection:
                return await bulk.progress(connection, order, datetime.now(UTC))

    async def _committed(self, order: BulkOrder) -> bool:
        until = monotonic() + _COMMIT_WITHIN_S
        while True:
            async with self._database.transaction(order.org_id) as connection:
                if await bulk.get(connection, order.org_id, order.bulk_id) is not None:
                    return True
            if monotonic() > until:
                return False
            activity.heartbeat()
            await asyncio.sleep(0.1)

    async def _one(self, order: BulkOrder, draft_id: UUID, at_once: asyncio.Semaphore) -> None:
        async with at_once:
            outcome, message, export_id = await self._result(order, draft_id)
            activity.heartbeat(str(draft_id))
            async with self._database.transaction(order.org_id) as connection:
                now = datetime.now(UTC)
                await bulk.note(connection, order, draft_id, outcome, message, export_id, now)

    async def _result(self, order: BulkOrder, draft_id: UUID) -> Result:
        """The same message each time: a draft that has taken it gives the same receipt again."""
        fields = {"confirm_may_duplicate": True} if order.confirm_may_duplicate else {}
        message = MESSAGES[order.command](
            actor=order.actor, origin=order.origin, key=order.key, token=uuid4().hex, **fields
        )
        for pause_s in _PAUSES_S:
            try:
                return await self._tried(order, draft_id, message)
            except _Unanswered:
                activity.heartbeat(str(draft_id))
                await asyncio.sleep(pause_s)
        try:
            return await self._tried(order, draft_id, message)
        except _Unanswered as silent:
            return BulkOutcome.FAILED, str(silent), None

    async def _tried(self, order: BulkOrder, draft_id: UUID, message: Message) -> Result:
        try:
            receipt = await self._drafts.send(order.command, order.org_id, draft_id, message)
        except MayHaveBeenSent as refused:
            return BulkOutcome.MAY_HAVE_BEEN_SENT, refused.sentence, None
        except FactsUnavailable:
            raise
        except Refusal as refused:
            return BulkOutcome.REFUSED, refused.sentence, None
        except WorkflowGone:
            return BulkOutcome.FAILED, "The draft's workflow has ended", None
        except TemporalUnavailable:
            raise _Unanswered("The draft's workflow did not answer; look at the draft") from None
        if not await self._recorded(order, draft_id, receipt):
            raise _Unanswered("The draft's decision does not come on record; look at the draft")
        export_id = receipt.result.get("erp_export_id")
        return BulkOutcome.DONE, None, None if export_id is None else UUID(export_id)

    async def _recorded(self, order: BulkOrder, draft_id: UUID, receipt: Receipt) -> bool:
        """A receipt is the decision's; a result that people read is true once its row is there."""
        until, pause_s = monotonic() + _RECORDED_WITHIN_S, 0.02
        while True:
            async with self._database.transaction(order.org_id) as connection:
                if await is_recorded(connection, order.org_id, draft_id, receipt.sequence, receipt.digest):
                    return True
            if monotonic() > until:
                return False
            activity.heartbeat(str(draft_id))
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, 0.5)
