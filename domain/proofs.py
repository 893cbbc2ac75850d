"""Deciding a color-up version: the messages to its workflow, what may be decided, and what the trail says.

A decision is the row's: it is taken once, under a lock on all versions of the key (storage/proofs.py).
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from domain.audit import AuditEntry
from domain.canonical import sha256_hex
from domain.color_ups import ColorUpDecided, ColorUpStatus, Decision
from domain.messages import Actor, Origin
from domain.values import Key, Text

PROOF_WORKFLOW = "ProofApprovalWorkflow"
DECIDE = "decide"
SENT = "sent"
COLOR_UP_ENTITY = "color_up"
NO_COLOR_UP = "There is no such color-up in your organisation"

PROOF_CHANGED = "Something has changed since the proof was looked at; look at it again, then decide"

# A version of the key that the customer has, or has approved: older ones are out of date.
CURRENT = frozenset({ColorUpStatus.PENDING, ColorUpStatus.APPROVED})


def proof_workflow_id(color_up_id: UUID) -> str:
    return f"proof/{color_up_id}"


class ProofInput(BaseModel):
    """First argument of the workflow; everything else is in the rows."""

    org_id: UUID
    color_up_id: UUID


class DecideProof(BaseModel):
    """One decision: by an approver, or by the team as proxy when `approver_id` is null.

    `org_id` is filled in when it is sent: the workflow's id alone does not say whose color-up it is.
    `sheet_sha256` is the hash of what was seen; without it the decision is on what the rows say then.
    `digest` is over the request's body, `token` unique to the request, as in `domain.messages.Message`.
    """

    org_id: UUID | None = None
    decision: Literal[Decision.APPROVE, Decision.REQUEST_CHANGES]
    note: Text | None = None
    actor: Actor = Field(default_factory=Actor)
    approver_id: UUID | None = None
    sheet_sha256: str | None = None
    origin: Origin
    key: Annotated[Key, Field(min_length=1)] | None = None
    digest: Key = ""
    token: Key = ""

    @property
    def team_proxy(self) -> bool:
        return self.approver_id is None

    @property
    def mark(self) -> tuple[str, str]:
        """What the row keeps to know a repeat by: who asked, and the digest of what."""
        return sha256_hex(f"key:{self.key}" if self.key else f"token:{self.token}"), self.digest


class DecisionOrder(BaseModel):
    """What the workflow tells the activity that decides."""

    org_id: UUID
    color_up_id: UUID
    message: DecideProof
    at: datetime


class ProofDecided(BaseModel):
    """The decision as it stands. `repeated`: an earlier request with the same key had made it."""

    decided: ColorUpDecided
    repeated: bool = False


class Refused(BaseModel):
    """`type` names a class of domain.refusals."""

    type: str
    sentence: str
    details: dict[str, Any] = {}


class DecisionOutcome(BaseModel):
    """What the activity that decides answers: one of the two."""

    made: ProofDecided | None = None
    refused: Refused | None = None


class ProofStanding(BaseModel):
    """How a version stands, once everyone who waited for its decision has been told of it."""

    title: str
    status: ColorUpStatus
    sent_at: datetime | None
    decided: ColorUpDecided | None
    told: int  # drafts, by this look
    approvers: list[str] = []  # names of those who may decide, while it waits


class VersionState(BaseModel):
    """What the rules look at."""

    version: int
    status: ColorUpStatus
    decision: Decision | None


def refusal(this: VersionState, others: Sequence[VersionState]) -> str | None:
    """Why nothing can be decided about `this` any more; None when it can. `others`: versions of its key."""
    if this.decision is Decision.APPROVE:
        return "Color-up version already approved"
    if this.decision is Decision.REQUEST_CHANGES:
        return "Color-up version was sent back; make a new version of it"
    newer = max((each.version for each in newer_than(this, others)), default=None)
    if newer is not None:
        known = next(each for each in others if each.version == newer)
        what = "is approved" if known.status is ColorUpStatus.APPROVED else "was sent for approval"
        return f"A newer version ({newer}) {what}"
    if this.decision is Decision.SUPERSEDED:
        return "A newer version took the place of this one"
    return None


def newer_than(this: VersionState, others: Sequence[VersionState]) -> list[VersionState]:
    """Newer versions that the customer has or has approved."""
    return [each for each in others if each.version > this.version and each.status in CURRENT]


def trail(
    org_id: UUID,
    color_up_id: UUID,
    action: str,
    change: tuple[dict[str, Any] | None, dict[str, Any] | None],
    details: dict[str, Any],
    actor: Actor,
    origin: Origin,
    at: datetime,
) -> AuditEntry:
    """One audit row of a color-up; `change` is before and after."""
    return AuditEntry(
        org_id=org_id,
        entity_type=COLOR_UP_ENTITY,
        entity_id=color_up_id,
        action=action,
        actor_user_id=actor.user_id,
        actor_email=actor.email,
        before=change[0],
        after=change[1],
        details=details,
        via=origin.via,
        request_id=origin.request_id,
        ip=origin.ip,
        user_agent=origin.user_agent,
        created_at=at,
    )
