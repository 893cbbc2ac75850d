"""The ERP's side: a process that takes every finished file away at once and writes down what it saw.

`python -m tests.faults.erp <folder> <taken> <ledger>`: one JSON line a file. It imports nothing of the
product: what it counts owes nothing to what it checks.
"""

import hashlib
import json
import os
import sys
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

PREFIX, SUFFIX = "sales_order_", ".json"
_EVERY_S = 0.001
_DRAFT_ID_LENGTH = 36


@dataclass(frozen=True)
class Taken:
    """One file as the ERP got it; `whole` is False when it was no JSON document of one order."""

    name: str
    sha256: str
    whole: bool

    @property
    def draft_id(self) -> str:
        return self.name.removeprefix(PREFIX)[:_DRAFT_ID_LENGTH]


def take(folder: Path, taken: Path, ledger: Path) -> None:
    """Until killed. The rename is what takes: a file that comes again under the same name is another line."""
    count = 0
    with ledger.open("a") as lines:
        while True:
            with os.scandir(folder) as entries:
                names = [entry.name for entry in entries if entry.name.endswith(SUFFIX)]
            for name in names:
                count += 1
                own = taken / f"{count:06d}_{name}"
                (folder / name).rename(own)
                content = own.read_bytes()
                line = {"name": name, "sha256": hashlib.sha256(content).hexdigest(), "whole": _whole(content)}
                lines.write(json.dumps(line) + "\n")
                lines.flush()
            time.sleep(_EVERY_S)


def _whole(content: bytes) -> bool:
    try:
        return "draft_order_id" in json.loads(content)
    except ValueError:
        return False


def by_draft(ledger: Path) -> dict[str, list[Taken]]:
    """Everything taken so far."""
    found: dict[str, list[Taken]] = defaultdict(list)
    for line in ledger.read_text().splitlines():
        one = Taken(**json.loads(line))
        found[one.draft_id].append(one)
    return found


if __name__ == "__main__":
    take(*(Path(word) for word in sys.argv[1:4]))
