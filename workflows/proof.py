"""One color-up version before the customer: from being sent until everyone who waited knows the decision.

The rows decide and know who waits (storage/proofs.py, storage/subscriptions.py); this workflow has the proof
mailed, carries the decision to them and to the drafts, and waits in between.
"""

import asyncio
from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError, FailureError

with workflow.unsafe.imports_passed_through():
    from activities import names
    from domain.asked_proofs import decision_of
    from domain.canonical import utc_text
    from domain.color_ups import ColorUpStatus, Decision
    from domain.proof_mails import ProofMail
    from domain.proofs import (
        DECIDE,
        NO_COLOR_UP,
        PROOF_WORKFLOW,
        SENT,
        DecideProof,
        DecisionOrder,
        DecisionOutcome,
        ProofDecided,
        ProofInput,
        ProofStanding,
    )
    from domain.records import CONTINUES
    from workflows.policies import TELL_DECISION
    from workflows.proof_mailing import ProofMailing

_AWAY = "The database did not answer; repeat the decision with the same Idempotency-Key"
_CONTINUES = "The proof is moving on to a new run; nothing was changed, send it again"
_WORDS = {
    Decision.APPROVE: "approved",
    Decision.REQUEST_CHANGES: "sent back",
    Decision.SUPERSEDED: "overtaken by a newer version",
}


@workflow.defn(name=PROOF_WORKFLOW)
class ProofApprovalWorkflow:
    """Made before the first message is handled, so that none is lost over continue-as-new."""

    @workflow.init
    def __init__(self, given: ProofInput) -> None:
        self._given = given
        self._look = True  # the rows may know more than this run: sent, decided, overtaken
        self._deciding = 0
        self._standing: ProofStanding | None = None
        order = ProofMail(org_id=given.org_id, color_up_id=given.color_up_id)
        self._mailing = ProofMailing(order, self._show)

    @workflow.run
    async def run(self, given: ProofInput) -> ColorUpStatus | None:
        """Ends when the version no longer waits for the customer and everyone concerned knows."""
        mailing = asyncio.create_task(self._mailing.run())
        while True:
            await workflow.wait_condition(lambda: mailing.done() or self._has_work())
            if mailing.done():
                mailing.result()  # it never ends: raises what went wrong
            # nothing may be awaited between these checks and leaving; what the wait saw may have passed:
            # a mail that has begun since holds a new run back
            if self._shall_continue():
                workflow.continue_as_new(given)  # the new run looks first of all
            if self._look:
                await self._tell()
            elif self._is_finished():
                return self._standing.status if self._standing else None

    def _has_work(self) -> bool:
        return self._look or self._is_finished() or self._shall_continue()

    def _is_finished(self) -> bool:
        return not self._waits() and workflow.all_handlers_finished() and self._mailing.settled

    def _shall_continue(self) -> bool:
        # a mail that is on its way would be sent twice: by its own activity and by the new run's
        idle = workflow.all_handlers_finished() and not self._mailing.busy
        return workflow.info().is_continue_as_new_suggested() and idle

    def _waits(self) -> bool:
        return self._standing is not None and self._standing.status is ColorUpStatus.PENDING

    def _show(self) -> None:
        if self._standing is not None:
            workflow.set_current_details(_details(self._standing, self._mailing.words))

    async def _tell(self) -> None:
        """Everyone who waits for a decision that the rows hold; for as long as that takes."""
        self._look = False
        self._standing = await workflow.execute_activity(
            names.TELL_DECISION,
            self._given,
            result_type=ProofStanding,
            summary="tell the drafts that wait, if it is decided",
            start_to_close_timeout=TELL_DECISION.start_to_close,
            heartbeat_timeout=TELL_DECISION.heartbeat,
            retry_policy=TELL_DECISION.retry,
        )
        if self._waits() or not self._mailing.settled:  # decided: what was not sent is closed in the log
            self._mailing.look()
        self._show()

    @workflow.signal(name=SENT, description="It was sent to the customer, or closed: look at its rows")
    def sent(self) -> None:
        self._look = True

    @workflow.update(name=DECIDE, description="The customer's decision, or the team's for the customer")
    async def decide(self, message: DecideProof) -> ProofDecided:
        """Only `ApplicationError` may leave."""
        self._deciding += 1
        try:
            return await self._decide(message)
        finally:
            self._deciding -= 1

    @decide.validator
    def admit(self, message: DecideProof) -> None:
        if message.org_id != self._given.org_id:
            raise ApplicationError(NO_COLOR_UP, type="InputRefused", non_retryable=True)
        # under a steady load of decisions that are refused there would never be a moment to move on
        if workflow.info().is_continue_as_new_suggested() and self._deciding:
            raise ApplicationError(_CONTINUES, type=CONTINUES, non_retryable=True)

    async def _decide(self, message: DecideProof) -> ProofDecided:
        order = DecisionOrder(
            org_id=self._given.org_id,
            color_up_id=self._given.color_up_id,
            message=message,
            at=workflow.now(),
        )
        try:
            outcome: DecisionOutcome = await workflow.execute_activity(
                names.DECIDE_COLOR_UP,
                order,
                result_type=DecisionOutcome,
                summary=f"decide: {message.decision}",
                start_to_close_timeout=timedelta(seconds=2.2),
                schedule_to_close_timeout=timedelta(seconds=2.2),
                retry_policy=RetryPolicy(maximum_attempts=1),
            )
        except FailureError:
            self._look = True  # a try whose answer was lost may have decided
            raise ApplicationError(_AWAY, type="FactsUnavailable", non_retryable=True) from None
        if outcome.made is None:
            refused = outcome.refused
            sentence, details = (refused.sentence, refused.details) if refused else (_AWAY, {})
            kind = refused.type if refused else "FactsUnavailable"
            raise ApplicationError(sentence, details, type=kind, non_retryable=True)
        self._look = True
        return outcome.made


def _details(standing: ProofStanding, mails: str | None) -> str:
    if standing.decided is not None:
        by = "by the team for the customer" if standing.decided.team_proxy else "by the customer"
        who = "" if standing.decided.decision is Decision.SUPERSEDED else f" {by}"
        what = f"{_WORDS[standing.decided.decision]}{who} at {utc_text(standing.decided.decided_at)}"
        return f"{standing.title}: {what}"
    if standing.sent_at is None:
        return f"{standing.title}: not sent to the customer"
    waiting = f"{decision_of(standing.approvers)} since {utc_text(standing.sent_at)}"
    return f"{standing.title}: waiting for {waiting}" + (f"\n\n{mails}" if mails else "")
