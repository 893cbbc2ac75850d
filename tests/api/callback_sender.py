"""A customer's system: signs as Standard Webhooks says, and as it should not."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
from standardwebhooks import Webhook

DOOR = "/callbacks/customer-approval"


@dataclass
class Letter:
    """One callback, ready to be sent; tests change what they like."""

    body: bytes
    headers: dict[str, str] = field(default_factory=dict)

    async def send(self, client: httpx.AsyncClient) -> httpx.Response:
        return await client.post(DOOR, content=self.body, headers=self.headers)


def said(color_up_id: object, **fields: Any) -> dict[str, Any]:
    return {
        "color_up_id": str(color_up_id),
        "decision": "approve",
        "approver_email": "jo@hansen.example",
        "comment": None,
        **fields,
    }


def signed(
    body: dict[str, Any] | bytes,
    *secrets: str,
    webhook_id: str | None = None,
    age: timedelta = timedelta(0),
) -> Letter:
    """Signed by each of `secrets`, `age` ago."""
    raw = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
    webhook_id = webhook_id or f"msg_{uuid4().hex}"
    at = datetime.now(UTC) - age
    signatures = [Webhook(secret).sign(webhook_id, at, raw.decode()) for secret in secrets]
    headers = {
        "content-type": "application/json",
        "webhook-id": webhook_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(signatures),
    }
    return Letter(raw, headers)
