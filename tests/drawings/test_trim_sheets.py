"""Trim sheets: what stands on them, and that they can be set whatever the texts are."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.batches import Batch
from domain.designs import Design
from drawings.designs import read_design
from drawings.pictures import picture
from drawings.trim_sheets import Sheet
from drawings.typesetting import trim_sheet
from tests.drawings.designs_of import crest
from tests.drawings.floor_of import AT, batch

DESIGN = Design.of(read_design(crest()).facts, crest(), "crest.dst", AT)


def said(of: Batch, design: Design | None = DESIGN) -> dict[str, Any]:
    return Sheet(of, design, "Demo", AT).said()


def pages(of: Batch, paper: str = "a4") -> list[bytes]:
    return trim_sheet(said(of), picture(None, {}), paper, "png")


def test_garments_stand_by_size_with_sums_that_agree() -> None:
    sheet = said(batch(5))
    (grid,) = sheet["grids"]
    assert grid["sizes"] == ["M", "L"]
    assert [row["line"] for row in grid["rows"]][3:] == ["D-000001 / 4", "D-000002 / 1"]
    assert [row["counts"] for row in grid["rows"]] == [["12", "24"]] * 5
    assert (grid["sums"], grid["units"], sheet["units"]) == (["60", "120"], 180, 180)


def test_orders_stand_once_with_their_dates_and_units() -> None:
    sheet = said(batch(5))
    assert sheet["due"] == "2026-12-01"
    assert sheet["orders"] == [
        {
            "number": "D-000001",
            "po": "PO-1",
            "ordered": "2026-11-19",
            "due": "2026-12-01",
            "lines": 4,
            "units": 144,
        },
        {
            "number": "D-000002",
            "po": "PO-2",
            "ordered": "2026-11-19",
            "due": "2026-12-02",
            "lines": 1,
            "units": 36,
        },
    ]


def test_design_and_threads_stand_with_colours_and_their_doubt() -> None:
    sheet = said(batch())
    assert sheet["design"] == {
        "file": "crest.dst",
        "size": "60.0 × 60.0 mm",
        "stitches": f"{DESIGN.stitches:,}",
        "stops": 3,
        "color_changes": 2,
        "trims": 3,
    }
    assert [(each["stop"], each["color"], each["approximate"]) for each in sheet["threads"]] == [
        (1, "#ea0000", False),
        (2, "#1f7d45", True),
        (3, "#bc2130", False),
    ]
    assert said(batch(), None)["design"] is None


@given(
    st.dictionaries(st.sampled_from([str(n) for n in range(30)]), st.integers(0, 20_000), max_size=30),
    st.integers(1, 6),
)
@settings(max_examples=50)
def test_every_piece_is_on_the_sheet_whatever_the_sizes(sizes: dict[str, int], lines: int) -> None:
    of = batch(lines, sizes=sizes)
    sheet = said(of)
    assert sum(grid["units"] for grid in sheet["grids"]) == of.total_units
    assert all(len(grid["sizes"]) <= 10 for grid in sheet["grids"])
    for grid in sheet["grids"]:
        assert sum(row["units"] for row in grid["rows"]) == grid["units"] == sum(map(int, grid["sums"]))


def test_long_words_get_places_to_break_and_lose_nothing() -> None:
    sheet = said(batch(style="X" * 60))
    style = sheet["grids"][0]["rows"][0]["style"]
    assert style.replace("\N{ZERO WIDTH SPACE}", "") == "X" * 60
    assert max(map(len, style.split("\N{ZERO WIDTH SPACE}"))) <= 14


@pytest.mark.parametrize("paper", ["a4", "us-letter"])
def test_a_small_batch_is_one_page_and_a_large_one_goes_on(paper: str) -> None:
    assert len(pages(batch(2), paper)) == 1
    assert len(pages(batch(100, stops=30, notes="Bügeln! " * 300), paper)) >= 3


TEXTS = st.text("#$[]{}*_`\\/<>@\"'=-+~\n\t aäöüß€中\u202e\u200b" + "x" * 30, max_size=300)


@settings(max_examples=25)
@given(TEXTS.filter(str.strip), TEXTS)
def test_no_text_is_markup(name: str, notes: str) -> None:
    of = batch(1, customer=name, logo=name, notes=notes)
    assert trim_sheet(said(of), picture(None, {}), "a4")[0].startswith(b"%PDF")
