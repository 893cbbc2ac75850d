"""Color-ups as the API takes and shows them."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue

from api.json_types import Whole
from domain.color_ups import ColorUpStatus, Decision, ThreadStop
from domain.statuses import Via
from domain.values import MAX_LINES, Code
from storage.database import Row

MOST_STOPS = 200

_THREADS: list[JsonValue] = [
    {"stop": 1, "needle": 3, "thread_code": "1801", "thread_name": "Snow White", "brand": "Madeira"},
    {"stop": 2, "needle": 5, "thread_code": "1637", "thread_name": "Lipstick", "brand": "Madeira"},
]


class StopBody(ThreadStop):
    stop: Whole = Field(ge=1, le=MAX_LINES)
    needle: Whole | None = Field(None, ge=1, le=100)


def _stops_once(threads: list[StopBody]) -> list[StopBody]:
    seen: set[int] = set()
    for each in threads:
        if each.stop in seen:
            raise ValueError(f"stop {each.stop} is there twice")
        seen.add(each.stop)
    return threads


Threads = Annotated[list[StopBody], Field(min_length=1, max_length=MOST_STOPS), AfterValidator(_stops_once)]


class NewVersion(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"thread_sequence": _THREADS}]})

    thread_sequence: Threads


class NewColorUp(NewVersion):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "logo_id": "7b0f0d9e-5b1c-4a53-9f59-0f8f4b1c2d3e",
                    "style_number": "14728",
                    "color_code": "BLK",
                    "thread_sequence": _THREADS,
                }
            ]
        },
    )

    logo_id: UUID
    style_number: Code
    color_code: Code


class ColorUp(BaseModel):
    """One version. `version` counts within logo, style and colour; threads never change."""

    id: UUID
    logo_id: UUID
    customer_id: UUID
    style_number: str
    color_code: str
    version: int
    thread_sequence: list[ThreadStop]
    status: ColorUpStatus
    sent_at: datetime | None = Field(description="since when the customer is asked")
    decision: Decision | None = Field(description="`superseded`: a newer version took its place undecided")
    decision_note: str | None
    decided_at: datetime | None
    decided_by_user_id: UUID | None
    decided_via: Via | None
    approved_at: datetime | None
    approved_by_approver_id: UUID | None
    approved_by_team_proxy: bool = Field(description="the team approved for the customer")
    created_by_user_id: UUID | None
    created_at: datetime
    updated_at: datetime


def color_up_view(row: Row) -> ColorUp:
    approved = row["decision"] == Decision.APPROVE
    return ColorUp(
        **{name: row[name] for name in ColorUp.model_fields if name in row},
        approved_by_approver_id=row["decided_by_approver_id"] if approved else None,
        approved_by_team_proxy=approved and row["team_proxy"],
    )
