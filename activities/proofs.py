"""Decide a color-up, and tell the drafts that wait for the decision: each until Temporal has taken it."""

import asyncio
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection
from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities import names
from activities.heartbeats import heartbeats
from commands.draft_orders import DraftOrders, TemporalUnavailable, WorkflowGone
from commands.proofs import Proofs
from domain.color_ups import ColorUpDecided
from domain.mails import DECIDED_FIRST
from domain.messages import COLOR_UP_DECIDED
from domain.proofs import NO_COLOR_UP, DecisionOrder, DecisionOutcome, ProofInput, ProofStanding, Refused
from domain.refusals import InputRefused, Refusal
from storage import messages, proofs, subscriptions
from storage.color_ups import lock_key
from storage.database import Database, DatabaseUnavailable

_PAGE = 100
_AT_ONCE = 8
_AWAY = "PostgreSQL did not answer in time"
# Of being ordered: less than the workflow waits for the answer. What is not decided by then is not by this
# try; a commit that is on its way then may come behind the workflow's look, and the relay finds it.
_DECIDES_WITHIN_S = 2.0


class ProofActivities:
    def __init__(self, database: Database, drafts: DraftOrders, proofs: Proofs) -> None:
        self._database = database
        self._drafts = drafts
        self._proofs = proofs

    @activity.defn(name=names.DECIDE_COLOR_UP)
    async def decide(self, order: DecisionOrder) -> DecisionOutcome:
        """One transaction; a repeat finds its decision in the row."""
        try:
            async with asyncio.timeout(_time_left()):
                async with self._database.transaction(order.org_id) as connection:
                    made = await proofs.decide(
                        connection, order.org_id, order.color_up_id, order.message, order.at
                    )
        except proofs.ColorUpMissing:
            return _refused(InputRefused(NO_COLOR_UP))
        except Refusal as refusal:
            return _refused(refusal)
        except (DatabaseUnavailable, TimeoutError):
            raise ApplicationError(_AWAY, type="DatabaseUnavailable") from None
        return DecisionOutcome(made=made)

    @activity.defn(name=names.TELL_DECISION)
    async def tell(self, proof: ProofInput) -> ProofStanding:
        """Tell every draft that waits, wake the older versions' workflows, and say how the version stands.

        A repeat goes on with those that are not marked as told; who is told twice has nothing left to move.
        """
        told = 0
        try:
            async with heartbeats():
                await self._let_pass(proof)
                while drafts := await self._untold(proof):
                    told += await self._tell(proof, drafts)
                await self._wake_older(proof)
                async with self._database.transaction(proof.org_id) as connection:
                    standing = await proofs.standing(connection, proof.org_id, proof.color_up_id, told)
                    if standing.decided is not None:
                        await self._give_up_mails(connection, proof)
                    return standing
        except proofs.ColorUpMissing:
            raise ApplicationError(NO_COLOR_UP, type="ColorUpMissing", non_retryable=True) from None
        except (DatabaseUnavailable, TemporalUnavailable) as error:
            raise ApplicationError(str(error), type=type(error).__name__) from None

    async def _give_up_mails(self, connection: AsyncConnection, proof: ProofInput) -> None:
        """Of whatever run they are: the one that tried them may have moved on."""
        now = datetime.now(UTC)
        await messages.give_up(connection, proof.org_id, proof.color_up_id, DECIDED_FIRST, now)

    async def _let_pass(self, proof: ProofInput) -> None:
        """Wait for whoever is just deciding or subscribing, so that nothing is committed behind this look."""
        async with self._database.transaction(proof.org_id) as connection:
            await lock_key(connection, proof.org_id, proof.color_up_id)

    async def _untold(self, proof: ProofInput) -> list[UUID]:
        async with self._database.transaction(proof.org_id) as connection:
            return await subscriptions.untold(connection, proof.org_id, proof.color_up_id, limit=_PAGE)

    async def _tell(self, proof: ProofInput, drafts: list[UUID]) -> int:
        """Those that were reached are marked, also when others were not."""
        async with self._database.transaction(proof.org_id) as connection:
            decided = await proofs.decision(connection, proof.org_id, proof.color_up_id)
        at_once = asyncio.Semaphore(_AT_ONCE)

        async def one(draft_id: UUID) -> UUID:
            async with at_once:
                await self._signal(proof.org_id, draft_id, decided)
            return draft_id

        answers = await asyncio.gather(*(one(each) for each in drafts), return_exceptions=True)
        reached = [each for each in answers if isinstance(each, UUID)]
        async with self._database.transaction(proof.org_id) as connection:
            now = datetime.now(UTC)
            await subscriptions.mark_told(connection, proof.org_id, proof.color_up_id, reached, now)
        for failure in answers:
            if isinstance(failure, BaseException):
                raise failure
        return len(reached)

    async def _signal(self, org_id: UUID, draft_id: UUID, decided: ColorUpDecided) -> None:
        try:
            await self._drafts.tell(COLOR_UP_DECIDED, org_id, draft_id, decided)
        except WorkflowGone:
            return  # a draft that has ended waits for nothing

    async def _wake_older(self, proof: ProofInput) -> None:
        """A version that this one overtook was closed by its row alone: its own workflow tells its drafts."""
        async with self._database.transaction(proof.org_id) as connection:
            older = await subscriptions.older_untold(connection, proof.org_id, proof.color_up_id)
        for color_up_id in older:
            await self._proofs.start(proof.org_id, color_up_id)


def _time_left() -> float:
    """By Temporal's clock: an order may have lain in the queue while the workflow waited."""
    info = activity.info()
    lain = info.started_time - info.current_attempt_scheduled_time
    return _DECIDES_WITHIN_S - lain.total_seconds()


def _refused(refusal: Refusal) -> DecisionOutcome:
    return DecisionOutcome(
        refused=Refused(type=type(refusal).__name__, sentence=refusal.sentence, details=refusal.details)
    )
