"""The colour of a thread on a screen, by brand and code. No screen shows a thread exactly.

The table (thread_colors.json) holds the usual threads of two brands. Any other thread gets a colour by a word
in its name, or else one made from its code: always the same, and marked as approximate.
"""

import colorsys
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from domain.color_ups import ThreadStop

_TABLE: Mapping[str, Mapping[str, str]] = json.loads(
    Path(__file__).with_name("thread_colors.json").read_text(encoding="utf-8")
)
_WORDS = {
    "black": "#1c1c1e", "schwarz": "#1c1c1e", "white": "#fafafa", "weiss": "#fafafa", "weiß": "#fafafa",
    "navy": "#1f2a4d", "marine": "#1f2a4d", "royal": "#1f4fa3", "blue": "#2b5fb3", "blau": "#2b5fb3",
    "red": "#c3202f", "rot": "#c3202f", "burgundy": "#7a1f35", "bordeaux": "#7a1f35", "green": "#1f7d45",
    "grün": "#1f7d45", "yellow": "#f4d21f", "gelb": "#f4d21f", "gold": "#d9a520", "orange": "#ee7d1e",
    "brown": "#6b4630", "braun": "#6b4630", "grey": "#8b8d90", "gray": "#8b8d90", "grau": "#8b8d90",
    "silver": "#b5b8bb", "silber": "#b5b8bb", "pink": "#ee7fa8", "rosa": "#ee7fa8", "purple": "#6d3a8c",
    "violet": "#6d3a8c", "lila": "#6d3a8c", "turquoise": "#1aa6a6", "türkis": "#1aa6a6", "beige": "#d8c7a3",
}  # fmt: skip


@dataclass(frozen=True)
class Swatch:
    color: str  # #rrggbb
    approximate: bool  # not from a table


def swatch(brand: str | None, code: str, name: str | None) -> Swatch:
    maker = (brand or "").casefold()
    digits = re.sub(r"\D", "", code).lstrip("0")
    for known, colors in _TABLE.items():
        if known in maker and digits in colors:
            return Swatch(colors[digits], approximate=False)
    for word in re.findall(r"\w+", (name or "").casefold()):
        if word in _WORDS:
            return Swatch(_WORDS[word], approximate=True)
    return Swatch(_made(f"{maker}\n{code.casefold()}"), approximate=True)


def colors_by_stop(threads: Iterable[ThreadStop]) -> dict[int, str]:
    """What a picture is drawn in."""
    return {each.stop: swatch(each.brand, each.thread_code, each.thread_name).color for each in threads}


def stop_colors(stops: int) -> dict[int, str]:
    """Colours that tell the stops of a design apart while no threads are chosen."""
    return {stop: _made(f"stop {stop}") for stop in range(1, stops + 1)}


def _made(text: str) -> str:
    """A colour of middle brightness, well apart for most codes."""
    hashed = sha256(text.encode()).digest()
    red, green, blue = colorsys.hls_to_rgb(
        int.from_bytes(hashed[:2]) / 65536, 0.38 + hashed[2] / 255 * 0.24, 0.45 + hashed[3] / 255 * 0.3
    )
    return "#" + "".join(f"{round(part * 255):02x}" for part in (red, green, blue))
