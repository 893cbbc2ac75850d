"""Pictures: each stop in its thread's colour, nothing but numbers and colours in them."""

import re
from xml.etree import ElementTree

from drawings.designs import read_design
from drawings.pictures import NO_THREAD, picture
from drawings.typesetting import png_of
from tests.drawings.designs_of import crest

SVG = "{http://www.w3.org/2000/svg}"


def strokes(svg: str) -> list[str]:
    return [path.attrib["stroke"] for path in ElementTree.fromstring(svg).findall(f"{SVG}path")]


def test_each_stop_is_drawn_in_the_colour_of_its_thread() -> None:
    svg = picture(read_design(crest()), {1: "#112233", 3: "#ffffff", 9: "#00ff00"})
    assert strokes(svg) == ["#112233", NO_THREAD, "#ffffff"]


def test_the_whole_design_lies_within_the_picture() -> None:
    design = read_design(crest())
    root = ElementTree.fromstring(picture(design, {}))
    left, top, width, height = map(int, root.attrib["viewBox"].split())
    assert left < design.left
    assert top < design.top
    assert left + width > design.left + design.width
    assert top + height > design.top + design.height
    assert max(float(root.attrib["width"]), float(root.attrib["height"])) == 800


def test_without_a_design_there_is_a_placeholder_without_words() -> None:
    svg = picture(None, {1: "#112233", 2: "#445566"})
    assert "#112233" in svg
    assert "#445566" in svg
    assert not re.search(r">[^<]+<", svg)


def test_a_picture_becomes_a_png_of_its_size() -> None:
    png = png_of(picture(read_design(crest()), {1: "#112233"}))
    assert png.startswith(b"\x89PNG")
    assert (int.from_bytes(png[16:20]), int.from_bytes(png[20:24])) == (800, 800)
