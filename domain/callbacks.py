"""What customers' systems tell us by signed callbacks, and what becomes of it."""

from enum import StrEnum
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints, model_validator

from domain.values import printable, single_line

CALLBACK_WORKFLOW = "SettleCallbackWorkflow"
CALLBACK_RELAY_WORKFLOW = "RelayCallbacksWorkflow"

Comment = Annotated[str, StringConstraints(max_length=2000, strip_whitespace=True), AfterValidator(printable)]
Address = Annotated[
    str,
    StringConstraints(min_length=1, max_length=254, strip_whitespace=True),
    AfterValidator(printable),
    AfterValidator(single_line),
]


class CallbackOutcome(StrEnum):
    """How a callback ended; every one that was accepted comes to one of these."""

    APPLIED = "applied"
    ALREADY_DECIDED = "already_decided"  # somebody else was first, or a newer version took its place
    NOT_WAITING = "not_waiting"  # the customer was not asked yet
    UNKNOWN_COLOR_UP = "unknown_color_up"
    UNKNOWN_APPROVER = "unknown_approver"


OUTCOME_NOTES = {
    CallbackOutcome.NOT_WAITING: "The color-up was not sent for approval yet",
    CallbackOutcome.UNKNOWN_COLOR_UP: "The organisation has no such color-up",
    CallbackOutcome.UNKNOWN_APPROVER: "The address is not of an active approver of the color-up's customer",
}


class CallbackRefusal(StrEnum):
    """Why a callback was not accepted."""

    UNSIGNED = "unsigned"  # a header is missing or has no such form
    STALE = "stale"  # its timestamp is more than five minutes away
    SIGNATURE = "signature"  # no secret in use made the signature
    BODY = "body"  # well signed, but not what the address takes
    REUSED_ID = "reused_id"  # well signed, but its webhook-id came before with another body


class CustomerApproval(BaseModel):
    """The decision of a customer's approver. `approver_email` names them as we know them."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "color_up_id": "7b0f0d9e-5b1c-4a53-9f59-0f8f4b1c2d3e",
                    "decision": "request_changes",
                    "approver_email": "jo@hansen.example",
                    "comment": "The red is too dark",
                }
            ]
        },
    )

    color_up_id: UUID
    decision: Literal["approve", "request_changes"]
    approver_email: Address
    comment: Comment | None = None

    @model_validator(mode="after")
    def _changes_are_named(self) -> Self:
        if self.decision == "request_changes" and not self.comment:
            raise ValueError("comment: say what to change; request_changes needs it")
        return self


class CallbackOrder(BaseModel):
    """What the workflow is told; what was said, PostgreSQL knows."""

    org_id: UUID
    callback_id: UUID


class CallbackSettled(BaseModel):
    """`outcome` is null when there was nothing to settle."""

    outcome: CallbackOutcome | None = None


class CallbacksRelayed(BaseModel):
    callbacks: int


def callback_workflow_id(callback_id: UUID) -> str:
    return f"callback/{callback_id}"
