"""Signatures of Standard Webhooks: what was signed, when, and whether one of our secrets made it.

Source: https://www.standardwebhooks.com, docs/callbacks.md. Everything here is pure but for the clock.
"""

import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from standardwebhooks import Webhook, WebhookVerificationError

from domain.callbacks import CallbackRefusal

TOLERANCE_S = 300
# Blanks and braces are not among them: no part of a body can be taken for a part of the id.
_ID = re.compile(r"[A-Za-z0-9._:@/+=-]{1,255}")
_TIMESTAMP = re.compile(r"[0-9]{1,12}")
_SIGNATURE = re.compile(r"v1,[A-Za-z0-9+/]{43}=")
_SIGNATURES_AT_MOST = 20


@dataclass(frozen=True)
class Signed:
    """The three headers, well formed and in time. Nothing is verified yet."""

    webhook_id: str
    timestamp: str
    signatures: str

    @property
    def headers(self) -> dict[str, str]:
        return {
            "webhook-id": self.webhook_id,
            "webhook-timestamp": self.timestamp,
            "webhook-signature": self.signatures,
        }


@dataclass(frozen=True)
class Secret:
    """One secret in use, in clear: for one request only."""

    org_id: UUID
    secret_id: UUID
    secret: str

    def __repr__(self) -> str:
        return f"Secret({self.secret_id})"


def read_headers(
    webhook_id: str | None, timestamp: str | None, signature: str | None
) -> Signed | CallbackRefusal:
    """The headers, or why they are refused before anything is looked up."""
    parts = [part for part in (signature or "").split(" ") if _SIGNATURE.fullmatch(part)]
    if webhook_id is None or timestamp is None or not parts:
        return CallbackRefusal.UNSIGNED
    if not _ID.fullmatch(webhook_id) or not _TIMESTAMP.fullmatch(timestamp):
        return CallbackRefusal.UNSIGNED
    if abs(time.time() - int(timestamp)) > TOLERANCE_S:
        return CallbackRefusal.STALE
    return Signed(webhook_id, timestamp, " ".join(parts[:_SIGNATURES_AT_MOST]))


def signer(secrets: Iterable[Secret], signed: Signed, body: bytes) -> Secret | None:
    """The secret that made one of the signatures. All are tried: how long it takes does not tell which."""
    fitting = [secret for secret in secrets if _fits(secret.secret, signed, body)]
    return fitting[0] if fitting else None


def _fits(secret: str, signed: Signed, body: bytes) -> bool:
    try:
        Webhook(secret).verify(body, signed.headers, json_parse=False)
    except (WebhookVerificationError, ValueError):  # a body that is no UTF-8 is none that anybody signed
        return False
    return True
