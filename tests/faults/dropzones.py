"""The faults of the dropzone's side: its server, the way to it, its disk."""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from itertools import cycle, islice
from pathlib import Path

from tests.connectors.proxy import Mode, tcp_proxy
from tests.connectors.servers import PROFILES
from tests.faults.account import settle
from tests.faults.ground import ORG, Ground
from tests.faults.points import HOLD, LINKING, RENAMED, Arm
from tests.faults.scenario import NotRun, Strike, Trial

_PASSAGES = (2, 1, 4, 1)
# A server needs no more for a rename: about a third of these kills meet it before, in and after the step.
_WITHIN_S = 0.0003
_ROOM_BYTES = 4 * 1024 * 1024


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


async def renames_are_late(trial: Trial) -> None:
    """The server keeps each of the first renames waiting, shorter or longer than the delivery window, and
    then carries it out although its client may have given up."""
    holds = [
        Arm("before rename", number + 1, HOLD, trial.random.uniform(1.0, 5.0))
        for number in range(trial.plan.strikes)
    ]
    trial.ground.server.arm([holds])
    await trial.crowd.bring(trial.plan.pushes)


def on_a_full_disk(profile: str) -> Strike:
    """The server's disk fills up at a random moment and gets room again, while pushes go on."""

    async def strike(trial: Trial) -> None:
        ground, plan = trial.ground, trial.plan
        filler = ground.stack.var / "dropzone" / ORG / "filler"
        for _ in range(plan.strikes):
            crowd = asyncio.create_task(trial.crowd.bring(plan.pushes // plan.strikes))
            await asyncio.sleep(trial.random.uniform(0, 0.5))
            _fill(filler)
            ground.outages += 1
            await asyncio.sleep(trial.random.uniform(0.5, 2.5))
            filler.unlink()
            await crowd

    async def on_it(trial: Trial) -> None:
        with _small_disk(trial.ground):
            await on(profile, strike)(trial)

    return on_it


@contextmanager
def _small_disk(ground: Ground) -> Iterator[None]:
    """The dropzone on a file system of its own, which appears whole and in one step."""
    disk, dropzone = ground.stack.var / "disk", ground.stack.var / "dropzone" / ORG
    disk.mkdir(exist_ok=True)
    try:
        _run("mount", "-t", "tmpfs", "-o", f"size={_ROOM_BYTES}", "tmpfs", str(disk))
    except (OSError, subprocess.CalledProcessError):
        raise NotRun("a small disk cannot be mounted without the right to") from None
    try:
        for name in ("orders", "acks", "taken"):
            (disk / name).mkdir()
        _run("mount", "--bind", str(disk), str(dropzone))
        try:
            yield
        finally:
            _run("umount", "-l", str(dropzone))
    finally:
        _run("umount", "-l", str(disk))


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


def _fill(filler: Path) -> None:
    """Until not a byte more fits."""
    with filler.open("ab", buffering=0) as stream, suppress(OSError):
        while stream.write(b"x" * 4096):
            pass


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
