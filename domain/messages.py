"""Messages to a draft's workflow: their names, arguments and answers, and the ids of everything.

`commands/` sends these by name; a test holds every name against a handler of the workflow.
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID, uuid5

from pydantic import BaseModel, ConfigDict, Field

from domain.draft import Header, Line, LineInput
from domain.policy import OrgPolicy
from domain.statuses import LineStatus, Via
from domain.transitions import Command
from domain.values import MAX_LINES, Key, Legible, LineNo, Reason, Text

DRAFT_ORDER_WORKFLOW = "DraftOrderWorkflow"
ACKNOWLEDGE = "acknowledge"
RELEASE = "release"
LOOK_AGAIN = "look_again"
COLOR_UP_DECIDED = "color_up_decided"
PHONE_CALL = "phone_call"
STATE = "state"


def draft_workflow_id(org_id: UUID, draft_id: UUID) -> str:
    return f"draft-order/{org_id}/{draft_id}"


def draft_id_for_key(org_id: UUID, key: str) -> UUID:
    """Creation with a key names its draft, so the workflow id makes creation idempotent."""
    return uuid5(org_id, f"draft-order/{key}")


class Actor(BaseModel):
    model_config = ConfigDict(frozen=True)

    user_id: UUID | None = None
    email: str | None = None


class Origin(BaseModel):
    """Where a command came from; copied into its audit rows."""

    model_config = ConfigDict(frozen=True)

    via: Via
    request_id: str | None = None
    ip: str | None = None
    user_agent: str | None = None


class Message(BaseModel):
    """What every command carries.

    `digest` is over the command's body, to tell a repeat from a key used twice. `token` is unique to
    one HTTP request, so that the answer of a repeat can be told from the first one's.
    """

    actor: Actor = Field(default_factory=Actor)
    origin: Origin = Field(default_factory=lambda: Origin(via=Via.TEMPORAL))
    key: Annotated[Key, Field(min_length=1)] | None = None
    digest: Key = ""
    token: Key = ""
    expected_version: int | None = None
    policy: OrgPolicy | None = None


class Review(StrEnum):
    APPROVE = "approve"
    SEND_BACK = "send_back"


class FloorStatus(StrEnum):
    IN_PRODUCTION = LineStatus.IN_PRODUCTION.value
    COMPLETE = LineStatus.COMPLETE.value


class ValidateMessage(Message):
    pass


class ApproveMessage(Message):
    pass


class RevokeApprovalMessage(Message):
    pass


class ProductionApproveMessage(Message):
    line_nos: list[LineNo] | None = None
    note: Text | None = None


class PushMessage(Message):
    confirm_may_duplicate: bool = False


class RetryPushMessage(Message):
    confirm_may_duplicate: bool = False


class RejectMessage(Message):
    reason: Reason


class EditMessage(Message):
    """One edit. `header` and `change_line` hold only the fields that change (JSON values)."""

    header: dict[str, Any] | None = None
    add_line: LineInput | None = None
    line_no: LineNo | None = None
    change_line: dict[str, Any] | None = None
    remove_line: bool = False


class ProductionRejectMessage(Message):
    line_nos: list[LineNo] = Field(min_length=1, max_length=MAX_LINES)
    reason: Reason


class LineMessage(Message):
    line_no: LineNo


class LinkLogoMessage(LineMessage):
    """`send_for_approval`: the customer decides although an Approved color-up fits; None: as it was."""

    logo_id: UUID
    send_for_approval: bool | None = None


class SetColorUpMessage(LineMessage):
    color_up_id: UUID


class SubmitLineMessage(LineMessage):
    pass


class ReviewLineMessage(LineMessage):
    decision: Review
    note: Text | None = None


class MoveOnFloorMessage(LineMessage):
    to: FloorStatus


MESSAGES: dict[Command, type[Message]] = {
    Command.EDIT: EditMessage,
    Command.VALIDATE: ValidateMessage,
    Command.APPROVE: ApproveMessage,
    Command.REVOKE_APPROVAL: RevokeApprovalMessage,
    Command.PRODUCTION_APPROVE: ProductionApproveMessage,
    Command.PUSH: PushMessage,
    Command.RETRY_PUSH: RetryPushMessage,
    Command.REJECT: RejectMessage,
    Command.PRODUCTION_REJECT: ProductionRejectMessage,
    Command.LINK_LOGO: LinkLogoMessage,
    Command.SET_COLOR_UP: SetColorUpMessage,
    Command.SUBMIT_LINE: SubmitLineMessage,
    Command.REVIEW_LINE: ReviewLineMessage,
    Command.MOVE_ON_FLOOR: MoveOnFloorMessage,
}


class Acknowledgement(BaseModel):
    """The ERP's answer to one export, as the `acknowledge` signal carries it.

    One that was read from a file names the file, and its row in the ledger of ack files: the same `ack_id`
    again is the same answer told twice, and heard once.
    """

    model_config = ConfigDict(extra="forbid")

    ack_id: UUID | None = None
    file_name: Legible | None = Field(None, max_length=300)
    export_id: UUID
    status: str = Field(pattern="^(ACKED|FAILED)$")
    erp_order_id: Legible | None = Field(None, max_length=200)
    error_code: Legible | None = Field(None, max_length=200)
    message: Legible | None = Field(None, max_length=2000)
    processed_at: datetime | None = None


class PhoneCall(BaseModel):
    """The reminders about a proof are used up: somebody calls. As the `phone_call` signal carries it."""

    model_config = ConfigDict(extra="forbid")

    color_up_id: UUID


class Release(BaseModel):
    """An export that waits for the end of a pause may try again, as the `release` signal carries it."""

    model_config = ConfigDict(extra="forbid")

    export_id: UUID


class CreateDraft(BaseModel):
    """First argument of a draft's workflow."""

    org_id: UUID
    org_slug: str
    draft_id: UUID
    number: str
    actor: Actor
    origin: Origin
    key: str | None = None
    digest: str
    token: str
    header: Header
    lines: list[Line]
    customer_name: str | None = None
    policy: OrgPolicy


class Receipt(BaseModel):
    """What a command did; small (at most 2 KiB), never a snapshot.

    `token` is the token of the request that did it: another one means that this is a repeat.
    """

    command: str
    sequence: int
    token: str
    result: dict[str, Any]
    digest: str = ""  # of a record still on its way: another one under this sequence means a reset workflow
