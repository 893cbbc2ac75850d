"""One client at a time: approve against the yardstick and against itself without one part; push to file.

Everything that is compared is measured in turns, so that a busy minute of the machine hits all alike.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

from bench import raw
from bench.dropzone import Reader
from bench.figures import Figures, p50
from bench.ground import ACTOR, ORG_ID, ORIGIN, Ground, answered, command
from bench.histories import push_parts, task_parts
from domain import messages as msg
from domain.decisions import decide
from domain.messages import draft_workflow_id
from domain.policy import OrgPolicy
from domain.records import Record
from domain.situation import Situation
from domain.statuses import DraftStatus
from domain.transitions import Command
from storage import projection
from workflows.ledger import Ledger

APPROVE_AIM = 2.0
PUSH_AIM_MS = 60
SETTLE_S = 0.04
SAMPLED = 20

Probe = Callable[[int], Awaitable[object]]


@dataclass
class Turns:
    """Times in seconds of each probe, taken in turns in an order that changes every round."""

    times_s: dict[str, list[float]] = field(default_factory=dict)
    began_at: dict[str, list[datetime]] = field(default_factory=dict)

    async def take(self, probes: dict[str, Probe], rounds: int, warm_up: int) -> None:
        self.times_s = {name: [] for name in probes}
        self.began_at = {name: [] for name in probes}
        order = list(probes)
        for number in range(rounds + warm_up):
            random.shuffle(order)
            for name in order:
                at, began = datetime.now(UTC), time.perf_counter()
                await probes[name](number)
                took = time.perf_counter() - began
                if number >= warm_up:
                    self.times_s[name].append(took)
                    self.began_at[name].append(at)


async def approve(ground: Ground, figures: Figures, rounds: int, warm_up: int) -> None:
    count = rounds + warm_up
    variants = ("no-record", "no-upsert", "no-sandbox")
    http, sent = await ground.ready(count), await ground.ready(count)
    others = {variant: await ground.ready(count, variant) for variant in variants}
    raw_runs = await ground.raw_runs(count)
    records = [await _approval_record(ground) for _ in range(count)]

    def send(drafts: list[UUID], variant: str | None) -> Probe:
        orders = ground.drafts(variant)
        return lambda n: orders.send(Command.APPROVE, ORG_ID, drafts[n], command(msg.ApproveMessage))

    probes: dict[str, Probe] = {
        "http": lambda n: answered(ground.ops.post(f"/draft-orders/{http[n]}/approve")),
        "raw": lambda n: raw_runs[n].execute_update(raw.RawUpdates.one_local_activity, ""),
        "raw nothing": lambda n: raw_runs[n].execute_update(raw.RawUpdates.nothing, ""),
        "sent": send(sent, None),
        **{variant: send(others[variant], variant) for variant in variants},
        "livez": lambda _: answered(ground.ops.get("/livez")),
        "me": lambda _: answered(ground.ops.get("/me")),
        "authenticate": lambda _: ground.database.call(
            "SELECT * FROM authenticate(:org, :user)", {"org": ORG_ID, "user": ACTOR.user_id}
        ),
        "record": lambda n: projection.record(ground.database, [records[n]]),
    }
    turns = Turns()
    await turns.take(probes, rounds, warm_up)
    times = turns.times_s
    ratio = p50(times["http"]) / p50(times["raw"])
    figures.add(
        "approve",
        "approve / raw update, medians",
        ratio,
        "×",
        at_most=APPROVE_AIM,
        note=f"{rounds} in turns each",
    )
    figures.times("approve", "approve through HTTP", times["http"])
    figures.times(
        "approve", "raw update with one local activity", times["raw"], note="same server, own worker"
    )
    figures.times("approve", "raw update alone", times["raw nothing"])
    _parts(figures, times)
    ids = [draft_workflow_id(ORG_ID, each) for each in http[warm_up:]]
    began, took = turns.began_at["http"], times["http"]
    step = max(1, rounds // SAMPLED)
    parts = [await task_parts(ground.client, ids[n], began[n], took[n]) for n in range(0, rounds, step)]
    for name in parts[0]:
        value = p50([part[name] for part in parts]) * 1000
        figures.add("approve_parts", f"stamps: {name}", value, "ms", note="history's time stamps, median")


def _parts(figures: Figures, times: dict[str, list[float]]) -> None:
    """Differences of medians: noisy below half a millisecond, and they may come out negative."""
    middle = {name: p50(values) * 1000 for name, values in times.items()}

    def part(name: str, value: float, note: str) -> None:
        figures.add("approve_parts", name, value, "ms", note=note)

    part(
        "HTTP, token, request and answer", middle["http"] - middle["sent"], "HTTP less the same sent directly"
    )
    part("  of it: an empty request", middle["livez"], "GET /livez")
    part("  of it: who is asking", middle["me"] - middle["livez"], "GET /me less GET /livez")
    part("  the authenticate statement alone", middle["authenticate"], "called from here")
    part("the update, decided and recorded", middle["sent"], "sent directly, no HTTP")
    part("  of it: Temporal's round trip", middle["raw nothing"], "raw update alone")
    part("  of it: a local activity", middle["raw"] - middle["raw nothing"], "raw with, less without")
    part(
        "  of it: writing the record",
        middle["sent"] - middle["no-record"],
        "less a worker that writes nothing",
    )
    part("  the record_draft statement alone", middle["record"], "called from here, payload included")
    part(
        "  of it: search attributes", middle["sent"] - middle["no-upsert"], "less a worker that never upserts"
    )
    part("  of it: the workflow sandbox", middle["sent"] - middle["no-sandbox"], "less an unsandboxed worker")


async def _approval_record(ground: Ground) -> Record:
    """What approve gives to PostgreSQL, for a draft that only PostgreSQL knows."""
    create, at = await ground.creation(uuid4()), datetime.now(UTC)
    ledger = Ledger.opened(create, at, "bench")
    await projection.record(ground.database, list(ledger.outbox))
    ledger.draft = ledger.draft.model_copy(update={"status": DraftStatus.READY})
    message = msg.ApproveMessage(actor=ACTOR, origin=ORIGIN)
    happened = decide(Command.APPROVE, message, Situation(ledger.draft, at, OrgPolicy()))
    ledger.apply(happened, at, ACTOR, ORIGIN)
    return ledger.outbox[-1]


async def push(
    ground: Ground, figures: Figures, what: str, folder: Path, rounds: int, *, aim: bool, parts: bool = False
) -> None:
    """From sending the request to the first look that shows the file under its final name."""
    warm_up = 3
    drafts = await ground.approved(rounds + warm_up)
    visible_s, answered_s, taken = [], [], []
    async with Reader(folder) as reader:
        for number, draft_id in enumerate(drafts):
            seen = reader.expect(draft_id)
            at, began = datetime.now(UTC), time.perf_counter()
            await answered(ground.ops.post(f"/draft-orders/{draft_id}/push"))
            answer_s = time.perf_counter() - began
            async with asyncio.timeout(30):
                file_s = await seen - began
            await asyncio.sleep(
                SETTLE_S
            )  # the draft records that it was sent; the next one starts on a calm stack
            if number >= warm_up:
                visible_s.append(file_s)
                answered_s.append(answer_s)
                taken.append((draft_id, at))
    figures.times("push", f"{what}: file visible", visible_s, at_most=PUSH_AIM_MS if aim else None)
    figures.add(
        "push", f"{what}: answered, p50", p50(answered_s) * 1000, "ms", note="recorded, delivery under way"
    )
    if not parts:
        return
    found = [
        await push_parts(ground.client, draft_workflow_id(ORG_ID, draft_id), at)
        for draft_id, at in taken[:: max(1, rounds // SAMPLED)]
    ]
    for name in found[0]:
        value = p50([each[name] for each in found]) * 1000
        figures.add("push_parts", name, value, "ms", note="history's time stamps, median")
