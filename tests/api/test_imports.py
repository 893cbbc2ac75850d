import asyncio

import pytest
from sqlalchemy import text

from storage.database import Database
from tests.api.conftest import TestOrg
from tests.api.importer import PRODUCTS, Importer, faults


async def test_products_are_created_then_updated(
    importer: Importer, database: Database, fresh_org: TestOrg
) -> None:
    first = await importer("products", PRODUCTS + 'A,Polo,PCE,"{""KAR"":12}",true\nB,=1+1,M,,false\n')
    assert first == {"rows": 2, "created": 2, "updated": 0, "errors": [], "dry_run": False}
    second = await importer("products", "internal_sku;name;base_uom\nA;Shirt;PCE\nB;=1+1;M\nC;Cap;PCE\n")
    assert (second["created"], second["updated"]) == (1, 2)
    product = (await importer.ops.get("/products/A")).json()
    # what the file does not say stays as it was
    assert (product["name"], product["uom_conversions"], product["version"]) == ("Shirt", {"KAR": "12"}, 2)
    formula = (await importer.ops.get("/products/B")).json()
    assert (formula["name"], formula["active"]) == ("=1+1", False)
    async with database.transaction(fresh_org.id) as connection:
        trail = await connection.execute(
            text("SELECT details FROM audit_log WHERE action = 'PRODUCTS_IMPORTED' ORDER BY position")
        )
        details = list(trail.scalars())
    assert [(each["created"], each["updated"]) for each in details] == [(2, 0), (1, 2)]


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbf" + PRODUCTS.encode() + b"A,Polo,PCE,,\n",
        (PRODUCTS + "A,Polo,PCE,,").encode(),
        (PRODUCTS + "A,Polo,PCE,,\n").replace(",", ";").encode(),
        (PRODUCTS + "A,Polo,PCE,,\n").replace("\n", "\r\n").encode(),
        (PRODUCTS + "\n,,,,\nA,Polo,PCE,,\n").encode(),
        b" internal_sku , name,base_uom\nA,Polo,PCE,,,\n",
    ],
)
async def test_files_as_people_save_them_are_read(importer: Importer, content: bytes) -> None:
    report = await importer("products", content)
    assert (report["rows"], report["created"], report["errors"]) == (1, 1, [])
    assert await importer.skus() == {"A"}


async def test_a_multipart_file_is_read_too_and_its_boundary_is_no_other_body(importer: Importer) -> None:
    for _ in range(2):
        answer = await importer.ops.post(
            "/imports/products",
            files={"file": ("products.csv", PRODUCTS + "A,Polo,PCE,,\n", "text/csv")},
            headers={"Idempotency-Key": "k"},
        )
        assert answer.status_code == 200, answer.text
        assert answer.json()["created"] == 1


async def test_what_is_no_csv_file_is_refused(importer: Importer) -> None:
    headers = {"Content-Type": "application/json"}
    assert (await importer.send("products", "{}", headers)).status_code == 415
    latin = await importer.send("products", (PRODUCTS + "A,Müller,PCE,,\n").encode("latin-1"))
    assert latin.status_code == 422
    assert "UTF-8 (line 2)" in latin.json()["detail"]
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    for body in ("", "--x\r\n", '--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n--x--\r\n'):
        assert (await importer.send("products", body, headers)).status_code == 422
    assert (await importer.send("products", b"x" * (1024 * 1024 + 1))).status_code == 413
    too_many = "internal_sku,name,base_uom\n" + "A,B,C\n" * 10_001
    assert (await importer.send("products", too_many)).status_code == 422


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", [(1, None)]),
        ("\n", [(1, None)]),
        ("internal_sku,name\nA,B\n", [(1, "base_uom")]),
        ("internal_sku,name,base_uom,colour\nA,B,C,D\n", [(1, "colour")]),
        ("internal_sku,name,base_uom,name\nA,B,C,D\n", [(1, "name")]),
        (PRODUCTS + "A,Polo,PCE,,\nA,Polo,PCE,,\n", [(3, "internal_sku")]),
        (PRODUCTS + "A,,PCE,,\n", [(2, "name")]),
        (PRODUCTS + "A,Polo,PCE,,perhaps\n", [(2, "active")]),
        (PRODUCTS + "A,Polo\n", [(2, None)]),
        (PRODUCTS + "A,Polo,PCE,,,more\n", [(2, None)]),
        (PRODUCTS + "A,Po\x00lo,PCE,,\n", [(2, "name")]),
        (PRODUCTS + 'A,"Po\nlo",PCE,,\nB,,PCE,,\n', [(2, "name"), (4, "name")]),
        (PRODUCTS + "\nA,,PCE,,\n", [(3, "name")]),
        (PRODUCTS + 'A,"Polo"x,PCE,,\n', [(2, None)]),
        (PRODUCTS + 'A,"Polo,PCE,,\n', [(2, None)]),
        (PRODUCTS + f"{'A' * 200_000},Polo,PCE,,\n", [(2, None)]),
        *(
            (PRODUCTS.replace(",", ";") + f"A;Polo;PCE;{cell};\n", [(2, "uom_conversions_json")])
            for cell in (
                "x",
                "[]",
                "1",
                '"{""K"":0}"',
                '"{""K"":NaN}"',
                '"{""K"":1,""K"":2}"',
                '"{""K"":""a""}"',
            )
        ),
    ],
)
async def test_each_error_names_its_row_and_column_and_nothing_is_written(
    importer: Importer, content: str, expected: list[tuple[int, str | None]]
) -> None:
    report = await importer("products", content)
    assert faults(report) == expected
    assert (report["created"], report["updated"]) == (0, 0)
    assert await importer.skus() == set()


async def test_a_file_with_errors_writes_its_right_rows_only_when_asked(importer: Importer) -> None:
    content = PRODUCTS + "A,Polo,PCE,,\nB,,PCE,,\n"
    assert (await importer("products", content))["created"] == 0
    assert await importer.skus() == set()
    dry = await importer("products", content, partial=True, dry_run=True)
    assert (dry["created"], dry["dry_run"], faults(dry)) == (1, True, [(3, "name")])
    assert await importer.skus() == set()
    partial = await importer("products", content, partial=True)
    assert (partial["rows"], partial["created"], faults(partial)) == (2, 1, [(3, "name")])
    assert await importer.skus() == {"A"}


async def test_a_dry_run_tells_what_would_be_and_writes_nothing(
    importer: Importer, database: Database, fresh_org: TestOrg
) -> None:
    await importer("products", PRODUCTS + "A,Polo,PCE,,\n")
    report = await importer("products", PRODUCTS + "A,New,PCE,,\nB,Cap,PCE,,\n", dry_run=True)
    assert report == {"rows": 2, "created": 1, "updated": 1, "errors": [], "dry_run": True}
    assert await importer.skus() == {"A"}
    assert (await importer.ops.get("/products/A")).json()["version"] == 1
    async with database.transaction(fresh_org.id) as connection:
        assert await connection.scalar(text("SELECT count(*) FROM audit_log")) == 1


async def test_the_same_key_imports_once(importer: Importer) -> None:
    headers = {"Idempotency-Key": "import-1"}
    content = PRODUCTS + "A,Polo,PCE,,\n"
    answers = await asyncio.gather(*(importer.send("products", content, headers) for _ in range(3)))
    assert [answer.json()["created"] for answer in answers] == [1, 1, 1]
    assert (await importer.ops.get("/products/A")).json()["version"] == 1
    assert (await importer.send("products", content + "B,C,D,,\n", headers)).status_code == 422
    assert (await importer.send("products", content, headers, dry_run=True)).status_code == 422


async def test_ten_thousand_rows_are_imported_within_the_time_of_a_request(importer: Importer) -> None:
    rows = "".join(f"S-{number},Polo {number},PCE\n" for number in range(10_000))
    content = "internal_sku,name,base_uom\n" + rows
    assert (await importer("products", content))["created"] == 10_000
    assert (await importer("products", content))["updated"] == 10_000
