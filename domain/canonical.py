"""Canonical JSON: one text for one value, with decimals written digit by digit.

Keys sorted, no blanks, UTF-8 kept, `Decimal` as a JSON number without exponent and without rounding.
Floats are refused, so that no amount can pass through one unnoticed.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from uuid import UUID

from domain.values import plain


def canonical_json(value: object, *, sort_keys: bool = True) -> str:
    """Write `value` canonically.

    Raises:
        TypeError: for a float or an object with no canonical form.
        ValueError: for NaN or infinite decimals.
    """
    return _write(value, sort_keys)


def _write(value: object, sort_keys: bool) -> str:
    if value is None or (isinstance(value, bool | int) and not isinstance(value, Enum)):
        return json.dumps(value)
    if isinstance(value, Decimal):
        if not value.is_finite():
            raise ValueError("canonical JSON has no NaN or Infinity")
        return plain(value)
    if isinstance(value, Mapping):
        items = sorted(value.items()) if sort_keys else value.items()
        return "{" + ",".join(f"{_string(key)}:{_write(item, sort_keys)}" for key, item in items) + "}"
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return "[" + ",".join(_write(item, sort_keys) for item in value) + "]"
    return _string(_scalar(value))


def _scalar(value: object) -> str:
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, str):
        return value
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, datetime):
        return utc_text(value)
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no canonical JSON form")


def _string(text: object) -> str:
    if not isinstance(text, str):
        raise TypeError("object keys must be strings")
    return json.dumps(text, ensure_ascii=False)


def utc_text(moment: datetime) -> str:
    """RFC 3339 in UTC with `Z`; microseconds only when there are any."""
    return in_utc(moment).isoformat().replace("+00:00", "Z")


def in_utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("a time without zone has no canonical form")
    return moment.astimezone(UTC)


def sha256_hex(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def digest(value: object) -> str:
    """SHA-256 over the canonical form, as 64 hex digits."""
    return sha256_hex(canonical_json(value))
