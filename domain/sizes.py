"""Garment sizes as people order them: letters from small to large, then numbers, then words."""

import re

_LETTERS = (
    "XXXS", "3XS", "XXS", "2XS", "XS", "S", "S/M", "M", "M/L", "L", "L/XL", "XL", "XXL", "2XL", "XXXL", "3XL",
    "XXXXL", "4XL", "5XL", "6XL", "7XL", "8XL",
)  # fmt: skip
_PLACES = {size: place for place, size in enumerate(_LETTERS)}
_NUMBER = re.compile(r"[0-9]{1,6}")


def size_order(size: str) -> tuple[int, int, str]:
    """Sort key; sizes that nobody foresaw stand at the end, by their text."""
    place = _PLACES.get(size.strip().upper())
    if place is not None:
        return 0, place, size
    number = _NUMBER.match(size.strip())
    if number is not None:
        return 1, int(number.group()), size
    return 2, 0, size
