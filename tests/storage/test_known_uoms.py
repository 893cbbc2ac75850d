"""Any unit that a product of the org names is known; the catalog is read through for strange ones only."""

from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from sqlalchemy import text

from domain.facts import FactsRequest, facts_request
from storage.database import Database
from storage.facts import facts_query, read_facts
from tests.domain.orders import draft, line
from tests.storage.conftest import new_org
from tests.storage.test_query_plans import rows_looked_at

PRODUCTS = 2000
_FILL = text(
    """
    INSERT INTO product
        (org_id, internal_sku, name, base_uom, uom_conversions, active, created_at, updated_at)
    SELECT :org, 'INT-' || n, 'Product', CASE n WHEN 7 THEN 'BALE' WHEN 8 THEN 'DRUM' ELSE 'M' END,
        CASE n WHEN 7 THEN '{"TRUCK": "40"}' WHEN 9 THEN '{"CRATE": "6"}' ELSE '{}' END::jsonb,
        n <> 8, now(), now()
    FROM generate_series(1, cast(:products AS int)) n
    """
)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def stocked(database: Database) -> UUID:
    org = await new_org(database)
    async with database.transaction(org) as connection:
        await connection.execute(_FILL, {"org": org, "products": PRODUCTS})
    return org


def asked(org: UUID, uoms: list[str], skus: list[str] | None = None) -> FactsRequest:
    return FactsRequest(org_id=org, draft_id=uuid4(), uoms=uoms, skus=skus or [])


@pytest.mark.parametrize(
    ("uom", "skus", "known"),
    [
        ("BALE", ["INT-7"], True),  # its own product's
        ("TRUCK", ["INT-7"], True),
        ("BALE", ["INT-1"], True),  # another product's
        ("CRATE", [], True),
        ("DRUM", [], True),  # of a product that is no longer active
        ("bale", [], False),
        ("HEAP", ["INT-7"], False),
    ],
)
async def test_a_unit_that_any_product_names_is_known(
    database: Database, stocked: UUID, uom: str, skus: list[str], known: bool
) -> None:
    async with database.transaction(stocked) as connection:
        facts = await read_facts(connection, asked(stocked, [uom, "PUFF"], skus), 1800)
    assert facts.known_uoms == ([uom] if known else [])


async def test_a_unit_of_another_org_is_not_known(database: Database, stocked: UUID) -> None:
    other = await new_org(database)
    async with database.transaction(other) as connection:
        facts = await read_facts(connection, asked(other, ["BALE", "CRATE"]), 1800)
    assert facts.known_uoms == []


def test_only_units_that_not_everybody_knows_are_asked_for() -> None:
    lines = [line(1, uom="M"), line(2, uom="BALE"), line(3, uom=None), line(4, uom="CRATE")]
    assert facts_request(draft(lines=lines)).uoms == ["BALE", "CRATE"]


@pytest.mark.parametrize("uoms", [[], ["BALE"], ["BALE", "TRUCK"]])
async def test_the_units_of_the_drafts_own_products_cost_no_look_at_the_others(
    database: Database, stocked: UUID, uoms: list[str]
) -> None:
    query, values = facts_query(asked(stocked, uoms, ["INT-1", "INT-7"]))
    # other tests' customers and prices count a little
    assert await rows_looked_at(database, stocked, query.text, values) < PRODUCTS // 2


async def test_however_many_strange_units_there_are_the_catalog_is_read_once(
    database: Database, stocked: UUID
) -> None:
    query, values = facts_query(asked(stocked, [f"X{n}" for n in range(300)]))
    assert await rows_looked_at(database, stocked, query.text, values) < 3 * PRODUCTS + 1000
