"""Threads for work on folders, which a dead mount may keep for ever.

Not asyncio's: it has a few for the whole process, name resolution included, and waits for them at its end.
Each step gets one of its own that dies with the process; a folder that keeps too many gets no more.
"""

import asyncio
import contextvars
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from domain.transport import TransportCode, TransportError

MOST_HUNG = 4  # of one folder: nobody waits for them any more, and they have not come back
MOST_AT_ONCE = 40  # of one folder: more than a worker's deliveries, polls and tests of it

_SILENT = "The folder does not answer, as a dead mount does: earlier steps still hang in it"

T = TypeVar("T")


class _Step:
    over = False
    hung = False


class FolderThreads:
    """Counts by path, as connections name it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: Counter[str] = Counter()
        self._hung: Counter[str] = Counter()

    async def run(self, path: str, work: Callable[[], T]) -> T:
        """What `work` returns, or raises. Who is cancelled meanwhile leaves its thread behind.

        Raises:
            TransportError: CONNECTION_TIMEOUT when this folder keeps too many threads already.
        """
        step = self._begun(path)
        done: Future[T] = Future()
        done.set_running_or_notify_cancel()  # a thread cannot be cancelled
        context = contextvars.copy_context()

        def in_thread() -> None:
            try:
                result = context.run(work)
            except BaseException as error:  # noqa: BLE001 - whoever waits hears of it
                self._ended(path, step)
                done.set_exception(error)
            else:
                self._ended(path, step)
                done.set_result(result)

        try:
            threading.Thread(target=in_thread, name="folder", daemon=True).start()
        except RuntimeError:
            self._ended(path, step)
            raise TransportError(TransportCode.CONNECTION_TIMEOUT, "no thread could be started") from None
        try:
            return await asyncio.wrap_future(done)
        finally:
            self._left(path, step)

    def _begun(self, path: str) -> _Step:
        with self._lock:
            if self._hung[path] >= MOST_HUNG or self._running[path] >= MOST_AT_ONCE:
                raise TransportError(TransportCode.CONNECTION_TIMEOUT, "earlier steps hang", sentence=_SILENT)
            self._running[path] += 1
        return _Step()

    def _left(self, path: str, step: _Step) -> None:
        with self._lock:
            if not step.over:
                step.hung = True
                self._hung[path] += 1

    def _ended(self, path: str, step: _Step) -> None:
        with self._lock:
            step.over = True
            self._running -= Counter({path: 1})
            if step.hung:
                self._hung -= Counter({path: 1})
