"""Mails to a customer's people: what they are about, how they end, and which language they speak."""

from enum import StrEnum
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

DECIDED_FIRST = "The proof was decided before the mail server took the mail"
DAY_OVER = "The day was over before the mail server took the mail"
RENEWAL_OVER = "The mail server did not take the mail within a day"
MAIL_NOT_SENT = "MailNotSent"  # type of the activity's error: the next try may go better


class Language(StrEnum):
    EN = "en"
    DE = "de"


class MailKind(StrEnum):
    PROOF = "proof"
    REMINDER = "reminder"
    LINK_RENEWED = "link_renewed"


class MailOutcome(StrEnum):
    SENT = "SENT"  # the mail server took it
    FAILED = "FAILED"  # refused for good
    RETRYING = "RETRYING"


class Letter(BaseModel):
    """One mail as it goes out. `links` are those in it: rows to take back when the mail was not taken."""

    model_config = ConfigDict(frozen=True)

    recipient_name: str
    recipient: str
    subject: str
    text: str = Field(repr=False)  # holds the links in clear
    html: str = Field(repr=False)
    links: tuple[UUID, ...] = ()


class Envelope(BaseModel):
    """What the message log keeps of a mail. `key` names it within the org: a repeat is the same mail."""

    model_config = ConfigDict(frozen=True)

    org_id: UUID
    key: str
    kind: MailKind
    customer_id: UUID
    approver_id: UUID | None
    color_up_ids: tuple[UUID, ...]
    recipient: str
