"""Where a proof stands with its customer, as people ask for it."""

from enum import StrEnum


class ProofStatus(StrEnum):
    PENDING = "pending"  # sent; the customer is reminded
    PHONE_CALL = "phone_call"  # reminded often enough: the team calls
    APPROVED = "approved"
    CHANGES_REQUESTED = "changes_requested"
    SUPERSEDED = "superseded"  # a newer version took its place
