"""Draw a design in thread colours: as SVG here, as PNG by typst from the same SVG.

Nothing in a picture comes from a person's text: numbers, and colours of the form `#rrggbb` only.
"""

from collections.abc import Mapping

from drawings.designs import Point, ReadDesign

CLOTH = "#e8e8e4"  # neither white nor black thread vanishes on it
NO_THREAD = "#9a9a9a"
_THREAD_WIDTH = 4  # 0.4 mm
_MARGIN_PART = 0.05
_LEAST_MARGIN = 20
_LONGEST_SIDE_PX = 800


def picture(design: ReadDesign | None, colors: Mapping[int, str]) -> str:
    """SVG of the design, or of a placeholder when there is none. `colors` are `#rrggbb` by stop, from 1."""
    return placeholder(colors) if design is None else _sewn(design, colors)


def _sewn(design: ReadDesign, colors: Mapping[int, str]) -> str:
    margin = max(_LEAST_MARGIN, int(max(design.width, design.height) * _MARGIN_PART))
    left, top = design.left - margin, design.top - margin
    width, height = design.width + 2 * margin, design.height + 2 * margin
    parts = [_opening(left, top, width, height)]
    for number, stop in enumerate(design.stops, start=1):
        if stop.runs:
            lines = "".join(_line(run) for run in stop.runs)
            parts.append(
                f'<path fill="none" stroke="{colors.get(number, NO_THREAD)}" stroke-width="{_THREAD_WIDTH}" '
                f'stroke-linejoin="round" stroke-linecap="round" d="{lines}"/>'
            )
    return "".join([*parts, "</svg>"])


def _line(run: list[Point]) -> str:
    """Relative steps: half as long as places."""
    x, y = run[0]
    steps = [f"M{x} {y}l0 0"] if len(run) == 1 else [f"M{x} {y}l"]
    for to_x, to_y in run[1:]:
        steps.append(f"{to_x - x} {to_y - y} ")
        x, y = to_x, to_y
    return "".join(steps)


def placeholder(colors: Mapping[int, str]) -> str:
    """An empty hoop over the threads. No words: who shows it says in the reader's language what it is."""
    threads = [colors[stop] for stop in sorted(colors)][:12]
    parts = [
        _opening(0, 0, 1000, 750),
        '<circle cx="500" cy="330" r="230" fill="none" stroke="#8a8a86" stroke-width="16"/>',
        '<circle cx="500" cy="330" r="196" fill="none" stroke="#8a8a86" stroke-width="6" '
        'stroke-dasharray="24 18"/>',
        '<rect x="462" y="66" width="76" height="44" rx="8" fill="#8a8a86"/>',
    ]
    begin = 500 - 35 * len(threads)
    parts += [
        f'<rect x="{begin + 70 * n}" y="640" width="58" height="58" rx="8" fill="{color}" stroke="#8a8a86" '
        'stroke-width="2"/>'
        for n, color in enumerate(threads)
    ]
    return "".join([*parts, "</svg>"])


def _opening(left: int, top: int, width: int, height: int) -> str:
    scale = _LONGEST_SIDE_PX / max(width, height)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{left} {top} {width} {height}" '
        f'width="{width * scale:.0f}" height="{height * scale:.0f}">'
        f'<rect x="{left}" y="{top}" width="{width}" height="{height}" fill="{CLOTH}"/>'
    )
