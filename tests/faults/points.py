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
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

ARMS = "FAULT_ARMS"  # the file
RENAMED = "FAULT_RENAMED"  # a folder: see armed_sftp.py
LINKING = "linking"  # the profile of a server whose rename is two steps

# Every step of a push, in the order in which it happens; the object's copy is made beside record and log row.
WORKER_POINTS = {
    "after the decision": "a workflow task has decided; the server has not heard of it",
    "before record": "the record activity has been handed out; nothing is written",
    "after record": "PostgreSQL has the record; the server does not know",
    "before stage": "stage has been handed out; no row in the push log",
    "after log row": "the push log has the try's row; nothing else has happened",
    "after object copy": "the document is in the object store, not in the dropzone",
    "after create": "the temporary file is written, not yet read back",
    "after stage": "staged and read back; the server does not know",
    "before mark": "publish has been handed out; the push log has no mark",
    "in mark": "the mark is written, not committed",
    "before rename": "marked and looked at; not yet renamed",
    "after rename": "the ERP has it; the push log does not say so",
    "after publish": "renamed and noted; the server does not know",
}

# Between a commit and whoever must hear of it: docs/faults.md, "Proofs".
PROOF_POINTS = {
    "before a notice starts": ("api", "the notice is committed and answered; nothing tells it"),
    "after look_again": ("worker", "a draft has heard of a notice; the notice is not marked as told"),
    "after a mail": ("worker", "the mail server has taken a mail; the message log does not say so"),
    "before a callback starts": ("api", "the callback is kept and answered; nothing settles it"),
    "after a callback's decision": ("worker", "the proof is decided; the callback's row does not say so"),
}

# Around a rename that the dropzone's server carries out.
SERVER_POINTS = {
    "before rename": "the request has come; nothing is renamed",
    "in rename": "within the third of a millisecond after the server has begun",
    "after rename": "the file has its final name; the client has not heard of it",
}
HALVED = "between link and unlink"

HOLD = "HOLD"  # no signal: what passes is kept waiting, and goes on even if nobody waits for it any more


@dataclass(frozen=True)
class Arm:
    """Which signal a process gives itself, where, and on which passage.

    `for_s`: so long after the passage; with HOLD, so long is waited.
    """

    point: str
    passage: int = 1
    signal: str = "SIGKILL"
    for_s: float = 0.0


def write(path: Path, arms: Sequence[Arm]) -> None:
    """Arm the process that runs now, or the next one to start; its count begins anew."""
    draft = path.with_suffix(".new")
    draft.write_text(json.dumps([asdict(arm) for arm in arms]))
    draft.rename(path)


class Fuse:
    """Counts passages of each point; `passed` may be called from any thread.

    Arms come from a file, looked at on every passage: a process need not be started again to be armed.
    `children` are ids of processes that die with this one.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.children: set[int] = set()
        self._file = Path(environment[ARMS])
        self._written = 0
        self._arms: dict[tuple[str, int], Arm] = {}
        self._passages: Counter[str] = Counter()
        self._lock = threading.Lock()

    def passed(self, point: str) -> float:
        """Strike if it is time. For how many seconds the caller shall wait before it goes on."""
        with self._lock:
            self._look()
            self._passages[point] += 1
            arm = self._arms.pop((point, self._passages[point]), None)
        if arm is None:
            return 0.0
        if arm.signal == HOLD:
            with held_by(self._file).open("a") as held:
                held.write(f"{point}\n")
            return arm.for_s
        if arm.for_s:
            threading.Timer(arm.for_s, self._strike, (arm.signal,)).start()
        else:
            self._strike(arm.signal)
        return 0.0

    def _strike(self, name: str) -> None:
        number = getattr(signal, name)
        if number == signal.SIGKILL:
            for child in self.children:
                with suppress(ProcessLookupError):
                    os.kill(child, number)
        os.kill(os.getpid(), number)

    def _look(self) -> None:
        written = self._file.stat().st_mtime_ns
        if written == self._written:
            return
        arms = [Arm(**each) for each in json.loads(self._file.read_text())]
        self._arms = {(arm.point, arm.passage): arm for arm in arms}
        self._passages.clear()
        self._written = written


def held_by(arms: Path) -> Path:
    """Where a fuse writes a line for everything that it has kept waiting."""
    return arms.with_suffix(".held")
