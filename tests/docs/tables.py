"""Tables of the documentation, read by tests."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def table(page: str, first_line: str) -> list[list[str]]:
    """The cells of the one table of a page that begins with this line, without its two head lines."""
    _, found, after = (ROOT / page).read_text().partition(f"\n{first_line}\n")
    assert found, f"{page} has no table {first_line}"
    assert f"\n{first_line}\n" not in after, f"{page} has two tables {first_line}"
    lines = after.split("\n\n", maxsplit=1)[0].splitlines()[1:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def code_words(text: str) -> list[str]:
    """What stands in backticks."""
    return re.findall(r"`([^`]+)`", text)
