"""CSV files as people upload them: UTF-8 with or without BOM, `,` or `;`, one header row.

A row's number is the number of its first line in the file, the header being 1. Formula characters are data.
"""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated, Any, TypeVar

from fastapi import Request
from pydantic import BaseModel, BeforeValidator, ValidationError

from api.exact_json import read_json
from api.problems import Problem
from api.uploads import MULTIPART, content_type, uploaded_file

MAX_ROWS = 10_000


class RowProblem(BaseModel):
    row: int  # line in the file; the header is 1
    column: str | None  # null: the row as a whole
    message: str


@dataclass(frozen=True)
class CsvRow:
    number: int
    cells: dict[str, str]  # those that are not blank


@dataclass
class Table:
    rows: list[CsvRow] = field(default_factory=list)
    problems: list[RowProblem] = field(default_factory=list)
    count: int = 0  # data rows, the broken ones too

    def blame(self, row: int, column: str | None, message: str) -> None:
        self.problems.append(RowProblem(row=row, column=column, message=message))


async def read_upload(request: Request) -> str:
    """The file's text.

    Raises:
        Problem: 415 for another content type, 422 when there is no file or it is not UTF-8.
    """
    kind = content_type(request)
    if kind == "text/csv":
        content = await request.body()
    elif kind == MULTIPART:
        content = (await uploaded_file(request, "the CSV")).content
    else:
        raise Problem(415, "Send the file as text/csv, or as a file in multipart/form-data")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise Problem(422, f"The file is not UTF-8 (line {line}); save it as CSV UTF-8") from None


def read_table(text: str, *, required: tuple[str, ...], optional: tuple[str, ...]) -> Table:
    """Cells by column. Columns that are unknown, missing or there twice are a problem of row 1.

    Raises:
        Problem: 422 when the file has more than `MAX_ROWS` rows.
    """
    table = Table()
    records = _records(text, table)
    columns = [cell.strip() for cell in next(records, (1, []))[1]]
    _check_columns(table, columns, required, optional)
    if table.problems:
        return table
    for number, cells in records:
        table.count += 1
        if table.count > MAX_ROWS:
            raise Problem(422, f"The file has more than {MAX_ROWS:,} rows; split it")
        if len(cells) < len(columns) or any(cell.strip() for cell in cells[len(columns) :]):
            table.blame(number, None, f"has {len(cells)} cells, the header has {len(columns)}")
            continue
        pairs = zip(columns, cells, strict=False)
        table.rows.append(CsvRow(number, {column: cell for column, cell in pairs if cell.strip()}))
    return table


def _check_columns(
    table: Table, columns: list[str], required: tuple[str, ...], optional: tuple[str, ...]
) -> None:
    if not any(columns):
        table.blame(1, None, "the file has no header row")
        return
    known = {*required, *optional}
    for column in dict.fromkeys(columns):
        if column not in known:
            table.blame(1, column[:100], "unknown column; known are " + ", ".join((*required, *optional)))
        elif columns.count(column) > 1:
            table.blame(1, column, "the column is there twice")
    for column in required:
        if column not in columns:
            table.blame(1, column, "the column is missing")


def _records(text: str, table: Table) -> Iterator[tuple[int, list[str]]]:
    """Number of the first line and cells of each row that is not blank; the header first."""
    header = text.partition("\n")[0]
    delimiter = ";" if header.count(";") > header.count(",") else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    while True:
        number = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            table.count += 1
            table.blame(number, None, "a quotation mark is out of place; the rest was not read")
            return
        if any(cell.strip() for cell in cells):
            yield number, cells


Model = TypeVar("Model", bound=BaseModel)


def checked(model: type[Model], row: CsvRow, table: Table) -> Model | None:
    """The row as `model`, or None after its problems were noted in the table."""
    try:
        return model.model_validate(row.cells)
    except ValidationError as error:
        for each in error.errors(include_url=False, include_context=False, include_input=False):
            column, *inner = [str(part)[:100] for part in each["loc"]] or [""]
            message = "must not be empty" if each["type"] == "missing" else each["msg"]
            where = f"{inner[0]}: " if inner and inner[-1] != "[key]" else ""
            table.blame(row.number, column or None, where + message.removeprefix("Value error, "))
        return None


def _json_object(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        found = read_json(value, _without_twins)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise ValueError('must be a JSON object with each key once, like {"KAR": "12"}')
    return found


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) < len(pairs):
        raise ValueError("a key is there twice")
    return dict(pairs)


JsonCell = BeforeValidator(_json_object)


def _flag(value: Any) -> Any:
    flags = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
    if isinstance(value, str):
        if value.strip().lower() not in flags:
            raise ValueError("must be true or false")
        return flags[value.strip().lower()]
    return value


Flag = Annotated[bool, BeforeValidator(_flag)]
