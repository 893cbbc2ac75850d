"""From a request to a draft's workflow and back: the message, the send, and what a closed draft answers."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID, uuid4

from api.caller import Caller
from api.idempotency import REUSED
from api.problems import NotFound, unavailable
from api.rooms import Rooms
from commands.draft_orders import TemporalUnavailable, WorkflowGone
from domain.decisions import admit
from domain.messages import Message, Receipt
from domain.refusals import KeyReused, Refusal
from domain.transitions import Command
from storage.changes import is_recorded
from storage.draft_orders import StoredDraft, get_draft
from storage.projection import seen_key

# A ring may be missed while the listening connection is away: the rows are looked at this often as well.
LOOK_AGAIN_S = 0.25


async def stored_draft(caller: Caller, draft_id: UUID) -> StoredDraft:
    """
    Raises:
        NotFound: the caller's org has no such draft.
    """
    async with caller.transaction() as connection:
        stored = await get_draft(connection, caller.org_id, draft_id, caller.policy.production_gate)
    if stored is None:
        raise NotFound("draft order")
    return stored


async def send(rooms: Rooms, caller: Caller, draft_id: UUID, command: Command, message: Message) -> Receipt:
    """Have the draft decide, and return when the decision is on record; the request's deadline ends the wait.

    The receipt's `token` differs from `message.token` for a repeat.

    Raises:
        Refusal: with the sentence for the caller.
        Problem: 404, or 503 when nobody knows.
    """
    message.actor = caller.actor
    message.origin = caller.origin
    message.policy = caller.policy
    message.token = uuid4().hex
    with counted(rooms, command.value), rooms.bell.watching(draft_id) as watch:
        try:
            receipt = await rooms.drafts.send(command, caller.org_id, draft_id, message)
        except TemporalUnavailable:
            raise unavailable("The draft's workflow") from None
        except WorkflowGone:
            return await _of_closed(rooms, caller, draft_id, command, message)
        # a repeat was recorded long ago: no ring will come for it
        patience_s = LOOK_AGAIN_S if receipt.token == message.token else 0
        while not await watch.reached(receipt.sequence, patience_s):
            if await _is_recorded(caller, draft_id, receipt):
                break
            patience_s = LOOK_AGAIN_S
    return receipt


async def _is_recorded(caller: Caller, draft_id: UUID, receipt: Receipt) -> bool:
    async with caller.transaction() as connection:
        return await is_recorded(connection, caller.org_id, draft_id, receipt.sequence, receipt.digest)


@contextmanager
def counted(rooms: Rooms, command: str) -> Iterator[None]:
    """Count how a command went: ok, the refusal's type, not_found or unavailable."""
    result = "unavailable"  # also when the request's deadline cancels it
    try:
        yield
        result = "ok"
    except Refusal as refused:
        result = type(refused).__name__
        raise
    except NotFound:
        result = "not_found"
        raise
    finally:
        rooms.metrics.commands.labels(command, result).inc()


async def _of_closed(
    rooms: Rooms, caller: Caller, draft_id: UUID, command: Command, message: Message
) -> Receipt:
    """The workflow has ended (or never was): the rows answer, for repeats as for refusals."""
    stored = await stored_draft(caller, draft_id)
    if message.key is not None:
        seen = await seen_key(rooms.database, caller.org_id, draft_id, command.value, message.key)
        if seen is not None:
            if seen["digest"] != message.digest:
                raise KeyReused(REUSED)
            return Receipt(
                command=command, sequence=seen["sequence"], token=seen["token"], result=seen["result"]
            )
    admit(stored.draft, command, message)
    # an open draft without a workflow: `countersign reconcile` reports it
    raise unavailable("The draft's workflow")
