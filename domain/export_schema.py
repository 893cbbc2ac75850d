"""The export document's JSON Schema, as a file beside this one, for ERPs and for us."""

import json
from functools import cache
from pathlib import Path
from typing import Any


@cache
def export_schema() -> dict[str, Any]:
    text = Path(__file__).with_name("export_document.schema.json").read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema
