"""What was read from one file: values to write, and what is wrong with the rest."""

from dataclasses import dataclass
from typing import Any

from api.csv_rows import Table


@dataclass(frozen=True)
class Batch:
    table: Table
    values: list[dict[str, Any]]  # JSON, each with the columns of the storage's import
