"""What the projection is told: one record per decision, keyed by (draft, sequence)."""

from datetime import datetime
from enum import IntEnum
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from domain.acknowledgements import HeardAck
from domain.audit import AuditEntry
from domain.canonical import digest
from domain.draft import Draft
from domain.messages import CreateDraft
from domain.policy import OrgPolicy
from domain.statuses import LineStatus

# The type of a refusal that says: the draft is about to continue as new, send the same again.
CONTINUES = "DraftContinues"
# The code of an export that was under way when its workflow was replaced.
INTERRUPTED = "DELIVERY_INTERRUPTED"


# How many answers one run hands to the next, and how much of them: Temporal takes 2 MB, the draft included.
KEYS_REMEMBERED = 1000
KEYLESS_REMEMBERED = 300  # a message without a key comes again within its sender's time limit, or never
_BYTES_REMEMBERED = 400_000
MOST_AT_ONCE = 1_900_000  # bytes in one piece: Temporal takes 2 MiB
_BYTES_OF_AN_ACK = 40


class SeenKey(BaseModel):
    """What this draft has answered: to an idempotency key, or without one to a single message's token."""

    command: str
    key: str
    digest: str
    token: str
    sequence: int
    result: dict[str, Any]


def newest(seen: list[SeenKey], count: int, room: int = _BYTES_REMEMBERED) -> list[SeenKey]:
    """The last `count` of them, or fewer when they take more than `room` bytes."""
    kept: list[SeenKey] = []
    room = min(room, _BYTES_REMEMBERED)
    for each in reversed(seen[-count:]):
        room -= len(each.model_dump_json().encode())
        if room < 0:
            break
        kept.append(each)
    return kept[::-1]


def room_for_keys(draft: Draft, heard_acks: list[UUID]) -> int:
    """How many bytes of answers go along with this draft to its next run."""
    return MOST_AT_ONCE - len(draft.model_dump_json().encode()) - _BYTES_OF_AN_ACK * len(heard_acks)


class ReceiptRequest(BaseModel):
    """Asks the rows for a key that the workflow does not carry any more."""

    org_id: UUID
    draft_id: UUID
    command: str
    key: str


class ReceiptFound(BaseModel):
    seen: SeenKey | None = None


class RecordedMove(BaseModel):
    """One step of one line, as its history and the trail keep it. From None: the line is new."""

    model_config = ConfigDict(frozen=True)

    line_id: UUID
    line_no: int
    from_status: LineStatus | None
    to_status: LineStatus
    note: str | None = None
    team_proxy: bool = False
    color_up_id: UUID | None = None


class Record(BaseModel):
    """`sequence` is the draft's version after the decision; `draft` is what the rows must say then.

    `document` is there with the push that made it; it is written before anything is staged.
    """

    org_id: UUID
    draft_id: UUID
    sequence: int
    draft: Draft
    customer_signed: bool
    production_signed: bool
    waiting_for: str | None
    lines_changed: bool
    audit: list[AuditEntry]
    moves: list[RecordedMove] = []
    moved_by: AuditEntry | None = None  # who and when, once for all moves: a thousand copies are too long
    seen: SeenKey | None = None
    exports: list[UUID]  # exports this decision made or changed
    acks: list[HeardAck] = []  # ack files that this decision is the end of
    document: str | None = None
    creation_digest: str | None = None
    run_id: str | None = None  # of the workflow, for people who look it up

    def digest(self) -> str:
        """Tells a repeat of this record from another decision under the same sequence number."""
        said = [entry.model_dump(mode="json") for entry in self.audit]
        moved = [move.model_dump(mode="json") for move in self.moves]
        return digest([*said, self.draft.status.value, *moved])

    def trail(self) -> list[AuditEntry]:
        """Every row of the audit trail that this record writes."""
        return [*self.audit, *(self._moved(move) for move in self.moves if move.from_status is not None)]

    def _moved(self, move: RecordedMove) -> AuditEntry:
        if self.moved_by is None:
            raise AssertionError("a record with moves says who moved")
        details = move.model_dump(mode="json", exclude={"from_status", "to_status"})
        details |= {"from": move.from_status, "to": move.to_status}
        return self.moved_by.model_copy(update={"details": details})


class Carried(BaseModel):
    """All that a draft's workflow knows when nothing is in flight; travels through continue-as-new."""

    draft: Draft
    policy: OrgPolicy
    seen: list[SeenKey]
    older_on_record: bool = False  # more keys were answered than `seen` holds; their rows know them
    heard_acks: list[UUID] = []
    waits_since: datetime | None = None
    replaces: str | None = None  # the run that was given up, when the rows were taken for the truth


class Revision(IntEnum):
    """How a run behaves where versions of this product differ; it keeps what it began with (ADR 0009)."""

    FIRST = 1
    ANSWERS_AT_ONCE = 2  # an update is answered by its decision; an export is staged beside its record
    LINES = 3  # decorated lines are looked up by themselves; few records of long drafts are written at once


class DraftOrderInput(BaseModel):
    """The one argument of a draft's workflow. With `carried`, that says everything."""

    create: CreateDraft
    carried: Carried | None = None
    revision: int = Revision.FIRST  # absent in what older versions started

    @classmethod
    def opening(cls, create: CreateDraft) -> "DraftOrderInput":
        return cls(create=create, revision=max(Revision))

    def continued(self, carried: Carried) -> "DraftOrderInput":
        """For the next run, which has no history yet and so may behave as of today.

        The lines go along once: as they were created nobody reads them any more.
        """
        create = self.create.model_copy(update={"lines": []})
        return self.model_copy(update={"create": create, "carried": carried, "revision": max(Revision)})
