"""One command on many drafts: never all or nothing, one result for each."""

from enum import StrEnum
from uuid import UUID

from pydantic import BaseModel

from domain.messages import Actor, Origin
from domain.transitions import Command

BULK_WORKFLOW = "BulkCommandWorkflow"
PROGRESS = "progress"


class BulkOutcome(StrEnum):
    DONE = "done"  # the draft took the command; an export that it began goes on by itself
    REFUSED = "refused"  # the draft does not take it now; the message says why
    MAY_HAVE_BEEN_SENT = "may_have_been_sent"  # the ERP may have the order; nobody confirmed a second one
    FAILED = "failed"  # the draft's workflow has ended or did not answer


class BulkOrder(BaseModel):
    """What the workflow is told; which drafts, PostgreSQL knows."""

    org_id: UUID
    bulk_id: UUID
    command: Command
    actor: Actor
    origin: Origin
    confirm_may_duplicate: bool = False

    @property
    def key(self) -> str:
        """One for all tries of one draft: whatever is repeated, it gets one export."""
        return f"bulk:{self.bulk_id}"


class BulkProgress(BaseModel):
    total: int = 0
    left: int = 0
    outcomes: dict[BulkOutcome, int] = {}

    @property
    def sentence(self) -> str:
        counts = ", ".join(f"{number} {outcome}" for outcome, number in sorted(self.outcomes.items()))
        return f"{self.total - self.left} of {self.total} drafts" + (f": {counts}" if counts else "")


def bulk_workflow_id(bulk_id: UUID) -> str:
    return f"bulk/{bulk_id}"
