"""One child process of the stack, behind its guard."""

import asyncio
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

GUARD = Path(__file__).with_name("guard.py")
ROOT = Path(__file__).parent.parent


@dataclass(slots=True)
class Child:
    """Start, watch, pause and end one process. `pid` is the real child's, not the guard's."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    lock: Path
    end_signal: str = "TERM"
    grace_s: float = 10
    user: str | None = None
    pid: int | None = field(default=None, init=False)
    _guard: asyncio.subprocess.Process | None = field(default=None, init=False)

    async def start(self) -> None:
        options = ["--grace-s", str(self.grace_s), "--signal", self.end_signal, "--lock", str(self.lock)]
        if self.user:
            options += ["--user", self.user]
        with self.log.open("ab") as log:
            self._guard = await asyncio.create_subprocess_exec(
                sys.executable,
                "-I",
                "-S",
                str(GUARD),
                *options,
                "--",
                *self.command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                env=dict(self.environment),
                cwd=ROOT,
                start_new_session=True,  # a Ctrl-C at the terminal reaches the supervisor only
            )
        line = await self._guard.stdout.readline() if self._guard.stdout else b""
        self.pid = int(line) if line.strip() else None

    @property
    def running(self) -> bool:
        return self._guard is not None and self._guard.returncode is None

    async def ended(self) -> int:
        """Wait until the process has ended; its exit status, or 128 + the signal that ended it."""
        if self._guard is None:
            raise RuntimeError(f"{self.name} was never started")
        return await self._guard.wait()

    async def stop(self) -> None:
        """End it in good order (its signal, then SIGKILL after the grace)."""
        if self._guard is None:
            return
        if self._guard.stdin is not None:
            self._guard.stdin.close()
        await self._guard.wait()

    def signal(self, number: signal.Signals) -> None:
        if self.running and self.pid is not None:
            os.kill(self.pid, number)

    def last_lines(self, count: int = 8) -> str:
        """The end of its log, for a message about why it ended."""
        if not self.log.exists():
            return ""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-count:])
