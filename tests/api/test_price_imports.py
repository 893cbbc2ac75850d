from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from domain.statuses import Role
from storage.database import Database
from tests.api.conftest import ClientFor, TestOrg
from tests.api.importer import PRODUCTS, Importer, faults, make_customer

PRICES = (
    "erp_customer_number,customer_name,internal_sku,currency,uom,unit_price,min_qty,valid_from,valid_to\n"
)


async def prices(database: Database, org: TestOrg) -> list[tuple[Any, ...]]:
    query = (
        "SELECT customer_id, internal_sku, unit_price::text, min_qty::text, valid_from::text "
        "FROM customer_price ORDER BY unit_price"
    )
    async with database.transaction(org.id) as connection:
        rows = await connection.execute(text(query))
        return [(str(row[0]), *row[1:]) for row in rows]


async def test_prices_are_created_then_updated_by_their_key(
    importer: Importer, database: Database, fresh_org: TestOrg
) -> None:
    await importer("products", PRODUCTS + "A,Polo,PCE,,\n")
    numbered, named = (
        await make_customer(importer, "Hansen", "C-1"),
        await make_customer(importer, "Petersen"),
    )
    content = PRICES + "C-1,,A,EUR,PCE,1.2300,,,\n,Petersen,A,EUR,PCE,2,10,2026-01-01,2026-12-31\n"
    first = await importer("customer-prices", content)
    assert first == {"rows": 2, "created": 2, "updated": 0, "errors": [], "dry_run": False}
    expected = [(numbered, "A", "1.2300", "0", None), (named, "A", "2", "10", "2026-01-01")]
    assert await prices(database, fresh_org) == expected
    again = await importer("customer-prices", PRICES + "C-1,,A,EUR,PCE,1.5,0.0,,\nC-1,,A,EUR,PCE,1.6,5,,\n")
    assert (again["created"], again["updated"]) == (1, 1)
    assert [row[2] for row in await prices(database, fresh_org)] == ["1.5", "1.6", "2"]


@pytest.mark.parametrize(
    ("row", "column"),
    [
        ("C-9,,A,EUR,PCE,1,,,", "erp_customer_number"),
        (",Nobody,A,EUR,PCE,1,,,", "customer_name"),
        (",Twin,A,EUR,PCE,1,,,", "customer_name"),
        (",,A,EUR,PCE,1,,,", "erp_customer_number"),
        ("C-1,,NONE,EUR,PCE,1,,,", "internal_sku"),
        ("C-1,,A,XYZ,PCE,1,,,", "currency"),
        ("C-1,,A,EUR,,1,,,", "uom"),
        ("C-1,,A,EUR,PCE,,,,", "unit_price"),
        ("C-1,,A,EUR,PCE,-1,,,", "unit_price"),
        ("C-1,,A,EUR,PCE,NaN,,,", "unit_price"),
        ("C-1,,A,EUR,PCE,1e99,,,", "unit_price"),
        ("C-1,,A,EUR,PCE,1,-1,,", "min_qty"),
        ("C-1,,A,EUR,PCE,1,,2026-02-30,", "valid_from"),
        ("C-1,,A,EUR,PCE,1,,1700000000,", "valid_from"),
        ("C-1,,A,EUR,PCE,1,,2026-02-02,2026-02-01", "valid_to"),
        ("C-1,,A,EUR,PCE,1,,,\nC-1,,A,EUR,PCE,2,0.00,,", None),
    ],
)
async def test_a_price_that_does_not_fit_is_an_error_of_its_row(
    importer: Importer, database: Database, fresh_org: TestOrg, row: str, column: str | None
) -> None:
    await importer("products", PRODUCTS + "A,Polo,PCE,,\n")
    await make_customer(importer, "Hansen", "C-1")
    for _ in range(2):
        await make_customer(importer, "Twin")
    report = await importer("customer-prices", PRICES + row + "\n")
    assert faults(report) == [(3 if "\n" in row else 2, column)]
    assert await prices(database, fresh_org) == []


async def test_another_orgs_customers_and_products_are_unknown(
    importer: Importer, client_for: ClientFor
) -> None:
    await importer("products", PRODUCTS + "A,Polo,PCE,,\n")
    await make_customer(importer, "Hansen", "C-1")
    stranger = Importer(client_for(Role.OPS, "other"))
    await make_customer(stranger, "Local", own := uuid4().hex)
    content = PRICES + f"C-1,,A,EUR,PCE,1,,,\n,Hansen,A,EUR,PCE,1,,,\n{own},,A,EUR,PCE,1,,,\n"
    assert faults(await stranger("customer-prices", content)) == [
        (2, "erp_customer_number"),
        (3, "customer_name"),
        (4, "internal_sku"),
    ]
