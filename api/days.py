"""Calendar days as `YYYY-MM-DD`, and as nothing else: no time, no number of seconds."""

import re
from datetime import date, datetime
from typing import Annotated, Any

from pydantic import BeforeValidator

_ISO = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def _day(value: Any) -> Any:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    try:
        if isinstance(value, str) and _ISO.fullmatch(value):
            return date.fromisoformat(value)
    except ValueError:
        pass
    raise ValueError("must be a date, like 2026-11-20")


def _trimmed(value: Any) -> Any:
    return value.strip() if isinstance(value, str) else value


Day = Annotated[date, BeforeValidator(_day)]
DayCell = Annotated[Day, BeforeValidator(_trimmed)]  # in a CSV file, where blanks around it mean nothing
