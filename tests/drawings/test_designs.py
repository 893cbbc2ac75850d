"""Reading DST files: the facts of real ones, and a sentence for every other file, in bounded time."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyembroidery import EmbPattern

from domain.designs import DesignFacts
from drawings.designs import HEADER_BYTES, MAX_RECORDS, read_design
from drawings.refusals import UnreadableDesign
from tests.drawings.designs_of import crest, dst, records

STITCH = (0b01, 0, 0b11)  # 0.1 mm to the right
JUMP = (0b01, 0, 0b10000011)
BACK = (0b10, 0, 0b10000011)
CHANGE = (0, 0, 0b11000011)
SEQUIN = (0, 0, 0b01000011)


def refusal(content: bytes) -> str:
    with pytest.raises(UnreadableDesign) as refused:
        read_design(content)
    return str(refused.value)


def test_a_real_design_is_read_with_its_facts() -> None:
    read = read_design(crest(stops=3, turns=12))
    facts = read.facts
    assert (facts.colors, facts.color_changes, facts.stops) == (3, 2, 3)
    assert facts.trims == 3
    assert (facts.width_mm, facts.height_mm) == (60.0, 60.0)
    assert facts.stitches == sum(len(run) for stop in read.stops for run in stop.runs)
    assert facts.stitches >= 3 * 121


def test_size_is_that_of_the_stitches_wherever_jumps_lead() -> None:
    pattern = EmbPattern()
    pattern.move_abs(5000, 5000)
    pattern.stitch_abs(5000, 5000)
    pattern.stitch_abs(5080, 5030)
    pattern.move_abs(0, 0)
    pattern.end()
    facts = read_design(dst(pattern)).facts
    assert (facts.width_mm, facts.height_mm) == (8.0, 3.0)


@pytest.mark.parametrize(
    ("body", "trims"),
    [
        ((STITCH, JUMP, JUMP, STITCH), 0),
        ((STITCH, JUMP, JUMP, JUMP, STITCH), 1),
        ((STITCH, *(JUMP,) * 9, STITCH), 1),
        ((JUMP, JUMP, JUMP, STITCH), 0),
        ((STITCH, CHANGE, JUMP, JUMP, JUMP, STITCH), 0),
        ((STITCH, JUMP, JUMP, JUMP, STITCH, JUMP, JUMP, JUMP), 2),
    ],
)
def test_three_jumps_in_a_row_after_a_stitch_are_one_trim(
    body: tuple[tuple[int, int, int], ...], trims: int
) -> None:
    assert read_design(records(*body)).facts.trims == trims


@pytest.mark.parametrize(
    ("body", "stops", "colors"),
    [
        ((STITCH,), 1, 1),
        ((STITCH, CHANGE, STITCH), 2, 2),
        ((STITCH, CHANGE, CHANGE, STITCH), 3, 2),
        ((STITCH, CHANGE), 1, 1),
        ((CHANGE, STITCH), 2, 1),
    ],
)
def test_stops_are_counted_up_to_the_last_stitch(
    body: tuple[tuple[int, int, int], ...], stops: int, colors: int
) -> None:
    facts = read_design(records(*body)).facts
    assert (facts.stops, facts.colors, facts.color_changes) == (stops, colors, stops - 1)


GOOD = crest()


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "The file is empty"),
        (b"LA:x", "no DST design"),
        (b"%PDF-1.7" + b" " * 600, "no DST design"),
        (GOOD[:HEADER_BYTES], "end mark is missing"),
        (GOOD[: len(GOOD) // 2], "end mark is missing"),
        (GOOD[: HEADER_BYTES + 1], "end mark is missing"),
        (records(), "no stitches"),
        (records(JUMP, CHANGE, SEQUIN, JUMP), "no stitches"),
        (records(*((0x29, 0x29, 0b00000111),) * 3000), "mm large"),
        (records(*(STITCH,) * (MAX_RECORDS + 1)), "more than 250,000"),
    ],
    ids=[
        "empty",
        "short",
        "pdf",
        "header only",
        "half",
        "one byte",
        "nothing",
        "jumps",
        "kilometres",
        "too many",
    ],
)
def test_a_file_that_is_no_design_is_refused_with_a_sentence(content: bytes, sentence: str) -> None:
    assert sentence in refusal(content)


@pytest.mark.parametrize(
    "label",
    [b"TC:", b"TC:#zzz", b"TC:#12,b", b"TC:not a colour,,\r" * 20, b"LA:\xff\xfe", b"AU:" + b"\xc3" * 90],
)
def test_a_hostile_header_does_no_harm(label: bytes) -> None:
    body = GOOD[HEADER_BYTES:]
    header = (b"LA:x\rST:1\r" + label + b"\r")[:HEADER_BYTES].ljust(HEADER_BYTES)
    assert read_design(header + body).facts == read_design(GOOD).facts


def test_jumps_to_and_fro_are_read_in_linear_time() -> None:
    """The library's search for trims takes minutes for these: it moves the whole list at every turn."""
    facts = read_design(records(STITCH, *(JUMP, BACK) * 60_000, STITCH)).facts
    assert (facts.stitches, facts.trims) == (2, 1)


def facts_if_readable(content: bytes) -> DesignFacts | None:
    """None for a file that is refused; any other error is the test's."""
    try:
        return read_design(content).facts
    except UnreadableDesign:
        return None


@settings(max_examples=150)
@given(st.binary(max_size=1500), st.booleans(), st.booleans())
def test_random_bytes_are_read_or_refused_and_nothing_else(content: bytes, header: bool, end: bool) -> None:
    facts = facts_if_readable(
        (GOOD[:HEADER_BYTES] if header else b"") + content + (b"\x00\x00\xf3" if end else b"")
    )
    assert facts is None or (facts.stitches > 0 and max(facts.width_mm, facts.height_mm) <= 1500)


def test_flipped_bytes_of_a_real_file_are_read_or_refused() -> None:
    chance = random.Random(7)
    for _ in range(60):
        content = bytearray(GOOD)
        for _ in range(chance.randint(1, 40)):
            content[chance.randrange(len(content))] = chance.randrange(256)
        facts = facts_if_readable(bytes(content))
        assert facts is None or facts.stitches > 0
