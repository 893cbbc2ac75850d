"""Constrained values that come from outside: text, money, codes. Bad ones are refused with a sentence.

Decimals stay decimals end to end: no binary float ever holds money or a quantity.
"""

import re
import unicodedata
from decimal import Decimal
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, StringConstraints

MAX_LINES = 1000
MAX_LINE_NO = 99_999


def printable(text: str) -> str:
    """Refuse what PostgreSQL, a terminal or a CSV reader would choke on."""
    for character in text:
        if unicodedata.category(character) in {"Cc", "Cs"} and character not in "\n\t\r":
            raise ValueError("must not contain control characters")
    return text


def single_line(text: str) -> str:
    if any(character in "\n\r" for character in text):
        raise ValueError("must be one line")
    return text


_ILLEGIBLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


def legible(text: Any) -> Any:
    """Replace what `printable` refuses, in words that are reported and must not be lost for a character."""
    return _ILLEGIBLE.sub("\N{REPLACEMENT CHARACTER}", text) if isinstance(text, str) else text


Legible = Annotated[str, BeforeValidator(legible)]
Key = Annotated[
    str, StringConstraints(max_length=255), AfterValidator(printable), AfterValidator(single_line)
]
Code = Annotated[
    str,
    StringConstraints(min_length=1, max_length=100, strip_whitespace=True),
    AfterValidator(printable),
    AfterValidator(single_line),
]
Name = Annotated[
    str,
    StringConstraints(min_length=1, max_length=200, strip_whitespace=True),
    AfterValidator(printable),
    AfterValidator(single_line),
]
Text = Annotated[str, StringConstraints(max_length=4000), AfterValidator(printable)]
TermsText = Annotated[
    str, StringConstraints(max_length=20_000, strip_whitespace=True), AfterValidator(printable)
]
Reason = Annotated[
    str, StringConstraints(min_length=1, max_length=2000, strip_whitespace=True), AfterValidator(printable)
]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
LineNo = Annotated[int, Field(ge=1, le=MAX_LINE_NO)]


_DECIMAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,4})?")
_EXACT_DIGITS = 15  # a double gives back every decimal of so many digits


def _exact(value: Any) -> Any:
    # bool is an int to Python and would become 1
    if isinstance(value, bool):
        raise ValueError("must be a number")
    if isinstance(value, float) and len(Decimal(repr(value)).as_tuple().digits) > _EXACT_DIGITS:
        raise ValueError("has more digits than a floating-point number keeps; send it as a string")
    if isinstance(value, str):
        # Decimal() itself would take 1_000 and digits of every script
        if _DECIMAL.fullmatch(value.strip()) is None:
            raise ValueError("must be a decimal number")
        return Decimal(value.strip())
    return value


def _bounded(value: Decimal) -> Decimal:
    if not value.is_finite():
        raise ValueError("must be a finite number")
    exponent = value.as_tuple().exponent
    if isinstance(exponent, int) and exponent < -6:
        raise ValueError("must have at most 6 decimal places")
    if value.adjusted() >= 12:
        raise ValueError("must be less than 1,000,000,000,000")
    return abs(value) if value.is_zero() else value


def plain(value: Decimal) -> str:
    """A decimal as people write it: no exponent, the digits that were given."""
    return format(value, "f")


Number = Annotated[
    Decimal, BeforeValidator(_exact), AfterValidator(_bounded), PlainSerializer(plain, return_type=str)
]


def _not_negative(value: Decimal) -> Decimal:
    if value < 0:
        raise ValueError("must not be negative")
    return value


Price = Annotated[Number, AfterValidator(_not_negative)]
Version = Annotated[int, Field(ge=1, le=2**31 - 1)]
