"""Something has appeared that lines or a proof must hear of: what the workflows are told that tell them.

Source: docs/adr/0012.
"""

from enum import StrEnum
from uuid import UUID

from pydantic import BaseModel

NOTICE_WORKFLOW = "LineNoticeWorkflow"
NOTICE_RELAY_WORKFLOW = "RelayNoticesWorkflow"


class NoticeKind(StrEnum):
    """What has appeared; which lines wait for it, says storage/notices.py.

    PROOF_RESENT concerns no line: the proof's workflow mails the version anew.
    """

    APPROVER = "approver"
    LOGO = "logo"
    COLOR_UP = "color_up"
    PROOF_RESENT = "proof_resent"


class NoticeOrder(BaseModel):
    """What the workflow is told; what has appeared, PostgreSQL knows."""

    org_id: UUID
    notice_id: UUID


class NoticeTold(BaseModel):
    """`drafts`: how many were told by this run; 0 when an earlier one had told them all."""

    drafts: int = 0


class NoticesRelayed(BaseModel):
    """`decisions`: on proofs, whose drafts were not told."""

    notices: int
    decisions: int = 0


def notice_workflow_id(notice_id: UUID) -> str:
    return f"line-notice/{notice_id}"
