"""How every decorated line came where it is: rows that `record_draft` wrote beside each decision."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel

from domain.statuses import LineStatus


class StoredMove(BaseModel):
    """One row; `line_id` outlives the line, so that a number used again starts a history of its own."""

    line_id: UUID
    line_no: int
    from_status: LineStatus | None
    to_status: LineStatus
    actor_user_id: UUID | None
    team_proxy: bool
    note: str | None
    at: datetime


# part of a statement that reads drafts as `d`; oldest first
MOVES = """
(SELECT coalesce(jsonb_agg(to_jsonb(h) - 'org_id' ORDER BY h.sequence, h.n), '[]')
 FROM line_status_history h WHERE h.draft_order_id = d.id)
"""
