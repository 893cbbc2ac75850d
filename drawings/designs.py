"""DST designs: from a file that anybody may have sent to stitches and facts. Runs in the child process only.

pyembroidery's reader takes random bytes for a design, and its search for trims is quadratic in jumps; so the
form is checked before it, its header reader and that search are passed by, and trims are counted here.
"""

import io
from dataclasses import dataclass, field

from pyembroidery import COLOR_CHANGE, COMMAND_MASK, JUMP, STITCH, EmbPattern, read_dst

from domain.designs import DesignFacts
from drawings.refusals import UnreadableDesign

HEADER_BYTES = 512
MAX_RECORDS = 250_000  # three bytes each; the largest jacket backs have some 150,000
MAX_SIDE_MM = 1_500.0
JUMPS_OF_A_TRIM = 3
_UNITS_PER_MM = 10
_END = 0xF3

Point = tuple[int, int]


@dataclass
class Stop:
    """What is sewn with one thread: runs of stitches, each without a jump. Units of 0.1 mm, y downwards."""

    runs: list[list[Point]] = field(default_factory=list)


@dataclass(frozen=True)
class ReadDesign:
    facts: DesignFacts
    stops: list[Stop]
    left: int
    top: int
    width: int
    height: int


def read_design(content: bytes) -> ReadDesign:
    """
    Raises:
        UnreadableDesign: this is no design, or none that a machine could sew.
    """
    _check_form(content)
    pattern = _pattern(content)
    stops, trims = _stops(pattern)
    points = [point for stop in stops for run in stop.runs for point in run]
    if not points:
        raise UnreadableDesign("The design has no stitches")
    left, top = min(x for x, _ in points), min(y for _, y in points)
    width, height = max(x for x, _ in points) - left, max(y for _, y in points) - top
    if max(width, height) > MAX_SIDE_MM * _UNITS_PER_MM:
        raise UnreadableDesign(
            f"The design would be {width / _UNITS_PER_MM:,.0f} by {height / _UNITS_PER_MM:,.0f} mm large; "
            f"at most {MAX_SIDE_MM:,.0f} mm are possible, so the file is probably damaged"
        )
    facts = DesignFacts(
        stitches=len(points),
        colors=sum(bool(stop.runs) for stop in stops),
        color_changes=len(stops) - 1,
        stops=len(stops),
        trims=trims,
        width_mm=width / _UNITS_PER_MM,
        height_mm=height / _UNITS_PER_MM,
    )
    return ReadDesign(facts, stops, left, top, width, height)


def _check_form(content: bytes) -> None:
    if not content:
        raise UnreadableDesign("The file is empty")
    header = content[:HEADER_BYTES]
    if len(content) < HEADER_BYTES or not header.startswith(b"LA:") or b"ST:" not in header:
        raise UnreadableDesign("The file is no DST design: it does not begin with the header of one")
    if (len(content) - HEADER_BYTES) // 3 > MAX_RECORDS:
        raise UnreadableDesign(f"The design has more than {MAX_RECORDS:,} stitches and jumps; split it")
    if not any(third & _END == _END for third in content[HEADER_BYTES + 2 :: 3]):
        raise UnreadableDesign("The design is cut off: its end mark is missing. Export it again")


def _pattern(content: bytes) -> EmbPattern:
    blank = b" " * HEADER_BYTES
    try:
        pattern: EmbPattern = read_dst(
            io.BytesIO(blank + content[HEADER_BYTES:]), {"trim_at": 0, "clipping": False}
        )
    except Exception as error:  # whatever the library makes of it: the file is at fault
        raise UnreadableDesign("The design cannot be read; it is probably damaged") from error
    return pattern


def _stops(pattern: EmbPattern) -> tuple[list[Stop], int]:
    """Stitches by stop and run, and the number of trims."""
    stops = [Stop()]
    run: list[Point] | None = None
    sewn, jumps, trims = False, 0, 0
    for x, y, flags in pattern.stitches:
        command = flags & COMMAND_MASK
        if command == STITCH:
            if run is None:
                run = []
                stops[-1].runs.append(run)
            run.append((int(x), int(y)))
            sewn, jumps = True, 0
            continue
        run = None
        jumps = jumps + 1 if command == JUMP else 0
        if sewn and jumps == JUMPS_OF_A_TRIM:
            trims, sewn = trims + 1, False
        if command == COLOR_CHANGE:
            stops.append(Stop())
            sewn = False
    while len(stops) > 1 and not stops[-1].runs:
        stops.pop()  # a change of thread after the last stitch
    return stops, trims
