"""What a fault is to the programme: a name, a function that brings it about, and how often."""

import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tests.faults.account import Count, counted, settle
from tests.faults.crowd import Crowd
from tests.faults.ground import Ground
from tests.faults.table import Line


@dataclass(frozen=True)
class Plan:
    """How much of one scenario. `seconds` and `pace` (less is quicker) are for those by the clock."""

    pushes: int = 0
    strikes: int = 1
    clients: int = 20
    seconds: float = 0
    pace: float = 1.0
    patience_s: float = 150


@dataclass(frozen=True)
class Trial:
    """What a fault's function gets: strike, and let `crowd` bring its pushes meanwhile.

    Whoever brings something else counts it into `count`.
    """

    ground: Ground
    crowd: Crowd
    plan: Plan
    random: random.Random
    count: Count


Strike = Callable[[Trial], Awaitable[None]]


@dataclass(frozen=True)
class Scenario:
    """One line of the table. `strike` returns when the pushes are made and everything runs again."""

    name: str
    what: str
    strike: Strike
    full: Plan
    fast: Plan | None  # None: with full counts only
    cannot: str = ""  # see `Line`


class NotRun(Exception):
    """This machine lacks something that the fault needs; says what."""


async def play(ground: Ground, scenario: Scenario, plan: Plan, seed: str) -> Line:
    """Strike, wait until the drafts are finished or patience ends, then count."""
    began = time.monotonic()
    await ground.heal()
    line = Line(scenario.name, wanted=plan.strikes, cannot=scenario.cannot)
    struck, logs = ground.strikes, ground.worker_logs()
    crowd = Crowd(ground, f"{scenario.name}-{seed}", clients=plan.clients, patience_s=plan.patience_s)
    dice, count = random.Random(f"{seed} {scenario.name}"), Count()
    try:
        await scenario.strike(Trial(ground, crowd, plan, dice, count))
    except NotRun as lacking:
        line.not_run = str(lacking)
    drafts = await settle(ground, crowd.lives, plan.patience_s)
    line.struck = ground.strikes - struck
    line.count = await counted(ground, crowd.lives, drafts, logs, count)
    line.took_s = time.monotonic() - began
    return line
