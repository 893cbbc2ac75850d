"""The ERP's answers as the API shows them: one entry per ack file."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel

from storage.database import Row

PENDING = "PENDING"  # not at its end yet: half written, or the draft has not recorded it


class AckView(BaseModel):
    """`outcome` is PENDING, or how it ended; `message` says it in words; `content` is what the ERP wrote."""

    file_name: str
    sha256: str
    export_id: UUID | None
    draft_order_id: UUID | None
    outcome: str
    message: str
    content: dict[str, Any] | None
    seen_at: datetime
    settled_at: datetime | None
    moved_to: str | None


def ack_view(row: Row) -> AckView:
    return AckView.model_validate({**row, "outcome": row["outcome"] or PENDING})
