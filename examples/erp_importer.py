"""An ERP's side of the dropzone, to start from: take orders in, refuse bad ones, answer each with a file.

Run it by hand or from cron; Python 3.11 and the package `jsonschema` are all it needs. It may be killed
anywhere and run again: an order is booked once, and answered at least once.

    python examples/erp_importer.py --orders DROPZONE/orders --acks DROPZONE/acks --state FOLDER_OF_YOUR_OWN
"""

import argparse
import json
import os
import re
import sqlite3
import sys
import time
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import jsonschema

# Only final names; `….tmp` is an upload that is not finished, or never will be.
ORDER_FILE = re.compile(r"sales_order_[0-9a-f-]{36}_\d{8}T\d{6}Z_[0-9a-f]{8}\.json")
SCHEMA = Path(__file__).parents[1] / "domain" / "export_document.schema.json"


class Refused(Exception):
    """The order cannot be booked; `code` and the text go back to the people who sent it."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        super().__init__(message)


class Books:
    """The ERP's own database; here a file. One row per draft order, because an order may arrive twice."""

    def __init__(self, path: Path) -> None:
        self._database = sqlite3.connect(path)
        with self._database:
            self._database.execute(
                "CREATE TABLE IF NOT EXISTS orders (number INTEGER PRIMARY KEY, draft_order_id TEXT UNIQUE, "
                "file_name TEXT, document TEXT)"
            )

    def book(self, document: dict[str, Any], file_name: str, text: str) -> str:
        """Book once; the number of the order, the same again for a repeat."""
        draft = document["draft_order_id"]
        with self._database:
            self._database.execute(
                "INSERT INTO orders (draft_order_id, file_name, document) VALUES (?, ?, ?) "
                "ON CONFLICT (draft_order_id) DO NOTHING",
                (draft, file_name, text),
            )
        found = self._database.execute("SELECT number FROM orders WHERE draft_order_id = ?", (draft,))
        return f"SO-{found.fetchone()[0]:06}"


def read(text: str, schema: dict[str, Any], skus: set[str] | None) -> dict[str, Any]:
    """The document, checked.

    Raises:
        Refused: it is not what the schema says, or names something that the ERP does not know.
    """
    try:
        # money and quantities are decimals: a float would round them
        document: dict[str, Any] = json.loads(text, parse_float=Decimal)
        jsonschema.validate(document, schema)
    except json.JSONDecodeError as error:
        raise Refused("NOT_JSON", str(error)) from None
    except jsonschema.ValidationError as error:
        raise Refused("SCHEMA", f"{error.json_path}: {error.message}"[:500]) from None
    for line in document["lines"]:
        if skus is not None and line["internal_sku"] not in skus:
            raise Refused("UNKNOWN_ITEM", f"Line {line['line_no']}: no item {line['internal_sku']}")
    return document


def answer(acks: Path, name: str, content: dict[str, Any]) -> None:
    """Write under a temporary name, then rename: nobody ever sees half of an answer, or a changed one."""
    final, temporary = acks / name, acks / f"{name}.tmp"
    if final.exists():
        return
    with temporary.open("w", encoding="utf-8") as stream:
        json.dump({**content, "processed_at": datetime.now(UTC).isoformat()}, stream)
        stream.flush()
        os.fsync(stream.fileno())
    temporary.rename(final)


def take_in(file: Path, options: argparse.Namespace, books: Books, schema: dict[str, Any]) -> None:
    """Book, answer, put the order away: in this order, so that a crash repeats a step and loses none."""
    text = file.read_text(encoding="utf-8")
    try:
        number = books.book(read(text, schema, options.skus), file.name, text)
    except Refused as refused:
        told = {"status": "FAILED", "error_code": refused.code, "message": str(refused)}
        answer(options.acks, f"error_{file.name}", told)
        print(f"refused {file.name}: {refused}")
    else:
        answer(options.acks, f"ack_{file.name}", {"status": "ACKED", "erp_order_id": number})
        print(f"booked {file.name} as {number}")
    file.rename(options.state / "done" / file.name)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Read orders from a dropzone and answer them.")
    parser.add_argument("--orders", type=Path, required=True, help="the connection's export_path")
    parser.add_argument("--acks", type=Path, required=True, help="the connection's ack_path")
    parser.add_argument("--state", type=Path, required=True, help="a folder of the ERP's own, same disk")
    parser.add_argument("--skus", type=lambda text: set(text.split(",")), help="known items, with commas")
    parser.add_argument("--every", type=float, help="look again after so many seconds; else once")
    return parser.parse_args()


def main() -> int:
    options = arguments()
    (options.state / "done").mkdir(parents=True, exist_ok=True)
    books, schema = Books(options.state / "books.sqlite"), json.loads(SCHEMA.read_text())
    while True:
        waiting = [file for file in options.orders.iterdir() if ORDER_FILE.fullmatch(file.name)]
        for file in sorted(waiting, key=lambda file: file.name.split("_")[3]):
            take_in(file, options, books, schema)
        if options.every is None:
            return 0
        time.sleep(options.every)


if __name__ == "__main__":
    sys.exit(main())
