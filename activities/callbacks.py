"""Let signed callbacks have their effect, once each, and set going those that were left behind."""

from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import UUID

import structlog
from temporalio import activity

from activities import names
from activities.outages import outages_told
from activities.relays import LEFT_AFTER, relay
from commands.errands import Errands
from commands.proofs import Proofs
from domain.callbacks import OUTCOME_NOTES, CallbackOrder, CallbackOutcome, CallbackSettled, CallbacksRelayed
from domain.color_ups import ColorUpStatus, Decision
from domain.messages import Actor, Origin
from domain.proofs import DecideProof
from domain.refusals import TransitionRejected
from domain.statuses import Via
from storage import callbacks
from storage.database import Database, Row

log = structlog.get_logger(__name__)

Result = tuple[CallbackOutcome, str | None, UUID | None]  # with its note, and the approver


class Callbacks:
    """`left_after`: younger callbacks are still in the hands of the API process that took them."""

    def __init__(
        self,
        database: Database,
        proofs: Proofs,
        errands: Errands,
        left_after: timedelta = LEFT_AFTER,
    ) -> None:
        self._database = database
        self._proofs = proofs
        self._errands = errands
        self._left_after = left_after

    @activity.defn(name=names.SETTLE_CALLBACK)
    async def settle(self, order: CallbackOrder) -> CallbackSettled:
        """Decide the proof under a key of the callback's own, then keep what came of it.

        A repeat after any of these steps gets the same decision, and keeps what was kept first.
        """
        with outages_told():
            asked = await self._question(order)
            if asked is None or asked["outcome"] is not None:
                return CallbackSettled(outcome=asked["outcome"] if asked else None)
            outcome, note, approver_id = await self._outcome(asked)
            async with self._database.transaction(order.org_id) as connection:
                await callbacks.settle(connection, asked, outcome, note, approver_id, datetime.now(UTC))
        log.info("callback_settled", callback_id=str(order.callback_id), outcome=outcome.value)
        return CallbackSettled(outcome=outcome)

    @activity.defn(name=names.RELAY_CALLBACKS)
    async def relay(self) -> CallbacksRelayed:
        left = partial(callbacks.unsettled, self._database)
        return CallbacksRelayed(callbacks=await relay(left, self._set_going, self._left_after))

    async def _set_going(self, row: Row) -> None:
        await self._errands.settle_callback(
            CallbackOrder(org_id=row["org_id"], callback_id=row["callback_id"])
        )

    async def _question(self, order: CallbackOrder) -> Row | None:
        async with self._database.transaction(order.org_id) as connection:
            return await callbacks.question(connection, order.org_id, order.callback_id)

    async def _outcome(self, asked: Row) -> Result:
        """
        Raises:
            TemporalUnavailable, FactsUnavailable: it may be decided all the same; a repeat finds out.
        """
        if asked["decision_token"] == ":".join(_decision(asked).mark):
            # by an earlier try; who decided may have left since
            return CallbackOutcome.APPLIED, None, asked["decided_by_approver_id"]
        approver_id: UUID | None = asked["found_approver_id"]
        unknown = _unknown(asked)
        if unknown is not None:
            return unknown, OUTCOME_NOTES[unknown], approver_id
        try:
            await self._proofs.decide(asked["org_id"], asked["color_up_id"], _decision(asked))
        except TransitionRejected as refused:
            return CallbackOutcome.ALREADY_DECIDED, refused.sentence, approver_id
        return CallbackOutcome.APPLIED, None, approver_id


def _unknown(asked: Row) -> CallbackOutcome | None:
    """Why there is nothing to ask the proof."""
    if asked["color_up_status"] is None:
        return CallbackOutcome.UNKNOWN_COLOR_UP
    if asked["found_approver_id"] is None:
        return CallbackOutcome.UNKNOWN_APPROVER
    if asked["color_up_status"] == ColorUpStatus.DRAFT:
        return CallbackOutcome.NOT_WAITING
    return None


def _decision(asked: Row) -> DecideProof:
    return DecideProof(
        decision=Decision(asked["decision"]),
        note=asked["comment"] or None,
        actor=Actor(email=asked["found_email"]),
        approver_id=asked["found_approver_id"],
        origin=Origin(
            via=Via.CALLBACK,
            request_id=asked["request_id"],
            ip=asked["ip"],
            user_agent=asked["user_agent"],
        ),
        key=f"callback:{asked['id']}",
        digest=asked["body_sha256"],
    )
