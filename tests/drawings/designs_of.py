"""DST files as a digitizing program writes them: by pyembroidery's own writer."""

import io
import math

from pyembroidery import EmbPattern, write_dst

HEADER_BYTES = 512


def dst(pattern: EmbPattern) -> bytes:
    stream = io.BytesIO()
    write_dst(pattern, stream)
    return stream.getvalue()


def crest(*, stops: int = 3, turns: int = 12, trims: bool = True) -> bytes:
    """Rings of stitches, one for each stop; the largest has a radius of 10 mm times `stops`."""
    pattern = EmbPattern()
    for stop in range(stops):
        radius = 100 * (stop + 1)
        for n in range(turns * 10 + 1):
            angle = n / (turns * 10) * 2 * math.pi
            pattern.stitch_abs(radius * math.cos(angle), radius * math.sin(angle))
        if trims:
            pattern.trim()
        if stop < stops - 1:
            pattern.color_change()
    pattern.end()
    return dst(pattern)


def records(*triples: tuple[int, int, int]) -> bytes:
    """A DST of these raw records, with header and end mark."""
    header = b"LA:hostile\rST:%7d\r" % len(triples)
    body = b"".join(bytes(triple) for triple in triples)
    return header.ljust(HEADER_BYTES) + body + b"\x00\x00\xf3"
