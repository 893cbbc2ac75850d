"""Where a process can be made to die: named places between two steps, without a line in the product's code.

The tests' own worker and API are built by the product's roots from parts that pass through here; each part
tells where it is. A process that is armed for a point gives itself the signal on the k-th passage, once.
"""

import json
import os
import signal
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

ARMS = "FAULT_ARMS"  # the file

# Every step of a push, in the order in which it happens.
WORKER_POINTS = {
    "after the decision": "a workflow task has decided; the server has not heard of it",
    "before record": "the record activity has been handed out; nothing is written",
    "after record": "PostgreSQL has the record; the server does not know",
    "before stage": "stage has been handed out; no row in the push log",
    "after log row": "the push log has the try's row; nothing else has happened",
    "after object copy": "the document is in the object store, not in the dropzone",
    "after create": "the temporary file is written, not yet read back",
    "after stage": "staged and noted; the server does not know",
    "before mark": "publish has been handed out; the push log has no mark",
    "in mark": "the mark is written, not committed",
    "before rename": "marked and looked at; not yet renamed",
    "after rename": "the ERP has it; the push log does not say so",
    "after publish": "renamed and noted; the server does not know",
}


@dataclass(frozen=True)
class Arm:
    """Which signal a process gives itself, where, and on which passage."""

    point: str
    passage: int = 1
    signal: str = "SIGKILL"


def write(path: Path, arms: Sequence[Arm]) -> None:
    """Arm the process that runs now, or the next one to start; its count begins anew."""
    draft = path.with_suffix(".new")
    draft.write_text(json.dumps([asdict(arm) for arm in arms]))
    draft.rename(path)


class Fuse:
    """Counts passages of each point; `passed` may be called from any thread.

    Arms come from a file, looked at on every passage: a process need not be started again to be armed.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._file = Path(environment[ARMS])
        self._written = 0
        self._signals: dict[tuple[str, int], str] = {}
        self._passages: Counter[str] = Counter()
        self._lock = threading.Lock()

    def passed(self, point: str) -> None:
        with self._lock:
            self._look()
            self._passages[point] += 1
            number = self._signals.pop((point, self._passages[point]), None)
        if number is not None:
            os.kill(os.getpid(), getattr(signal, number))

    def _look(self) -> None:
        written = self._file.stat().st_mtime_ns
        if written == self._written:
            return
        arms = [Arm(**each) for each in json.loads(self._file.read_text())]
        self._signals = {(arm.point, arm.passage): arm.signal for arm in arms}
        self._passages.clear()
        self._written = written
