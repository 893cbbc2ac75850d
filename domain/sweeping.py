"""Which temporary files, old keys and told notices may be swept away, and what a sweep reports.

A try that died leaves its upload under a temporary name. Only names of our own pattern count, only of drafts
of the org whose connection is swept, only when they are old, and never those of an export under way.
"""

import re
from datetime import datetime, timedelta
from uuid import UUID

from pydantic import BaseModel

SWEEP_WORKFLOW = "SweepWorkflow"
# How long a request under an Idempotency-Key can be repeated; a caller is promised a day.
KEYS_KEPT = timedelta(days=7)
# Told ones, for whoever asks why a line moved; an untold one stays until it is told.
NOTICES_KEPT = timedelta(days=30)

_TEMPORARY = re.compile(
    r"(?P<file>sales_order_(?P<draft>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})_\d{8}T\d{6}Z_[0-9a-f]{8}\.json)"
    r"\.[0-9a-f]{16}\.tmp"
)


class Leftover(BaseModel):
    """A temporary file of ours, as the folder lists it. `modified_at` is the server's clock."""

    name: str
    file_name: str  # the final name it was to get
    draft_id: UUID
    modified_at: datetime

    def is_older_than(self, age_s: int, now: datetime) -> bool:
        return now - self.modified_at > timedelta(seconds=age_s)


def leftover(name: str, modified_at: datetime) -> Leftover | None:
    """The file as ours, or None for any other name."""
    ours = _TEMPORARY.fullmatch(name)
    if ours is None:
        return None
    return Leftover(name=name, file_name=ours["file"], draft_id=UUID(ours["draft"]), modified_at=modified_at)


class Swept(BaseModel):
    """One connection's sweep. `kept` are old files of exports under way, or of no draft of this org."""

    org: str
    connection_id: UUID
    removed: int = 0
    kept: int = 0
    young: int = 0
    error: str | None = None

    @property
    def says_something(self) -> bool:
        return bool(self.removed or self.kept or self.error)
