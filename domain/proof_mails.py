"""Mailing proofs: what the workflows ask of the activities, and what came of it. No token is in any of it."""

from uuid import UUID

from pydantic import BaseModel

from domain.mails import MailOutcome

LINK_RENEWAL_WORKFLOW = "ProofLinkWorkflow"


def link_renewal_workflow_id(link_id: UUID) -> str:
    """One renewal of a link at a time."""
    return f"proof-link/{link_id}"


class ProofMail(BaseModel):
    """Mail the version to every active approver of its customer."""

    org_id: UUID
    color_up_id: UUID


class LinkRenewal(BaseModel):
    """Mail a new link to the address that this one went to."""

    org_id: UUID
    link_id: UUID


class ProofMailed(BaseModel):
    """How many mails the server took, and how many it refused for good."""

    sent: int = 0
    failed: int = 0

    def with_one(self, outcome: MailOutcome) -> "ProofMailed":
        taken = outcome is MailOutcome.SENT
        return ProofMailed(sent=self.sent + taken, failed=self.failed + (not taken))
