"""Have designs read and drawn, each in a child process with limits of its own.

A few at a time; what was drawn is kept for a while, since the same picture is asked for again and again.
"""

import asyncio
import json
import os
import sys
from base64 import b64encode
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Literal

import structlog

from domain.canonical import sha256_hex
from domain.designs import DesignFacts
from drawings.refusals import DrawingFailed, UnreadableDesign
from drawings.trim_sheets import PaperSize

log = structlog.get_logger(__name__)

REFUSED = 3  # exit code, as in drawings/child.py; that module is not for the API, which would load typst
AT_ONCE = 2
WITHIN_S = 25.0  # with the wait for a turn
KEPT = 100
KEPT_BYTES = 512 * 1024  # larger ones are drawn again


class Studio:
    """One for a process. `command` is for tests."""

    def __init__(self, *, within_s: float = WITHIN_S, command: tuple[str, ...] | None = None) -> None:
        self._turn = asyncio.Semaphore(AT_ONCE)
        self._within_s = within_s
        self._command = command or (sys.executable, "-P", "-m", "drawings.child")
        self._kept: OrderedDict[str, bytes] = OrderedDict()

    async def facts(self, content: bytes) -> DesignFacts:
        """
        Raises:
            UnreadableDesign: with the sentence to refuse the file with.
            DrawingFailed: nothing is known.
        """
        return DesignFacts.model_validate_json(await self._done({"kind": "facts", "design": _text(content)}))

    async def picture(
        self, design: bytes | None, colors: Mapping[int, str], kind: Literal["svg", "png"]
    ) -> bytes:
        """A design file in thread colours (`#rrggbb` by stop), or a placeholder.

        Raises:
            UnreadableDesign, DrawingFailed: as above.
        """
        return await self._done({"kind": kind, "design": _text(design), "colors": dict(colors)})

    async def trim_sheet(
        self,
        sheet: Mapping[str, Any],
        design: bytes | None,
        colors: Mapping[int, str],
        paper: PaperSize,
    ) -> bytes:
        """The sheet as PDF; `sheet` is a dumped `TrimSheet`.

        Raises:
            UnreadableDesign, DrawingFailed: as above.
        """
        job = {"kind": "trim_sheet", "design": _text(design), "colors": dict(colors)}
        return await self._done({**job, "sheet": sheet, "paper": paper})

    async def _done(self, job: dict[str, Any]) -> bytes:
        text = json.dumps(job)
        digest = sha256_hex(text)
        if digest in self._kept:
            self._kept.move_to_end(digest)
            return self._kept[digest]
        try:
            async with asyncio.timeout(self._within_s), self._turn:
                answer = await self._run(text.encode())
        except TimeoutError:
            log.warning("drawing_too_slow", kind=job["kind"])
            raise DrawingFailed("The drawing of the design took too long") from None
        if len(answer) <= KEPT_BYTES:
            self._kept[digest] = answer
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return answer

    async def _run(self, job: bytes) -> bytes:
        child = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=_environment(),
        )
        try:
            answer, _ = await child.communicate(job)
        finally:
            if child.returncode is None:
                child.kill()
                await child.wait()
        if child.returncode == REFUSED:
            raise UnreadableDesign(answer.decode())
        if child.returncode != 0:
            log.warning("drawing_failed", exit_code=child.returncode)
            raise DrawingFailed("The drawing of the design failed")
        return answer


def _environment() -> dict[str, str]:
    """Where Python finds things, and no secret."""
    return {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "LANG") if name in os.environ}


def _text(content: bytes | None) -> str | None:
    return None if content is None else b64encode(content).decode()
