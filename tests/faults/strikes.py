"""The faults: each function brings one about while a crowd brings its pushes."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from itertools import cycle, islice

from tests.faults.account import settle
from tests.faults.parts import Part
from tests.faults.points import PROOF_POINTS, WORKER_POINTS, Arm
from tests.faults.proof_lives import ProofLives
from tests.faults.scenario import Strike, Trial

# On which passage each next process dies: at once, among the first, or in the middle of a crowd.
_PASSAGES = (3, 1, 6, 2, 4)
# A try is lost after six seconds without a heartbeat; the next begins a second later, and waits a second and
# a half for a row that the lost one may hold. After ten seconds PostgreSQL ends an idle transaction.
STOPPED_FOR_S = (7.8, 9.0, 12.0)


def worker_dies(point: str) -> Strike:
    """The worker is killed at `point`; the next one is armed for the same, until all have died."""

    async def strike(trial: Trial) -> None:
        arms = [(Arm(point, passage),) for passage in islice(cycle(_PASSAGES), trial.plan.strikes)]
        trial.ground.worker.arm(arms)
        await trial.crowd.bring(trial.plan.pushes)

    return strike


def worker_dies_at_each(points: Sequence[str]) -> Strike:
    """The worker is killed at each of `points` in turn."""

    async def strike(trial: Trial) -> None:
        turns = zip(cycle(points), cycle((1, 2, 1, 3)), strict=False)
        trial.ground.worker.arm([(Arm(*turn),) for turn in islice(turns, trial.plan.strikes)])
        await trial.crowd.bring(trial.plan.pushes)

    return strike


def worker_stands_still(points: Sequence[str], *, settled: bool = False) -> Strike:
    """A worker stops at a point, a second one takes over, then the first goes on where it was.

    `settled`: what failed is pushed again at once, while the first one still stands.
    """

    async def strike(trial: Trial) -> None:
        ground, plan = trial.ground, trial.plan
        await ground.second.start()
        for number, point in enumerate(islice(cycle(points), plan.strikes)):
            stops = ground.worker.stops
            ground.worker.stopped_for_s = STOPPED_FOR_S[number // len(points) % len(STOPPED_FOR_S)]
            ground.worker.arm([(Arm(point, 1 + number % 4, "SIGSTOP"),)])
            for _ in range(3):  # the second worker may have been quicker
                await trial.crowd.bring(plan.pushes // plan.strikes)
                if settled:
                    await settle(ground, trial.crowd.lives, plan.patience_s)
                if ground.worker.stops > stops:
                    break
            await _gone_on(ground.worker)

    return strike


def within(window_s: int, strike: Strike) -> Strike:
    """`strike`, with so short a delivery window that exports are given up while tries are under way."""

    async def hurried(trial: Trial) -> None:
        ground = trial.ground
        workers = ground.worker, ground.second
        try:
            for worker in workers:
                await worker.stop()
                worker.environment = {"COUNTERSIGN_DELIVERY_WINDOW_S": str(window_s)}
            await asyncio.gather(*(worker.start() for worker in workers))
            await strike(trial)
            await settle(ground, trial.crowd.lives, trial.plan.patience_s)
        finally:
            for worker in workers:
                await worker.stop()
                worker.environment = {}
        await ground.worker.start()

    return hurried


def api_dies(point: str) -> Strike:
    async def strike(trial: Trial) -> None:
        arms = [(Arm(point, passage),) for passage in islice(cycle((2, 1, 3, 1)), trial.plan.strikes)]
        trial.ground.api.arm(arms)
        await trial.crowd.bring(trial.plan.pushes)

    return strike


def one_dies_a_batch(*points: str) -> Strike:
    """Proofs before their customers, in batches; in each one process dies, at one of `points` in turn.

    One, so that no mail is cut off twice.
    """

    async def strike(trial: Trial) -> None:
        ground, plan = trial.ground, trial.plan
        proofs = ProofLives(ground, plan.patience_s)
        for number, point in enumerate(islice(cycle(points), plan.strikes)):
            part = ground.api if PROOF_POINTS[point][0] == "api" else ground.worker
            part.arm([(Arm(point, 1 + number // len(points) % 3),)])
            await proofs.bring(plan.pushes // plan.strikes, plan.clients)
        await proofs.count(trial.count)

    return strike


def service_dies(name: str) -> Strike:
    """SIGKILL of a whole service under load; it is back with its data a moment later."""

    async def strike(trial: Trial) -> None:
        plan = trial.plan
        for _ in range(plan.strikes):
            crowd = asyncio.create_task(trial.crowd.bring(plan.pushes // plan.strikes))
            await asyncio.sleep(trial.random.uniform(0.2, 2.0))
            await trial.ground.kill_service(name, trial.random.uniform(0, 1.5))
            await crowd

    return strike


async def storm(trial: Trial) -> None:
    """Everything at random for `plan.seconds`: each plague has its own clock, so that outages overlap."""
    ground, points = trial.ground, list(WORKER_POINTS)
    ground.worker.stopped_for_s = ground.second.stopped_for_s = max(STOPPED_FOR_S)
    await ground.second.start()
    end = time.monotonic() + trial.plan.seconds

    async def worker() -> None:
        ground.worker.arm([(Arm(trial.random.choice(points), trial.random.randint(1, 4)),)])

    async def pause() -> None:
        ground.second.pause()

    async def api() -> None:
        ground.api.kill()

    def service(name: str) -> Callable[[], Awaitable[None]]:
        return lambda: ground.kill_service(name, trial.random.uniform(0, 3))

    async def plague(strike: Callable[[], Awaitable[None]], every_s: float) -> None:
        while True:
            pause_s = trial.random.uniform(0.5, 1.5) * every_s * trial.plan.pace
            if time.monotonic() + pause_s > end:
                return
            await asyncio.sleep(pause_s)
            await strike()

    async with asyncio.TaskGroup() as group:
        group.create_task(trial.crowd.bring_while(lambda: time.monotonic() < end))
        group.create_task(plague(worker, 12))
        group.create_task(plague(pause, 35))
        group.create_task(plague(api, 15))
        group.create_task(plague(service("sftp"), 25))
        group.create_task(plague(service("postgres"), 40))
        group.create_task(plague(service("temporal"), 50))


async def _gone_on(part: Part) -> None:
    while part.standing_still:
        await asyncio.sleep(0.05)
