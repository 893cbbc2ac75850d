"""Tell drafts, or a proof, that something has appeared that they wait for; set going what was left behind."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import UUID

import structlog
from temporalio import activity

from activities import names
from activities.heartbeats import heartbeats
from activities.outages import outages_told
from activities.relays import LEFT_AFTER, relay
from commands.draft_orders import DraftOrders, WorkflowGone
from commands.errands import Errands
from domain.messages import LOOK_AGAIN
from domain.notices import NoticeOrder, NoticesRelayed, NoticeTold
from storage import notices
from storage.database import Database, Row

log = structlog.get_logger(__name__)

_PAGE = 100
_AT_ONCE = 8

StartProof = Callable[[UUID, UUID], Awaitable[None]]
Answer = bool | BaseException  # whether the draft was still there to be told


class Notices:
    """`start_proof(org_id, color_up_id)` has a proof's workflow look at its rows, started if none runs.

    `left_after`: younger notices are still in the hands of the API process that added them.

    `untold_decisions` is relayed together with the notices.
    """

    def __init__(
        self,
        database: Database,
        drafts: DraftOrders,
        errands: Errands,
        start_proof: StartProof,
        left_after: timedelta = LEFT_AFTER,
        untold_decisions: Callable[[], Awaitable[int]] | None = None,
    ) -> None:
        self._database = database
        self._drafts = drafts
        self._errands = errands
        self._start_proof = start_proof
        self._left_after = left_after
        self._untold_decisions = untold_decisions

    @activity.defn(name=names.TELL_NOTICE)
    async def tell(self, order: NoticeOrder) -> NoticeTold:
        """Tell every draft whose row waits, or the proof, then mark the notice.

        A repeat tells those that wait still. Who is told twice looks twice, and finds nothing to do.
        """
        with outages_told():
            async with heartbeats():
                async with self._database.transaction(order.org_id) as connection:
                    notice = await notices.untold(connection, order.org_id, order.notice_id)
                if notice is None:
                    return NoticeTold()
                if notices.is_for_lines(notice):
                    told = await self._tell_all(order, notice)
                else:
                    told = 0
                    await self._start_proof(order.org_id, notice["entity_id"])
                async with self._database.transaction(order.org_id) as connection:
                    await notices.mark_told(connection, order.org_id, order.notice_id, datetime.now(UTC))
        log.info("notice_told", notice_id=str(order.notice_id), drafts=told)
        return NoticeTold(drafts=told)

    @activity.defn(name=names.RELAY_NOTICES)
    async def relay(self) -> NoticesRelayed:
        left = partial(notices.untold_of_all, self._database)
        told = await relay(left, self._set_going, self._left_after)
        with outages_told():
            decisions = await self._untold_decisions() if self._untold_decisions else 0
        return NoticesRelayed(notices=told, decisions=decisions)

    async def _set_going(self, row: Row) -> None:
        await self._errands.tell_notice(NoticeOrder(org_id=row["org_id"], notice_id=row["notice_id"]))

    async def _tell_all(self, order: NoticeOrder, notice: Row) -> int:
        """One draft that cannot be told keeps nobody after it waiting; the next try tries it again."""
        told, after, failure = 0, None, None
        while drafts := await self._waiting(order, notice, after):
            answers = await self._tell(order, drafts)
            failures = [each for each in answers if isinstance(each, BaseException)]
            if len(failures) == len(drafts):
                raise failures[0]
            failure = failure or next(iter(failures), None)
            told += sum(each is True for each in answers)
            after = drafts[-1]
        if failure is not None:
            raise failure
        return told

    async def _waiting(self, order: NoticeOrder, notice: Row, after: UUID | None) -> list[UUID]:
        async with self._database.transaction(order.org_id) as connection:
            return await notices.waiting_drafts(connection, order.org_id, notice, after=after, limit=_PAGE)

    async def _tell(self, order: NoticeOrder, drafts: list[UUID]) -> list[Answer]:
        at_once = asyncio.Semaphore(_AT_ONCE)

        async def one(draft_id: UUID) -> bool:
            async with at_once:
                try:
                    await self._drafts.tell(LOOK_AGAIN, order.org_id, draft_id)
                except WorkflowGone:
                    return False  # a draft that has ended waits for nothing
                return True

        return await asyncio.gather(*(one(each) for each in drafts), return_exceptions=True)
