"""The embedded stack: seven children behind guards, started in order, restarted when they crash.

Use from tests: `async with Stack(folder) as stack:` then `stack.base_url`, `stack.environment`,
`await stack.kill("worker")`, `await stack.start("worker")`, `stack.pause("postgres")`.
"""

import asyncio
import contextlib
import fcntl
import os
import signal
import time
from collections.abc import Callable, Collection, Coroutine
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import psutil

from local import postgres, processes
from local.child import Child
from local.ports import LOOPBACK, Ports
from local.refusals import Refusal
from local.seed import seed
from storage.migrate import migrate

READY_WITHIN_S = 60
FORMER_STACK_ENDS_WITHIN_S = 40
LONGEST_PAUSE_S = 10.0
STEADY_AFTER_S = 30


def _quiet(_line: str) -> None:
    return


class Stack:
    """The chosen services on `ports`, their state under `var`.

    Args:
        var: the state folder; one stack at a time may use it.
        ports: loopback ports; free ones when left out.
        services: which to run; a part of the stack is enough for many tests.
        restart: start a service again when it ends unasked.
        seeded: write the demo users, customers, products and connection.
        say: gets one line of progress at a time.
        overrides: environment variables that the processes get on top.
    """

    def __init__(
        self,
        var: Path,
        ports: Ports | None = None,
        *,
        services: Collection[str] = processes.SERVICES,
        restart: bool = True,
        seeded: bool = True,
        say: Callable[[str], None] = _quiet,
        overrides: dict[str, str] | None = None,
    ) -> None:
        self.var = var.absolute()
        self.ports = ports or Ports.free()
        self.base_url = f"http://{LOOPBACK}:{self.ports.api}"
        self.temporal_address = f"{LOOPBACK}:{self.ports.temporal}"
        self.environment: dict[str, str] = {}
        self.database_urls = postgres.urls(self.var / "postgres")
        self.host_key_fingerprint = ""
        self._names = tuple(services)
        self._restart, self._seeded, self._say = restart, seeded, say
        self._overrides = overrides or {}
        self._children: dict[str, Child] = {}
        self._watchers: dict[str, asyncio.Task[None]] = {}
        self._lock: IO[str] | None = None

    async def __aenter__(self) -> Self:
        try:
            await self._bring_up()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def start(self, name: str) -> None:
        """Start one service and wait until it works.

        Raises:
            Refusal: when it ends again or isn't ready in time; the text holds the end of its log.
        """
        began = time.monotonic()
        child = processes.child(name, self.var, self.ports, self.environment)
        self._children[name] = child
        await child.start()
        await self._until_ready(child)
        self._say(f"  {name:<9} ready in {time.monotonic() - began:.1f} s")
        if self._restart:
            self._watchers[name] = asyncio.create_task(self._watch(name))

    async def stop(self, name: str) -> None:
        """End one service in good order; it stays down until `start`."""
        self._unwatch(name)
        if name in self._children:
            await self._children[name].stop()

    async def kill(self, name: str) -> None:
        """SIGKILL the real process; it stays down until `start`."""
        self._unwatch(name)
        self._children[name].signal(signal.SIGKILL)
        await self._children[name].ended()

    def pause(self, name: str) -> None:
        """SIGSTOP the service and its children: it keeps its connections and answers nothing."""
        self._signal_tree(name, signal.SIGSTOP)

    def resume(self, name: str) -> None:
        self._signal_tree(name, signal.SIGCONT)

    def _signal_tree(self, name: str, number: signal.Signals) -> None:
        # PostgreSQL's backends answer on although their postmaster is stopped, and are no group of its own
        pid = self.pid(name)
        if pid is None:
            return
        for process in [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(number)

    def pid(self, name: str) -> int | None:
        """The real process of a service, not its guard."""
        return self._children[name].pid

    def runs(self, name: str) -> bool:
        """Whether the service's process is there; a paused one is."""
        return name in self._children and self._children[name].running

    async def close(self) -> None:
        """End everything: the processes that need others first."""
        for name in list(self._watchers):
            self._unwatch(name)
        for group in (("api", "worker", "codec"), ("sftp", "mail", "temporal", "postgres")):
            await asyncio.gather(*(self._children[name].stop() for name in group if name in self._children))
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    async def _bring_up(self) -> None:
        self.var.mkdir(parents=True, exist_ok=True)
        processes.ensure_folders(self.var)
        await self._take_folder()
        wanted = {
            "temporal": ("temporal", "temporal_ui"),
            "sftp": ("sftp",),
            "mail": ("mail",),
            "codec": ("codec",),
            "api": ("api",),
        }
        self.ports.refuse_if_taken(*(p for name in self._names for p in wanted.get(name, ())))
        self.environment = processes.environment(self.var, self.ports) | self._overrides
        self.host_key_fingerprint = processes.ensure_host_key(self.var / "sftp_host_key")
        await _all(
            self._database(), *(self.start(n) for n in ("temporal", "sftp", "mail") if n in self._names)
        )
        await _all(*(self.start(n) for n in ("codec", "worker") if n in self._names))
        if "api" in self._names:
            # Last: whoever waits for /readyz must find a worker, or the first command is 503.
            await self.start("api")

    async def _take_folder(self) -> None:
        self._lock = (self.var / "stack.lock").open("a+")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Refusal(
                f"Another stack already runs on {self.var}; stop it, or choose another folder "
                "with COUNTERSIGN_VAR (and other ports)."
            ) from None
        # The guards of a stack that was killed hold this lock until they have ended their children.
        with (self.var / "guards.lock").open("a+") as guards:
            deadline = time.monotonic() + FORMER_STACK_ENDS_WITHIN_S
            while True:
                try:
                    fcntl.flock(guards, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except OSError:
                    if time.monotonic() > deadline:
                        raise Refusal(f"Processes of an earlier stack still run on {self.var}.") from None
                    await asyncio.sleep(0.1)
                    continue
                return

    async def _database(self) -> None:
        if "postgres" not in self._names:
            return
        if os.geteuid() == 0:
            self._say(
                f"  running as root: PostgreSQL runs as the system user {postgres.SYSTEM_USER}, and the "
                "folders above its data become traversable"
            )
        await asyncio.to_thread(postgres.prepare, self.var / "postgres")
        await self.start("postgres")
        began = time.monotonic()
        await migrate(self.database_urls.owner)
        if self._seeded:
            await seed(self.environment, self.host_key_fingerprint, self.ports.sftp)
        what = "schema and demo data" if self._seeded else "schema"
        self._say(f"  {what} ready in {time.monotonic() - began:.1f} s")

    async def _until_ready(self, child: Child) -> None:
        ready = asyncio.create_task(processes.ready(child.name, self.var, self.ports, self.environment))
        ended = asyncio.create_task(child.ended())
        try:
            await asyncio.wait({ready, ended}, timeout=READY_WITHIN_S, return_when=asyncio.FIRST_COMPLETED)
            if ready.done():
                ready.result()
                return
            why = f"ended with status {ended.result()}" if ended.done() else "did not become ready"
            raise Refusal(f"{child.name} {why}; the end of {child.log}:\n{child.last_lines()}")
        finally:
            ready.cancel()
            ended.cancel()

    async def _watch(self, name: str) -> None:
        pause_s = 0.2
        while True:
            began = time.monotonic()
            status = await self._children[name].ended()
            pause_s = 0.2 if time.monotonic() - began > STEADY_AFTER_S else min(pause_s * 2, LONGEST_PAUSE_S)
            self._say(f"  {name:<9} ended with status {status}; starting it again in {pause_s:.1f} s")
            await asyncio.sleep(pause_s)
            child = processes.child(name, self.var, self.ports, self.environment)
            self._children[name] = child
            await child.start()

    def _unwatch(self, name: str) -> None:
        watcher = self._watchers.pop(name, None)
        if watcher is not None:
            watcher.cancel()


async def _all(*steps: Coroutine[None, None, None]) -> None:
    """Run the steps side by side; the first error cancels the others before it goes on."""
    try:
        async with asyncio.TaskGroup() as group:
            for step in steps:
                group.create_task(step)
    except* Refusal as refusals:
        raise refusals.exceptions[0] from None
