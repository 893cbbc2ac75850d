"""The audit trail, to read. Nothing here or anywhere else can change it."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import AfterValidator, BaseModel

from api.caller import AnyRole
from api.days import Day
from api.paging import Page, Paging, bad_cursor, cursor_time, write_cursor
from api.problems import problems
from api.requests import ExactRoute
from domain.values import printable
from storage import audit_log

router = APIRouter(route_class=ExactRoute, tags=["audit"], responses=problems(401))


class AuditRow(BaseModel):
    id: UUID
    entity_type: str
    entity_id: UUID
    entity_seq: int
    action: str
    actor_user_id: UUID | None
    actor_email: str | None
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    details: dict[str, Any] | None
    via: str
    request_id: str | None
    ip: str | None
    user_agent: str | None
    created_at: datetime


@router.get("/audit-log", response_model=Page[AuditRow])
async def list_entries(
    caller: AnyRole,
    page: Paging,
    entity_id: Annotated[UUID | None, Query()] = None,
    action: Annotated[
        str | None,
        Query(max_length=100),
        AfterValidator(lambda text: text if text is None else printable(text)),
    ] = None,
    actor_user_id: Annotated[UUID | None, Query()] = None,
    date_from: Annotated[Day | None, Query(description="first day, UTC")] = None,
    date_to: Annotated[Day | None, Query(description="last day, UTC")] = None,
) -> Page[AuditRow]:
    """Oldest first within one entity (`entity_id`), newest first over all."""
    wanted = audit_log.EntryFilter(
        entity_id=entity_id,
        action=action,
        actor_user_id=actor_user_id,
        date_from=date_from,
        date_to=date_to,
    )
    after = None if page.after is None else _place(page.after)
    async with caller.transaction() as connection:
        rows = await audit_log.list_entries(
            connection, caller.org_id, wanted, limit=page.limit + 1, after=after
        )
    more = len(rows) > page.limit
    rows = rows[: page.limit]
    return Page(
        data=[AuditRow.model_validate(dict(row)) for row in rows],
        next_cursor=write_cursor(rows[-1]["created_at"], rows[-1]["position"]) if more else None,
    )


def _place(after: list[Any]) -> tuple[datetime, int]:
    at, position = after if len(after) == 2 else (None, None)
    if not isinstance(position, int) or isinstance(position, bool) or not 0 <= position < 2**63:
        raise bad_cursor()
    return cursor_time(at), position
