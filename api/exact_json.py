"""JSON as we read it: decimals for fractions, and no number whose size alone would keep a processor busy.

A decimal of few characters may stand for an integer of a thousand million digits, and turning it into one
holds the whole process.
"""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

NUMBER_OUT_OF_PROPORTION = "the body has a number that is out of proportion"
_MAX_CHARACTERS = 1000
_MAX_EXPONENT = 400  # a double ends before

Pairs = Callable[[list[tuple[str, Any]]], Any]


def read_json(text: str | bytes, pairs: Pairs | None = None) -> Any:
    """`pairs` makes an object of its keys and values.

    Raises:
        JSONDecodeError: whatever is wrong, with its message.
    """
    try:
        return json.loads(
            text,
            parse_float=_fraction,
            parse_int=_integer,
            parse_constant=_constant,
            object_pairs_hook=pairs,
        )
    except json.JSONDecodeError:
        raise
    except (RecursionError, UnicodeDecodeError, ValueError):
        raise json.JSONDecodeError("the body is not valid JSON", "", 0) from None


def _fraction(text: str) -> Decimal:
    # the exponent first: what is beyond the limits of Decimal itself is an error of another kind
    exponent = text.lower().partition("e")[2].lstrip("+-")
    if len(text) > _MAX_CHARACTERS or len(exponent.lstrip("0")) > len(str(_MAX_EXPONENT)):
        raise _out_of_proportion(text)
    value = Decimal(text)
    if abs(value.adjusted()) > _MAX_EXPONENT:
        raise _out_of_proportion(text)
    return value


def _integer(text: str) -> int:
    if len(text) > _MAX_CHARACTERS:
        raise _out_of_proportion(text)
    return int(text)


def _constant(text: str) -> Decimal:
    raise json.JSONDecodeError(f"{text} is not JSON", text, 0)


def _out_of_proportion(text: str) -> json.JSONDecodeError:
    return json.JSONDecodeError(NUMBER_OUT_OF_PROPORTION, text[:20], 0)
