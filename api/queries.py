"""Query parameters that several lists share."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query
from pydantic import AfterValidator, TypeAdapter, ValidationError

from api.paging import PageQuery, bad_cursor
from domain.values import printable

Search = Annotated[
    str | None,
    AfterValidator(lambda text: None if text is None else printable(text)),
    Query(max_length=200, description="looked for literally, in any case"),
]

_BY_ID = TypeAdapter(tuple[datetime, UUID])
_BY_TEXT = TypeAdapter(tuple[datetime, str])


def after_id(paging: PageQuery) -> tuple[datetime, UUID] | None:
    """Where a list sorted by time and id goes on."""
    return None if paging.after is None else _read(_BY_ID, paging.after)


def after_text(paging: PageQuery) -> tuple[datetime, str] | None:
    """Where a list sorted by time and a text key goes on."""
    if paging.after is None:
        return None
    at, key = _read(_BY_TEXT, paging.after)
    try:
        return at, printable(key)
    except ValueError:
        raise bad_cursor() from None


def _read(shape: TypeAdapter[Any], values: list[Any]) -> Any:
    try:
        at, key = shape.validate_python(tuple(values))
    except ValidationError:
        raise bad_cursor() from None
    if at.tzinfo is None:
        raise bad_cursor()
    return at, key
