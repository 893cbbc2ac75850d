"""Runs of the workflows that hear from customers and write to them; see `errands`."""

from uuid import UUID

from temporalio.client import Client
from temporalio.exceptions import ApplicationError

from domain.callbacks import (
    CALLBACK_RELAY_WORKFLOW,
    CALLBACK_WORKFLOW,
    CallbackOrder,
    CallbackOutcome,
    CallbackSettled,
    CallbacksRelayed,
)
from domain.proof_mails import LINK_RENEWAL_WORKFLOW, LinkRenewal, ProofMailed
from tests.replay.answers import AWAY, HANGS, Handle, errand, run
from tests.workflows.harness import ORG

CALLBACK = CallbackOrder(org_id=ORG, callback_id=UUID(int=11))
RENEWAL = LinkRenewal(org_id=ORG, link_id=UUID(int=12))


@errand
async def callback_applied(client: Client) -> Handle:
    return await run(
        client, CALLBACK_WORKFLOW, CALLBACK, AWAY, CallbackSettled(outcome=CallbackOutcome.APPLIED)
    )


@errand
async def callback_open(client: Client) -> Handle:
    return await run(client, CALLBACK_WORKFLOW, CALLBACK, HANGS)


@errand
async def callback_relay_set_two_going(client: Client) -> Handle:
    return await run(client, CALLBACK_RELAY_WORKFLOW, None, CallbacksRelayed(callbacks=2))


@errand
async def callback_relay_given_up(client: Client) -> Handle:
    """The schedule's next run is its next try."""
    return await run(client, CALLBACK_RELAY_WORKFLOW, None, AWAY, AWAY, AWAY)


@errand
async def callback_relay_open(client: Client) -> Handle:
    return await run(client, CALLBACK_RELAY_WORKFLOW, None, HANGS)


@errand
async def link_renewed(client: Client) -> Handle:
    gone = ApplicationError("The mail server could not be reached", type="MailNotSent")
    return await run(client, LINK_RENEWAL_WORKFLOW, RENEWAL, gone, ProofMailed(sent=1))


@errand
async def link_renewal_refused(client: Client) -> Handle:
    refused = ApplicationError("There is no such link", type="LinkGone", non_retryable=True)
    return await run(client, LINK_RENEWAL_WORKFLOW, RENEWAL, refused)


@errand
async def link_renewal_open(client: Client) -> Handle:
    return await run(client, LINK_RENEWAL_WORKFLOW, RENEWAL, HANGS)
