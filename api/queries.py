"""Query parameters that several lists share."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query
from pydantic import AfterValidator

from api.paging import PageQuery, bad_cursor, cursor_time
from domain.values import printable

Search = Annotated[
    str | None,
    AfterValidator(lambda text: None if text is None else printable(text)),
    Query(max_length=200, description="looked for literally, in any case"),
]

_MOST = 2**31 - 1


def after_id(paging: PageQuery) -> tuple[datetime, UUID] | None:
    """Where a list sorted by time and id goes on."""
    if paging.after is None:
        return None
    at, last = _time_and_text(paging.after)
    try:
        return at, UUID(last)
    except ValueError:
        raise bad_cursor() from None


def after_number(paging: PageQuery) -> int | None:
    """Where a list sorted by a number that counts from 1 goes on."""
    if paging.after is None:
        return None
    number = paging.after[0] if len(paging.after) == 1 else None
    if not isinstance(number, int) or isinstance(number, bool) or not 0 < number <= _MOST:
        raise bad_cursor()
    return number


def after_text(paging: PageQuery) -> tuple[datetime, str] | None:
    """Where a list sorted by time and a text key goes on."""
    if paging.after is None:
        return None
    at, key = _time_and_text(paging.after)
    try:
        return at, printable(key)
    except ValueError:
        raise bad_cursor() from None


def _time_and_text(values: list[Any]) -> tuple[datetime, str]:
    if len(values) != 2 or not isinstance(values[1], str):
        raise bad_cursor()
    return cursor_time(values[0]), values[1]
