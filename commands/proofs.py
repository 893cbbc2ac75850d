"""Speak to the workflows of proofs, by name: send one on its way, decide it."""

import asyncio
import time
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from temporalio.client import (
    Client,
    WithStartWorkflowOperation,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.common import (
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)
from temporalio.service import RPCError, RPCStatusCode

from commands.draft_orders import ORG_ID, REPEATED, TemporalUnavailable, continues, refuse
from commands.turns import Turns
from domain.proofs import (
    DECIDE,
    PROOF_WORKFLOW,
    SENT,
    DecideProof,
    ProofDecided,
    ProofInput,
    proof_workflow_id,
)

_PAUSE_S = 0.05
# Half of what Temporal takes for one workflow, so that two API processes do not refuse each other.
_AT_ONCE = 5


class Proofs:
    """`answer_within_s` bounds every call, retries included."""

    def __init__(self, client: Client, task_queue: str, answer_within_s: float) -> None:
        self._client = client
        self._task_queue = task_queue
        self._answer_within_s = answer_within_s
        self._turns = Turns(_AT_ONCE)

    async def start(self, org_id: UUID, color_up_id: UUID) -> None:
        """Have the proof's workflow look at its rows: it was sent, or closed. Started when none is open.

        Raises:
            TemporalUnavailable: nobody knows whether it was told; once more does no harm.
        """
        try:
            await self._client.start_workflow(
                PROOF_WORKFLOW,
                ProofInput(org_id=org_id, color_up_id=color_up_id),
                id=proof_workflow_id(color_up_id),
                task_queue=self._task_queue,
                id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
                start_signal=SENT,
                search_attributes=_attributes(org_id),
                rpc_timeout=timedelta(seconds=self._answer_within_s),
            )
        except RPCError as error:
            raise TemporalUnavailable("Temporal did not answer in time") from error

    async def wake(self, org_id: UUID, color_up_id: UUID) -> bool:
        """Have it look unless it is at work: whoever asks regularly would fill its history otherwise.

        What is at work may be telling drafts that cannot be told for long. Whether it was woken.

        Raises:
            TemporalUnavailable
        """
        handle = self._client.get_workflow_handle(proof_workflow_id(color_up_id))
        try:
            found = await handle.describe(rpc_timeout=timedelta(seconds=self._answer_within_s))
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise TemporalUnavailable("Temporal did not answer in time") from error
        else:
            if found.raw_description.pending_activities:
                return False
        await self.start(org_id, color_up_id)
        return True

    async def decide(self, org_id: UUID, color_up_id: UUID, message: DecideProof) -> ProofDecided:
        """Have the proof decided; its row shows it when this returns. Drafts are told afterwards.

        Raises:
            Refusal: nothing can be decided about it any more.
            TemporalUnavailable: no answer in time; it may be decided all the same.
        """
        until = time.monotonic() + self._answer_within_s
        message = message.model_copy(update={"org_id": org_id, "token": message.token or uuid4().hex})
        try:
            async with self._turns.turn(color_up_id, self._answer_within_s):
                return await self._decide(ProofInput(org_id=org_id, color_up_id=color_up_id), message, until)
        except TimeoutError:
            raise TemporalUnavailable("Too many requests for this color-up came at once") from None

    async def _decide(self, proof: ProofInput, message: DecideProof, until: float) -> ProofDecided:
        pause_s = _PAUSE_S
        while True:
            try:
                decided: ProofDecided = await self._client.execute_update_with_start_workflow(
                    DECIDE,
                    message,
                    start_workflow_operation=self._opening(proof),
                    id=f"{DECIDE}:{message.token}",
                    result_type=ProofDecided,
                    rpc_timeout=timedelta(seconds=max(0.05, until - time.monotonic())),
                )
            except WorkflowUpdateFailedError as error:
                # refused without a trace while the proof continues as new: the same again
                if not continues(error.cause) or time.monotonic() + pause_s > until:
                    refuse(error.cause)
            except WorkflowUpdateRPCTimeoutOrCancelledError as error:
                raise TemporalUnavailable("The proof's workflow did not answer in time") from error
            except RPCError as error:
                if error.status not in REPEATED or time.monotonic() + pause_s > until:
                    raise TemporalUnavailable("Temporal did not answer in time") from error
            else:
                return decided
            await asyncio.sleep(pause_s)
            pause_s *= 2

    def _opening(self, proof: ProofInput) -> WithStartWorkflowOperation[Any, Any]:
        """Serves one call only."""
        return WithStartWorkflowOperation(
            PROOF_WORKFLOW,
            proof,
            id=proof_workflow_id(proof.color_up_id),
            task_queue=self._task_queue,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
            search_attributes=_attributes(proof.org_id),
        )


def _attributes(org_id: UUID) -> TypedSearchAttributes:
    return TypedSearchAttributes([SearchAttributePair(ORG_ID, str(org_id))])
