"""Pages: `?limit=&cursor=` in, `{"data": [...], "next_cursor": ...}` out. Cursors are opaque to clients."""

import base64
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Depends, Query
from pydantic import BaseModel

from api.problems import Problem
from storage.database import Row

DEFAULT_LIMIT = 50
MAX_LIMIT = 200

Item = TypeVar("Item")


class Page(BaseModel, Generic[Item]):
    data: list[Item]
    next_cursor: str | None


class PageQuery(BaseModel):
    limit: int
    after: list[Any] | None  # the sort values of the last row seen


def _page(
    limit: Annotated[
        int, Query(ge=1, description=f"at most {MAX_LIMIT}; more is lowered to it")
    ] = DEFAULT_LIMIT,
    cursor: Annotated[str | None, Query(max_length=500)] = None,
) -> PageQuery:
    return PageQuery(limit=min(limit, MAX_LIMIT), after=None if cursor is None else read_cursor(cursor))


Paging = Annotated[PageQuery, Depends(_page)]


def page_of(
    paging: PageQuery,
    rows: Sequence[Row],
    show: Callable[[Row], Item],
    sorted_by: Sequence[str] = ("created_at", "id"),
) -> Page[Item]:
    """`rows` were read with one more than the page has: it says whether another page follows."""
    own = rows[: paging.limit]
    more = len(rows) > paging.limit
    cursor = write_cursor(*(own[-1][column] for column in sorted_by)) if more else None
    return Page(data=[show(row) for row in own], next_cursor=cursor)


def write_cursor(*values: object) -> str:
    texts = [value.isoformat() if isinstance(value, datetime) else value for value in values]
    return base64.urlsafe_b64encode(json.dumps(texts, default=str).encode()).decode()


def read_cursor(cursor: str) -> list[Any]:
    """The values that `write_cursor` was given; a Problem when it was not."""
    try:
        values = json.loads(base64.urlsafe_b64decode(cursor.encode("ascii")))
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, list):
        raise bad_cursor()
    return values


def cursor_time(value: Any) -> datetime:
    """A time out of a cursor, in UTC.

    Raises:
        Problem: it is none, or none of the calendar: PostgreSQL's driver takes it for an outage.
    """
    try:
        at = datetime.fromisoformat(value)
        if at.tzinfo is None:
            raise bad_cursor()
        return at.astimezone(UTC)
    except (ValueError, TypeError, OverflowError):
        raise bad_cursor() from None


def bad_cursor() -> Problem:
    return Problem(422, "cursor: take it from next_cursor of the page before, as it is")
