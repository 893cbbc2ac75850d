"""Colours of threads: from the table, by a word in the name, or made from the code; never none."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.color_ups import ThreadStop
from drawings.thread_colors import Swatch, colors_by_stop, swatch


@pytest.mark.parametrize(
    ("brand", "code", "color"),
    [
        ("Isacord", "1800", "#ea0000"),
        ("ISACORD 40", "0015", "#ffffff"),
        ("Amann Isacord", "#15", "#ffffff"),
        ("Madeira Polyneon", "1637", "#bc2130"),
        ("madeira", "No. 1637", "#bc2130"),
    ],
)
def test_a_known_thread_has_the_colour_of_the_table(brand: str, code: str, color: str) -> None:
    assert swatch(brand, code, "Green") == Swatch(color, approximate=False)


@pytest.mark.parametrize(
    ("name", "color"),
    [("Deep Navy", "#1f2a4d"), ("GRÜN", "#1f7d45"), ("Weiß", "#fafafa"), ("red", "#c3202f")],
)
def test_an_unknown_thread_is_coloured_by_its_name_and_says_so(name: str, color: str) -> None:
    assert swatch("Gunold", "61001", name) == Swatch(color, approximate=True)


@given(st.none() | st.text(), st.text(), st.none() | st.text())
def test_every_thread_has_one_colour_and_always_the_same(
    brand: str | None, code: str, name: str | None
) -> None:
    found = swatch(brand, code, name)
    assert re.fullmatch("#[0-9a-f]{6}", found.color)
    assert found == swatch(brand, code, name)


def test_codes_without_table_and_name_are_told_apart() -> None:
    made = {swatch("Gunold", str(code), None) for code in range(61000, 61200)}
    assert len(made) == 200
    assert all(each.approximate for each in made)


def test_a_sequence_gives_colours_by_stop() -> None:
    threads = [ThreadStop(stop=2, thread_code="15", brand="Isacord"), ThreadStop(stop=1, thread_code="x")]
    colors = colors_by_stop(threads)
    assert colors[2] == "#ffffff"
    assert set(colors) == {1, 2}
