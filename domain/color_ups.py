"""Color-ups, as a draft knows them: where a version stands, and what was decided about it.

Source: domain.md, "Color-up" and "Approval cascade".
"""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from domain.statuses import Via
from domain.values import MAX_LINES, Code, Legible, Name


class ColorUpStatus(StrEnum):
    DRAFT = "Draft"  # nobody was asked yet
    PENDING = "Pending Approval"  # a line waits for the customer's decision
    APPROVED = "Approved"  # at most one version of a key
    RETIRED = "Retired"  # sent back, or replaced by a newer version


class Decision(StrEnum):
    APPROVE = "approve"
    REQUEST_CHANGES = "request_changes"
    SUPERSEDED = "superseded"  # nobody decided: a newer version took its place


class ThreadStop(BaseModel):
    """One stop of the machine and the thread that it takes; the order of a list of them is the sequence."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    stop: int = Field(ge=1, le=MAX_LINES)
    needle: int | None = Field(None, ge=1, le=100)
    thread_code: Code
    thread_name: Name | None = None
    brand: Name | None = None


class ColorUpDecided(BaseModel):
    """A decision on one version, as the row keeps it and the `color_up_decided` signal carries it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    color_up_id: UUID
    decision: Decision
    team_proxy: bool
    by_user_id: UUID | None = None
    by_approver_id: UUID | None = None
    by_email: Legible | None = None
    note: Legible | None = None
    via: Via
    decided_at: datetime
