"""Many operators at work for some minutes: each sends a request, thinks about half a minute, sends the next.

An open loop: a slow answer does not make people ask less, so whatever the stack cannot carry piles up and
shows. Every request opens its own connection: between two of them the server closes an idle one.
"""

import asyncio
import random
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from uuid import UUID, uuid4

import httpx

from bench import cpu
from bench.figures import Figures, p50, quantile
from bench.fill import Say
from bench.ground import Ground
from bench.weights import cpu_share

EVERY_S = 30.0
ANSWERED_WITHIN_S = 60.0
ERRORS_AIM = 0
# Requests in a hundred. Approve and push come in equal numbers: what is approved is pushed some time later.
MIX = {"list": 30, "get one": 38, "edit": 10, "validate": 10, "approve": 6, "push": 6}
PAGES = ("", "?status=READY", "?waiting_for=push", "?q=PO-")


@dataclass
class Office:
    """The drafts that people work on, and how the server answered them."""

    ready: list[UUID]
    approved: list[UUID] = field(default_factory=list)
    times_s: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    conflicts: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)

    def take(self, drafts: list[UUID]) -> UUID:
        """Out of the pile: nobody else starts the same step."""
        place = random.randrange(len(drafts))
        drafts[place], drafts[-1] = drafts[-1], drafts[place]
        return drafts.pop()


def drafts_for(count: int, minutes: float) -> int:
    """So many that half of them are still to be approved at the end."""
    return round(count * (1 + 2 * minutes * 60 / EVERY_S * MIX["approve"] / 100)) + 20


async def measure(
    ground: Ground, figures: Figures, ready: list[UUID], count: int, minutes: float, say: Say
) -> None:
    office = Office(list(ready))
    headers = {"Authorization": ground.ops.headers["Authorization"]}
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
    async with httpx.AsyncClient(
        base_url=ground.stack.base_url,
        trust_env=False,
        timeout=ANSWERED_WITHIN_S,
        limits=limits,
        headers=headers,
    ) as client:
        before, began = cpu.used_s(ground.processes), time.monotonic()
        until = began + minutes * 60
        async with asyncio.timeout(minutes * 60 + 5 * ANSWERED_WITHIN_S), asyncio.TaskGroup() as group:
            group.create_task(_report(office, until, say))
            for number in range(count):
                group.create_task(_operator(client, office, began + EVERY_S * number / count, until))
        took_s = time.monotonic() - began
        shares = cpu_share(before, cpu.used_s(ground.processes), took_s)
    _show(figures, office, count, took_s, shares)


async def _operator(client: httpx.AsyncClient, office: Office, first_at: float, until: float) -> None:
    due = first_at
    while due < until:
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        kind = random.choices(list(MIX), list(MIX.values()))[0]
        await _act(client, office, kind)
        due += EVERY_S * random.uniform(0.7, 1.3)


async def _act(client: httpx.AsyncClient, office: Office, kind: str) -> None:
    if kind == "push" and not office.approved:
        kind = "approve"
    if not office.ready:
        kind = "list"
    began = time.perf_counter()
    try:
        response = await KINDS[kind](client, office)
    except (httpx.HTTPError, TimeoutError) as error:
        office.errors[f"{kind}: {type(error).__name__}"] += 1
        return
    office.times_s[kind].append(time.perf_counter() - began)
    if response.status_code == httpx.codes.CONFLICT:
        # somebody else's edit or push came first: the sentence says which
        office.conflicts[f"{kind}: {response.json().get('detail')}"] += 1
    elif response.is_error:
        office.errors[f"{kind}: {response.status_code} {response.json().get('detail')}"] += 1


async def _list(client: httpx.AsyncClient, _office: Office) -> httpx.Response:
    return await client.get(f"/draft-orders{random.choice(PAGES)}")


async def _get(client: httpx.AsyncClient, office: Office) -> httpx.Response:
    return await client.get(f"/draft-orders/{random.choice(office.ready)}")


async def _edit(client: httpx.AsyncClient, office: Office) -> httpx.Response:
    body = {"notes": f"call before delivery, {uuid4().hex[:8]}"}
    return await client.patch(f"/draft-orders/{random.choice(office.ready)}", json=body)


async def _validate(client: httpx.AsyncClient, office: Office) -> httpx.Response:
    return await client.post(f"/draft-orders/{random.choice(office.ready)}/validate")


async def _approve(client: httpx.AsyncClient, office: Office) -> httpx.Response:
    draft_id = office.take(office.ready)
    response = await client.post(f"/draft-orders/{draft_id}/approve")
    if not response.is_error:
        office.approved.append(draft_id)
    return response


async def _push(client: httpx.AsyncClient, office: Office) -> httpx.Response:
    draft_id = office.take(office.approved)
    headers = {"Idempotency-Key": uuid4().hex}
    return await client.post(f"/draft-orders/{draft_id}/push", headers=headers)


KINDS: dict[str, Callable[[httpx.AsyncClient, Office], Awaitable[httpx.Response]]] = {
    "list": _list,
    "get one": _get,
    "edit": _edit,
    "validate": _validate,
    "approve": _approve,
    "push": _push,
}


async def _report(office: Office, until: float, say: Say) -> None:
    while (left := until - time.monotonic()) > 0:
        await asyncio.sleep(min(30.0, left))
        answered = sum(len(times) for times in office.times_s.values())
        say(f"  {answered:,} answers, {office.errors.total()} errors, {office.conflicts.total()} conflicts")


def _show(figures: Figures, office: Office, count: int, took_s: float, shares: dict[str, float]) -> None:
    answered = sum(len(times) for times in office.times_s.values())
    mix = ", ".join(f"{share} % {name}" for name, share in MIX.items())
    figures.add(
        "operators", "requests answered", answered / took_s, "per s", note=f"{count:,} operators: {mix}"
    )
    for name in MIX:
        times_s = office.times_s.get(name)
        if times_s:
            tail = f"p95 {quantile(times_s, 0.95) * 1000:.0f}, p99 {quantile(times_s, 0.99) * 1000:.0f} ms"
            note = f"{tail}, {len(times_s)} times"
            figures.add("operators", f"{name}, p50", p50(times_s) * 1000, "ms", note=note)
    listed = "; ".join(f"{times} × {what}" for what, times in office.errors.most_common(3))
    figures.add("operators", "errors", office.errors.total(), "", at_most=ERRORS_AIM, note=listed)
    listed = "; ".join(f"{times} × {what}" for what, times in office.conflicts.most_common(3))
    figures.add("operators", "conflicts, explained (409)", office.conflicts.total(), "", note=listed)
    for name, share in shares.items():
        figures.add("operators", f"CPU of {name}", share, "% of a core")
