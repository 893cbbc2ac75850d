"""The ERP's side of a dropzone: sees a finished file within a millisecond, and takes it away."""

import asyncio
import os
import time
from pathlib import Path
from types import TracebackType
from typing import Self
from uuid import UUID

_EVERY_S = 0.001
_PREFIX = "sales_order_"


class Reader:
    """Looks into one folder while it is entered; `seen` tells when a draft's file was first visible."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._waiting: dict[str, asyncio.Future[float]] = {}
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._look())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._task is not None:
            self._task.cancel()

    def expect(self, draft_id: UUID) -> asyncio.Future[float]:
        """Resolves to the `time.perf_counter()` of the first look that showed the file."""
        future = asyncio.get_running_loop().create_future()
        self._waiting[str(draft_id)] = future
        return future

    async def _look(self) -> None:
        while True:
            with os.scandir(self._folder) as entries:
                names = [entry.name for entry in entries if entry.name.endswith(".json")]
            now = time.perf_counter()
            for name in names:
                waiting = self._waiting.pop(name.removeprefix(_PREFIX)[:36], None)
                if waiting is not None and not waiting.done():
                    waiting.set_result(now)
                (self._folder / name).unlink()
            await asyncio.sleep(_EVERY_S)
