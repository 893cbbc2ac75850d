"""A decision record says why, and names the test that would notice if it were forgotten."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RECORDS = sorted((ROOT / "docs" / "adr").glob("*.md"))

each_record = pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.stem[:4])


@each_record
def test_a_record_has_its_four_parts_in_order(record: Path) -> None:
    assert re.findall(r"^## (.+)$", record.read_text(), re.MULTILINE) == [
        "Context",
        "Decision",
        "Consequences",
        "Check",
    ]


@each_record
def test_a_record_names_tests_that_exist(record: Path) -> None:
    check = record.read_text().partition("## Check")[2]
    files = re.findall(r"`(tests/[\w/]+\.py)`", check)
    assert files, "no test file is named"
    sources = [(ROOT / file).read_text() for file in files]
    for name in re.findall(r"`(test_\w+)`", check):
        assert any(f"def {name}(" in source for source in sources), f"{name} is in none of {files}"


@each_record
def test_a_record_is_numbered_like_its_title(record: Path) -> None:
    assert re.match(rf"# {record.stem[:4]}: \S", record.read_text())


def test_numbers_are_used_once_and_without_a_gap() -> None:
    assert [int(record.stem[:4]) for record in RECORDS] == list(range(1, len(RECORDS) + 1))
