"""The faults of the dropzone's side: its server, the way to it, its disk."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import cycle, islice

from tests.connectors.proxy import Mode, tcp_proxy
from tests.connectors.servers import PROFILES
from tests.faults.account import settle
from tests.faults.ground import Ground
from tests.faults.points import LINKING, RENAMED, Arm
from tests.faults.scenario import NotRun, Strike, Trial

_PASSAGES = (2, 1, 4, 1)
# A server needs no more for a rename: about a third of these kills meet it before, in and after the step.
_WITHIN_S = 0.0003


@asynccontextmanager
async def _served_by(ground: Ground, profile: str) -> AsyncIterator[None]:
    """An armed server of that profile in the place of the stack's own: same port, same folder, same key."""
    if profile != LINKING and not PROFILES[profile].available:
        raise NotRun("OpenSSH's sftp-server is not installed")
    renamed = ground.stack.var / "renamed"
    renamed.mkdir(exist_ok=True)
    await ground.stack.stop("sftp")
    ground.server.options = ["--profile", profile]
    ground.server.environment = {RENAMED: str(renamed)}
    await ground.server.start()
    await ground.connect()
    try:
        yield
    finally:
        await ground.server.stop()
        await ground.stack.start("sftp")
        await ground.connect()


def on(profile: str, strike: Strike) -> Strike:
    """`strike`, with a dropzone of that profile until every draft is finished."""

    async def on_it(trial: Trial) -> None:
        async with _served_by(trial.ground, profile):
            await strike(trial)
            await settle(trial.ground, trial.crowd.lives, trial.plan.patience_s)

    return on_it


def server_dies(points: Sequence[str]) -> Strike:
    """The server is killed at each of `points` in turn; the next process is armed for the next one."""

    async def strike(trial: Trial) -> None:
        lives: list[Sequence[Arm]] = []
        turns = zip(cycle(points), cycle(_PASSAGES), strict=False)
        for point, passage in islice(turns, trial.plan.strikes):
            late_s = trial.random.uniform(0, _WITHIN_S) if point == "in rename" else 0
            lives.append([Arm(point, passage, for_s=late_s)])
        trial.ground.server.arm(lives)
        await trial.crowd.bring(trial.plan.pushes)

    return strike


async def replies_are_lost(trial: Trial) -> None:
    """Every second rename's reply: the connection is cut instead, or stays open and silent, in turn."""
    ground = trial.ground
    ways = cycle((Mode.CUT, Mode.PASS, Mode.SWALLOW, Mode.PASS))

    def reply(port: int) -> Mode:
        try:
            (ground.stack.var / "renamed" / str(port)).unlink()
        except FileNotFoundError:
            return Mode.PASS
        way = next(ways)
        ground.outages += way is not Mode.PASS
        return way

    async with tcp_proxy(ground.stack.ports.sftp) as proxy:
        await ground.connect(port=proxy.port)
        try:
            proxy.reply = reply
            await trial.crowd.bring(trial.plan.pushes)
            await settle(ground, trial.crowd.lives, trial.plan.patience_s)
        finally:
            proxy.reply = lambda _: Mode.PASS
            await ground.connect(port=ground.stack.ports.sftp)
