"""Ack files as an ERP writes them: which names count, and what a content says.

Source: domain.md, "ERP export".

What is wrong with a file is said in a sentence that finishes "The file …", for the ERP's people to read.
"""

import json
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import BaseModel

from domain.values import legible

Status = Literal["ACKED", "FAILED"]

_BY_PREFIX: dict[str, Status] = {"ack_": "ACKED", "error_": "FAILED"}
_SUFFIX = ".json"
_LONGEST_ID = 200
_LONGEST_MESSAGE = 2000


class AckContent(BaseModel):
    """What a readable ack file says. `notes` are sentences about parts that were left out."""

    status: Status
    erp_order_id: str | None = None
    error_code: str | None = None
    message: str | None = None
    processed_at: datetime | None = None
    notes: list[str] = []


class UnreadableAck(ValueError):
    """The file is no ack, or not yet: it may be half written. The text finishes the sentence "The file …"."""


def answered_file(name: str) -> str | None:
    """The export file that `name` answers by its name; None for a name that is no ack file's."""
    for prefix in _BY_PREFIX:
        if name.startswith(prefix) and name.endswith(_SUFFIX):
            return name.removeprefix(prefix)
    return None


def read_ack(name: str, content: bytes, max_bytes: int) -> AckContent:
    """
    Raises:
        UnreadableAck: with what is wrong.
    """
    said = _object(content, max_bytes)
    status = said.get("status")
    if status not in _BY_PREFIX.values():
        raise UnreadableAck('has no "status" of "ACKED" or "FAILED"')
    promised = next(status for prefix, status in _BY_PREFIX.items() if name.startswith(prefix))
    if status != promised:
        raise UnreadableAck(f"says {status}, and its name says {promised}")
    processed_at, notes = _time(said.get("processed_at"))
    return AckContent(
        status=status,
        erp_order_id=_identifier(said, "erp_order_id"),
        error_code=_text(said, "error_code", _LONGEST_ID),
        message=_text(said, "message", _LONGEST_MESSAGE),
        processed_at=processed_at,
        notes=notes,
    )


def _object(content: bytes, max_bytes: int) -> dict[str, Any]:
    if len(content) > max_bytes:
        raise UnreadableAck(f"is longer than {max_bytes // 1024} KiB")
    try:
        said = json.loads(content.decode("utf-8-sig"), object_pairs_hook=_unique)
    except UnicodeDecodeError:
        raise UnreadableAck("is not UTF-8") from None
    except RecursionError:
        raise UnreadableAck("is JSON that is nested too deeply") from None
    except UnreadableAck:
        raise
    except ValueError:
        raise UnreadableAck("is not JSON, or not all of it") from None
    if not isinstance(said, dict):
        raise UnreadableAck("is JSON, but no object")
    return said


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        # which of the two counts would be ours to guess
        raise UnreadableAck("names a field twice")
    return found


def _word(said: dict[str, Any], field: str) -> str | None:
    """ERPs write numbers as numbers; anything but text and whole numbers is a mistake."""
    value = said.get(field)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if value is not None and not isinstance(value, str):
        raise UnreadableAck(f'has a "{field}" that is no text')
    return str(legible(value)).strip() or None if value is not None else None


def _identifier(said: dict[str, Any], field: str) -> str | None:
    word = _word(said, field)
    if word is not None and (len(word) > _LONGEST_ID or "\n" in word or "\r" in word):
        raise UnreadableAck(f'has a "{field}" that is longer than {_LONGEST_ID} characters or than a line')
    return word


def _text(said: dict[str, Any], field: str, longest: int) -> str | None:
    """Told to people: what is too long is cut, because the rest of the answer counts."""
    word = _word(said, field)
    return word if word is None or len(word) <= longest else word[: longest - 1] + "…"


def _time(value: Any) -> tuple[datetime | None, list[str]]:
    """The ERP's own clock, for people; an answer counts without it."""
    if value is None:
        return None, []
    try:
        at = datetime.fromisoformat(value)
        at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        return None, ['its "processed_at" is no time and was left out']
    return at, []
