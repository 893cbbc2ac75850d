"""How large a draft may be: what its workflow hands to Temporal in one piece must stay below 2 MiB.

Header and lines are limited; what is found and decided about them later (issues, signatures, exports) comes
on top, and has room beside them.
"""

from collections.abc import Sequence

from domain.draft import Header, Line

MOST_BYTES = 900_000


def size_bytes(header: Header, lines: Sequence[Line]) -> int:
    """As JSON."""
    return sum(len(each.model_dump_json().encode()) for each in (header, *lines))


def too_long(header: Header, lines: Sequence[Line]) -> str | None:
    """Why the order is not taken; None when it is."""
    size = size_bytes(header, lines)
    if size <= MOST_BYTES:
        return None
    return (
        f"The order is too long: with all its texts it takes {size // 1000} kB, and {MOST_BYTES // 1000} kB "
        "are the most; shorten notes and descriptions, or split it into several orders"
    )
