"""Have drafts, or a proof, told of what they wait for: noted with it, told after the answer."""

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID, uuid4

import structlog
from fastapi import BackgroundTasks, Depends
from sqlalchemy.ext.asyncio import AsyncConnection

from api.rooms import InRooms
from commands.draft_orders import TemporalUnavailable
from domain.notices import NoticeKind, NoticeOrder
from storage.notices import add_notice

log = structlog.get_logger(__name__)


class Notices:
    """Of one request. What is rolled back is not told: the tasks belong to the answer of a success."""

    def __init__(self, rooms: InRooms, tasks: BackgroundTasks) -> None:
        self._errands = rooms.errands
        self._tasks = tasks

    async def add(self, connection: AsyncConnection, org_id: UUID, kind: NoticeKind, entity_id: UUID) -> None:
        """In the transaction that adds `entity_id`."""
        order = NoticeOrder(org_id=org_id, notice_id=uuid4())
        await add_notice(connection, org_id, order.notice_id, kind, entity_id, datetime.now(UTC))
        self._tasks.add_task(self._set_going, order)

    async def _set_going(self, order: NoticeOrder) -> None:
        """After the answer. What does not start here, the relay starts."""
        try:
            await self._errands.tell_notice(order)
        except TemporalUnavailable:
            log.warning("notice_left_to_relay", notice_id=str(order.notice_id))


InNotices = Annotated[Notices, Depends(Notices)]
