"""A process that starts while Temporal is away: its first calls connect, and fail as any later call would."""

import socket
from collections.abc import Awaitable, Callable
from uuid import uuid4

import pytest

from commands.draft_orders import DraftOrders, TemporalUnavailable
from commands.errands import Errands
from commands.open_drafts import OpenDrafts, Silent
from commands.proofs import Proofs
from config.keys import KeyRing
from config.temporal import connect
from domain.color_ups import Decision
from domain.messages import RELEASE, ApproveMessage, Origin
from domain.proofs import DecideProof
from domain.statuses import Via
from domain.transitions import Command

ORG, DRAFT = uuid4(), uuid4()
DECISION = DecideProof(decision=Decision.APPROVE, origin=Origin(via=Via.API))
Parts = tuple[DraftOrders, Errands, Proofs, OpenDrafts]


@pytest.fixture
async def parts(monkeypatch: pytest.MonkeyPatch) -> Parts:
    """What the API holds, with an address at which nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setenv("TEMPORAL_ADDRESS", f"127.0.0.1:{free.getsockname()[1]}")
    client = await connect(KeyRing("11" * 32), lazy=True)
    given = (client, "no-queue", 0.5)
    return DraftOrders(*given), Errands(*given), Proofs(*given), OpenDrafts(client)


CALLS: dict[str, Callable[[Parts], Awaitable[object]]] = {
    "is asked how it is": lambda on: on[0].ping(),
    "is to start a workflow": lambda on: on[1].release(ORG, DRAFT),
    "is sent an update": lambda on: on[0].send(Command.APPROVE, ORG, DRAFT, ApproveMessage()),
    "is sent a signal": lambda on: on[0].tell(RELEASE, ORG, DRAFT),
    "is asked for a workflow": lambda on: on[1].bulk_runs(DRAFT),
    "is sent an update with its start": lambda on: on[2].decide(ORG, DRAFT, DECISION),
}


@pytest.mark.parametrize("call", CALLS)
async def test_temporal_is_unavailable_when_it_was_away_at_first_and(call: str, parts: Parts) -> None:
    with pytest.raises(TemporalUnavailable):
        await CALLS[call](parts)


async def test_a_draft_is_silent_when_temporal_was_away_at_first(parts: Parts) -> None:
    for question in (parts[3].pulse, parts[3].state):
        with pytest.raises(Silent):
            await question(ORG, DRAFT)
