"""Runs of the workflow of a proof; see `errands`. Answers stand in the order in which activities begin."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import pytest
from temporalio.client import Client, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError

from activities import names
from domain.color_ups import ColorUpDecided, ColorUpStatus, Decision
from domain.messages import Actor, Origin
from domain.proof_mails import ProofMailed
from domain.proofs import (
    DECIDE,
    PROOF_WORKFLOW,
    SENT,
    DecideProof,
    DecisionOutcome,
    ProofDecided,
    ProofInput,
    ProofStanding,
    Refused,
)
from domain.statuses import Via
from tests.replay.answers import AWAY, HANGS, Handle, answering, asked, begun, errand, first_run, slept
from tests.workflows.harness import ORG
from tests.workflows.resting import rests

PROOF = ProofInput(org_id=ORG, color_up_id=UUID(int=13))
CLERK = Actor(user_id=UUID(int=8), email="ops@demo.example")
MAILED = ProofMailed(sent=1)
NO_SERVER = ApplicationError("The mail server could not be reached", type="MailNotSent")
REFUSED = DecisionOutcome(refused=Refused(type="TransitionRejected", sentence="It was decided already"))
AT = "2026-11-21T10:00:00Z"


def decided(decision: Decision) -> ColorUpDecided:
    by_team = decision is not Decision.SUPERSEDED
    given = {"color_up_id": PROOF.color_up_id, "decision": decision, "team_proxy": by_team, "decided_at": AT}
    return ColorUpDecided.model_validate({**given, "via": Via.API, "note": "by phone"})


def stands(status: ColorUpStatus, decision: Decision | None = None) -> ProofStanding:
    return ProofStanding.model_validate(
        {
            "title": "Crest on style 14728, colour BLK, version 1",
            "status": status,
            "sent_at": AT,
            "decided": decision and decided(decision),
            "told": 0 if decision is None else 2,
            "approvers": ["Jo Hansen"],
        }
    )


def made(decision: Decision) -> DecisionOutcome:
    return DecisionOutcome(made=ProofDecided(decided=decided(decision)))


WAITS = stands(ColorUpStatus.PENDING)
APPROVED = stands(ColorUpStatus.APPROVED, Decision.APPROVE)
SENT_BACK = stands(ColorUpStatus.RETIRED, Decision.REQUEST_CHANGES)
OVERTAKEN = stands(ColorUpStatus.RETIRED, Decision.SUPERSEDED)


async def decide(handle: Handle, decision: Decision = Decision.APPROVE) -> None:
    message = DecideProof.model_validate(
        {
            "org_id": ORG,
            "decision": decision,
            "note": "by phone",
            "actor": CLERK,
            "origin": Origin(via=Via.API, request_id="r-1"),
            "token": "t",
        }
    )
    await handle.execute_update(DECIDE, message, result_type=ProofDecided)


async def refused(handle: Handle) -> None:
    with pytest.raises(WorkflowUpdateFailedError):
        await decide(handle)


async def waits(client: Client, *, mails: Sequence[Any] = (MAILED,)) -> Handle:
    """With a worker of its own: mailed, or not, and at rest."""
    async with answering(client, WAITS, *mails):
        handle = await begun(client, PROOF_WORKFLOW, PROOF)
        await asked(handle, 1 + len(mails))
        await rests(handle)
    return handle


@errand
async def proof_open(client: Client) -> Handle:
    return await waits(client)


@errand
async def proof_open_between_two_tries_of_its_mail(client: Client) -> Handle:
    handle = await waits(client, mails=(NO_SERVER,))
    await slept(handle, 1)
    return handle


@errand
async def proof_open_when_its_worker_ended(client: Client) -> Handle:
    """In the middle of a mail."""
    async with answering(client, WAITS, HANGS):
        handle = await begun(client, PROOF_WORKFLOW, PROOF)
        await asked(handle, 2)
    return handle


@errand
async def proof_approved(client: Client) -> Handle:
    handle = await waits(client)
    async with answering(client, made(Decision.APPROVE), APPROVED):
        await decide(handle)
        await handle.result()
    return handle


@errand
async def proof_sent_back_after_a_refusal(client: Client) -> Handle:
    handle = await waits(client, mails=(NO_SERVER, MAILED))
    async with answering(client, REFUSED, made(Decision.REQUEST_CHANGES), SENT_BACK):
        await refused(handle)
        await decide(handle, Decision.REQUEST_CHANGES)
        await handle.result()
    return handle


@errand
async def proof_overtaken(client: Client) -> Handle:
    handle = await waits(client)
    async with answering(client, AWAY, OVERTAKEN):
        await handle.signal(SENT)
        await handle.result()
    return handle


@errand
async def proof_decided_while_its_mail_is_not_sent(client: Client) -> Handle:
    """The last look at the mails closes what the log still shows as under way."""
    handle = await waits(client, mails=(NO_SERVER,))
    async with answering(client, made(Decision.APPROVE), APPROVED, ProofMailed()):
        await decide(handle)
        await handle.result()
    return handle


@errand
async def proof_decided_and_the_answer_lost(client: Client) -> Handle:
    handle = await waits(client)
    async with answering(client, AWAY, APPROVED):
        await refused(handle)
        await handle.result()
    return handle


@errand
async def continues_a_proof(client: Client) -> Handle:
    """Its first run, on a server that suggests so early."""
    async with answering(client, **{names.TELL_DECISION: WAITS, names.SEND_PROOF: MAILED}):
        handle = await begun(client, PROOF_WORKFLOW, PROOF)
        first = (await handle.describe()).run_id
        while (await handle.describe()).run_id == first:
            await rests(handle)
            await handle.signal(SENT)
        await rests(handle)
    async with answering(client, made(Decision.APPROVE), APPROVED):
        await decide(handle)
        await handle.result()
    return first_run(client, handle)
