"""Whom a proof waits for, since when, and which of its mails nobody took: in words for operators."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from pydantic import BaseModel

from domain.canonical import utc_text


class UntakenMail(BaseModel):
    recipient: str
    reason: str


class AskedProof(BaseModel):
    """An undecided version before its customer. `approvers`: names of those who may decide."""

    color_up_id: UUID
    since: datetime | None
    approvers: list[str]
    untaken: list[UntakenMail]

    @property
    def words(self) -> str:
        """Goes on after "Waits for" and "Waiting for"."""
        since = f" since {utc_text(self.since.replace(microsecond=0))}" if self.since else ""
        mails = "".join(f"; mail to {each.recipient} not sent: {each.reason}" for each in self.untaken)
        return f"{decision_of(self.approvers)}{since}{mails}"


def decision_of(approvers: Sequence[str]) -> str:
    """Whose decision it is, in words."""
    if not approvers:
        return "the customer's decision"
    if len(approvers) == 1:
        return f"{approvers[0]}'s decision"
    return f"the decision of {', '.join(approvers[:-1])} or {approvers[-1]}"
