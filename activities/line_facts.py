"""Look lines up: what they wait for, and the customer's decision for those that were sent."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from uuid import UUID

from temporalio import activity

from activities import names
from activities.outages import outages_told
from domain.color_ups import ColorUpDecided
from domain.line_facts import LineFacts, LinesRequest
from domain.statuses import LineStatus
from storage.database import Database
from storage.line_facts import read_line_facts
from storage.proofs import ColorUpMissing
from storage.subscriptions import subscribe

StartProof = Callable[[UUID, UUID], Awaitable[None]]
Remind = Callable[[UUID, UUID], Awaitable[None]]

_ASKED_OF_THE_CUSTOMER = frozenset({LineStatus.SENT_FOR_APPROVAL, LineStatus.PHONE_CALL})


class LineLookups:
    """`start_proof(org_id, color_up_id)` has a proof's workflow look at its rows, started if none runs."""

    def __init__(self, database: Database, start_proof: StartProof, remind: Remind) -> None:
        """`remind(org_id, customer_id)` has the customer reminded of what it has not decided."""
        self._database = database
        self._start_proof = start_proof
        self._remind = remind

    @activity.defn(name=names.READ_LINE_FACTS)
    async def read(self, request: LinesRequest) -> LineFacts:
        """For a command on a line; changes nothing."""
        with outages_told():
            return await self._read(request)

    @activity.defn(name=names.LOOK_UP_LINES)
    async def look_up(self, request: LinesRequest) -> LineFacts:
        """The lines are on record as waiting. Safe to repeat: nothing is subscribed or started twice."""
        with outages_told():
            decided = await self._decisions(request)
            facts = await self._read(request)
        for asked in request.lines:
            if asked.color_up_id in decided and asked.status in _ASKED_OF_THE_CUSTOMER:
                facts.lines[asked.line_no].decision = decided[asked.color_up_id]
        return facts

    async def _decisions(self, request: LinesRequest) -> dict[UUID | None, ColorUpDecided]:
        """By color-up; those that are not decided yet have a workflow afterwards, which tells this draft."""
        sent = {each.color_up_id for each in request.lines if each.status in _ASKED_OF_THE_CUSTOMER}
        decided: dict[UUID | None, ColorUpDecided] = {}
        for color_up_id in sorted(each for each in sent if each is not None):
            decision = await self._subscribed(request, color_up_id)
            if decision is None:
                await self._start_proof(request.org_id, color_up_id)
            else:
                decided[color_up_id] = decision
        undecided = {each for each in sent if each is not None} - decided.keys()
        if undecided and request.customer_id is not None:
            await self._remind(request.org_id, request.customer_id)
        return decided

    async def _subscribed(self, request: LinesRequest, color_up_id: UUID) -> ColorUpDecided | None:
        # a transaction for each: several locks at once could wait for one another
        async with self._database.transaction(request.org_id) as connection:
            now = datetime.now(UTC)
            try:
                return await subscribe(connection, request.org_id, request.draft_id, color_up_id, now)
            except ColorUpMissing:
                return None

    async def _read(self, request: LinesRequest) -> LineFacts:
        async with self._database.transaction(request.org_id) as connection:
            return await read_line_facts(connection, request)
