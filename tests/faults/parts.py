"""A process that is started again whenever it ends, until told to stop; its deaths are counted."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Sequence
from pathlib import Path

import psutil

from local import processes
from local.child import Child
from local.stack import Stack
from tests.faults import points
from tests.faults.points import Arm

KILLED = 128 + signal.SIGKILL
READY_WITHIN_S = 90
STARTED = b"worker_started"
_LOOK_EVERY_S = 0.05

# The product's commands, with the part of ours that a fuse can kill.
_ARMED = {
    "worker.py": ["-m", "tests.faults.armed_worker"],
    "local.sftp_server": ["tests.faults.armed_sftp"],
}
_ARMED_APP = ("api.app:create_app", "tests.faults.armed_api:create_armed_app")


class Part:
    """One process of `kind` ("worker", "api" or "sftp"), kept running from `start` to `stop`.

    A process that stops itself is continued after `stopped_for_s`. `options` and `environment` are what the
    next process gets on top of its own.
    """

    def __init__(self, stack: Stack, kind: str, name: str | None = None) -> None:
        self.kind = kind
        self.name = name or kind
        self.kills = 0
        self.stops = 0
        self.stopped_for_s = 9.0
        self.standing_still = False
        self.options: list[str] = []
        self.environment: dict[str, str] = {}
        self._stack = stack
        self._arms = stack.var / f"{self.name}.arms"
        self._next: list[Sequence[Arm]] = []
        self._child: Child | None = None
        self._log_began = 0
        self._keeper: asyncio.Task[None] | None = None

    @property
    def running(self) -> bool:
        return self._keeper is not None

    @property
    def holds(self) -> int:
        """How often something was kept waiting in it."""
        held = points.held_by(self._arms)
        return len(held.read_text().splitlines()) if held.exists() else 0

    async def start(self) -> None:
        """Run from now on, if it does not yet; returns when it works."""
        if self._keeper is None:
            await self._launch()
            self._keeper = asyncio.create_task(self._keep())
        async with asyncio.timeout(READY_WITHIN_S):
            await self._ready()

    def arm(self, lives: Sequence[Sequence[Arm]] = ()) -> None:
        """The first of `lives` for the process that runs now, one each for those that replace it."""
        self._next = list(lives[1:])
        points.write(self._arms, lives[0] if lives else ())

    async def _ready(self) -> None:
        if self.kind != "worker":
            await processes.ready(self.kind, self._stack.var, self._stack.ports, self._stack.environment)
            return
        # what the server knows of pollers may be another worker's
        while self._child is None or STARTED not in _after(self._child.log, self._log_began):
            await asyncio.sleep(_LOOK_EVERY_S)

    async def stop(self) -> None:
        if self._keeper is not None:
            self._keeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._keeper
            self._keeper = None
        if self._child is not None:
            self._signal(signal.SIGCONT)
            await self._child.stop()
            self._child = None

    def kill(self) -> None:
        """SIGKILL; it comes back by itself."""
        self._signal(signal.SIGKILL)

    def pause(self) -> None:
        """SIGSTOP; it goes on after `stopped_for_s`."""
        self._signal(signal.SIGSTOP)

    def _signal(self, number: signal.Signals) -> None:
        if self._child is not None:
            with contextlib.suppress(ProcessLookupError):
                self._child.signal(number)

    async def _launch(self) -> None:
        stack = self._stack
        child = processes.child(self.kind, stack.var, stack.ports, stack.environment)
        child.name, child.log = self.name, stack.var / "logs" / f"{self.name}.log"
        words: list[str] = []
        for word in child.command:
            words += _ARMED.get(word, [word.replace(*_ARMED_APP)])
        child.command = words + self.options
        points.write(self._arms, self._next.pop(0) if self._next else ())
        environment = dict(child.environment) | self.environment | {points.ARMS: str(self._arms)}
        if self.name != self.kind:  # a second one cannot have the first one's ports
            environment = {k: v for k, v in environment.items() if not k.startswith("COUNTERSIGN_WORKER_")}
        child.environment = environment
        self._log_began = child.log.stat().st_size if child.log.exists() else 0
        await child.start()
        self._child = child

    async def _keep(self) -> None:
        while True:
            child = self._child
            if child is None:
                return
            ended = asyncio.create_task(child.ended())
            try:
                while not ended.done():
                    await asyncio.wait({ended}, timeout=_LOOK_EVERY_S)
                    if _is_stopped(child.pid):
                        self.stops += 1
                        self.standing_still = True
                        await asyncio.sleep(self.stopped_for_s)
                        self._signal(signal.SIGCONT)
                        self.standing_still = False
                self.kills += ended.result() == KILLED
            finally:
                ended.cancel()
            await self._launch()


def _after(log: Path, began: int) -> bytes:
    with log.open("rb") as file:
        file.seek(began)
        return file.read()


def _is_stopped(pid: int | None) -> bool:
    try:
        return pid is not None and psutil.Process(pid).status() == psutil.STATUS_STOPPED
    except psutil.NoSuchProcess:
        return False


async def kill_tree(stack: Stack, name: str) -> None:
    """SIGKILL a service of the stack with all its children: PostgreSQL's do not die with their parent."""
    pid = stack.pid(name)
    children = psutil.Process(pid).children(recursive=True) if pid is not None else []
    await stack.kill(name)
    for child in children:
        with contextlib.suppress(psutil.NoSuchProcess):
            os.kill(child.pid, signal.SIGKILL)
    await asyncio.to_thread(psutil.wait_procs, children, 10)
