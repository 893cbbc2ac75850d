"""Typst: our templates, other people's text as data. Runs in the child process only.

Data reaches a template as JSON in an input, so that no text becomes markup. Templates read no file, packages
have nowhere to come from, and only the fonts that typst brings are used.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import typst

_FOLDER = Path(__file__).parent
_NO_PACKAGES = "/nonexistent"
_PICTURE = b"""
#set page(width: auto, height: auto, margin: 0pt)
#image(bytes(sys.inputs.picture), format: "svg")
"""


def png_of(picture: str) -> bytes:
    """The picture at one pixel per SVG unit, about 800 on its longer side."""
    return _typeset(_PICTURE, {"picture": picture}, "png", ppi=96.0)[0]


def trim_sheet(
    sheet: Mapping[str, Any], picture: str, paper: str, kind: Literal["pdf", "png"] = "pdf"
) -> list[bytes]:
    """One PDF, or a PNG for each page. `sheet` is a dumped `TrimSheet`; `paper` is `a4` or `us-letter`."""
    template = (_FOLDER / "trim_sheet.typ").read_bytes()
    inputs = {"sheet": json.dumps(sheet), "picture": picture, "paper": paper}
    return _typeset(template, inputs, kind, ppi=110.0)


def _typeset(template: bytes, inputs: dict[str, str], kind: Literal["pdf", "png"], ppi: float) -> list[bytes]:
    compiler = typst.Compiler(
        template,
        root=str(_FOLDER),
        ignore_system_fonts=True,
        sys_inputs=inputs,
        package_path=_NO_PACKAGES,
        package_cache_path=_NO_PACKAGES,
    )
    made = compiler.compile(format=kind, ppi=ppi)
    if made is None:
        raise ValueError("typst gave no document")
    return [made] if isinstance(made, bytes) else made
