"""Lines as the API answers them: where each is, how it came there, and what it waits for."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from domain.asked_proofs import AskedProof
from domain.draft import Decoration, Draft, Line
from domain.line_actions import line_actions
from domain.line_waiting import line_waiting
from domain.statuses import LineStatus
from domain.transitions import Command
from domain.values import Number
from storage.line_history import StoredMove


class LineMove(BaseModel):
    """`from` is null for the first move; `actor_user_id` is null when no user moved the line."""

    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)

    from_: LineStatus | None = Field(alias="from")
    to: LineStatus
    actor_user_id: UUID | None
    team_proxy: bool
    note: str | None
    at: datetime


class LineView(BaseModel):
    id: UUID
    line_no: int
    customer_sku_raw: str | None
    internal_sku: str | None
    description: str | None
    qty: Number | None
    uom: str | None
    unit_price: Number | None
    requested_delivery_date: date | None
    notes: str | None
    decoration: Decoration | None
    status: LineStatus | None = Field(description="decorated lines only")
    color_up_id: UUID | None = None
    production_approved_at: datetime | None = None
    production_approved_by_user_id: UUID | None = None
    status_history: list[LineMove] = []
    allowed_actions: list[Command] = Field([], description="commands on the line that would be taken now")
    waiting: str | None = Field(None, description="what the line waits for, in words")


class RemovedLine(BaseModel):
    """A decorated line that an edit removed; what was decided on it stays on record."""

    id: UUID
    line_no: int
    status_history: list[LineMove]


Histories = Mapping[UUID, Sequence[LineMove]]


def histories(moves: Sequence[StoredMove]) -> Histories:
    """Moves by line, oldest first; lines in the order in which they first moved."""
    found: dict[UUID, list[LineMove]] = {}
    for move in moves:
        found.setdefault(move.line_id, []).append(_move(move))
    return found


def line_view(draft: Draft, line: Line, known: Histories, asked: Sequence[AskedProof]) -> LineView:
    own = {name: getattr(line, name) for name in LineView.model_fields if name in Line.model_fields}
    return LineView(
        **own,
        status_history=list(known.get(line.id, ())),
        waiting=line_waiting(line, asked),
        allowed_actions=line_actions(draft, line),
    )


def removed_lines(lines: Sequence[Line], moves: Sequence[StoredMove], known: Histories) -> list[RemovedLine]:
    here = {line.id for line in lines}
    gone = {move.line_id: move.line_no for move in moves if move.line_id not in here}
    return [
        RemovedLine(id=line_id, line_no=line_no, status_history=list(known[line_id]))
        for line_id, line_no in gone.items()
    ]


def _move(move: StoredMove) -> LineMove:
    own = move.model_dump(include=set(LineMove.model_fields))
    return LineMove(from_=move.from_status, to=move.to_status, **own)
