"""Calendar days as `YYYY-MM-DD`, and as nothing else: no time, no number of seconds."""

import re
from datetime import date
from typing import Annotated, Any

from pydantic import BeforeValidator

_ISO = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def _day(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    text = value.strip()
    try:
        if _ISO.fullmatch(text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise ValueError("must be a date, like 2026-11-20")


Day = Annotated[date, BeforeValidator(_day)]
