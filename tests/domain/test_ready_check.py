"""Each issue appears exactly when it should; only errors keep a draft from being ready."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from domain.draft import Draft
from domain.facts import Facts, PriceFact, ProductFact
from domain.policy import OrgPolicy
from domain.ready_check import SEVERITIES, check
from tests.domain.orders import AT, LATER, NOT_READY, decoration, draft, facts, header, line

BY_HAND = {
    "ERROR": {
        "MISSING_CUSTOMER",
        "MISSING_CURRENCY",
        "NO_LINES",
        "MISSING_SKU",
        "UNKNOWN_PRODUCT",
        "MISSING_QTY",
        "INVALID_QTY",
        "MISSING_UOM",
        "UNKNOWN_UOM",
        "UOM_INCOMPATIBLE",
    },
    "WARNING": {"MISSING_PRICE", "PRICE_MISMATCH", "DUPLICATE_LINE", "DUPLICATE_ORDER"},
}


def price(unit_price: str, **fields: Any) -> PriceFact:
    given = {"internal_sku": "INT-1", "currency": "EUR", "uom": "M", "min_qty": Decimal(0)}
    return PriceFact(**{**given, "unit_price": Decimal(unit_price), **fields})


def one_line(**fields: Any) -> Draft:
    return draft(lines=[line(1, **fields)])


def one_product(**fields: Any) -> Facts:
    return facts(products={"INT-1": ProductFact(**{"base_uom": "M", "uoms": [], "active": True, **fields})})


def issues(of: Draft, known: Facts | None = None) -> list[tuple[str, int | None]]:
    return [(issue.type, issue.line_no) for issue in check(of, known or facts(), LATER)[1]]


def test_every_issue_type_has_the_severity_of_the_reference() -> None:
    assert {kind: severity for severity, kinds in BY_HAND.items() for kind in kinds} == SEVERITIES


CASES: list[tuple[str, int | None, Draft, Facts]] = [
    ("MISSING_CUSTOMER", None, draft(header=header(customer_id=None)), facts(customer=None)),
    ("MISSING_CUSTOMER", None, draft(), NOT_READY),
    ("MISSING_CURRENCY", None, draft(header=header(currency=None)), facts()),
    ("MISSING_CURRENCY", None, draft(header=header(currency="XXY")), facts()),
    ("NO_LINES", None, draft(lines=[]), facts()),
    ("MISSING_SKU", 1, one_line(internal_sku=None), facts()),
    ("UNKNOWN_PRODUCT", 1, one_line(internal_sku="GONE"), facts()),
    ("UNKNOWN_PRODUCT", 1, draft(), one_product(active=False)),
    ("MISSING_QTY", 1, one_line(qty=None), facts()),
    ("INVALID_QTY", 1, one_line(qty=Decimal(0)), facts()),
    ("INVALID_QTY", 1, one_line(qty=Decimal("-0.5")), facts()),
    ("MISSING_UOM", 1, one_line(uom=None), facts()),
    ("UNKNOWN_UOM", 1, one_line(uom="FURLONG"), facts()),
    ("UOM_INCOMPATIBLE", 1, one_line(uom="KG"), facts()),
    ("UOM_INCOMPATIBLE", 1, draft(), one_product(base_uom="PCE")),
    ("MISSING_PRICE", 1, one_line(unit_price=None), facts()),
    ("PRICE_MISMATCH", 1, draft(), facts(prices=[price("1.24")])),
    ("DUPLICATE_LINE", 4, draft(lines=[line(1), line(4, internal_sku="INT-1")]), facts()),
    ("DUPLICATE_ORDER", None, draft(), facts(duplicates=["D-000007"])),
]


@pytest.mark.parametrize(("kind", "line_no", "of", "known"), CASES)
def test_one_fault_is_one_issue_at_its_place(kind: str, line_no: int | None, of: Draft, known: Facts) -> None:
    ready, found = check(of, known, LATER)
    assert [(issue.type, issue.line_no) for issue in found] == [(kind, line_no)]
    assert (found[0].severity, found[0].status) == (SEVERITIES[kind], "OPEN")
    assert ready.is_ready is (kind in BY_HAND["WARNING"])
    assert ready.blocking_reasons == ([] if ready.is_ready else [kind])
    assert ready.checked_at == LATER


def test_every_issue_type_has_a_case() -> None:
    assert {kind for kind, *_ in CASES} == set(SEVERITIES)


@pytest.mark.parametrize(
    ("of", "known"),
    [
        (draft(), facts()),
        (one_line(uom="CM"), facts()),  # convertible
        (one_line(uom="BALE"), one_product(base_uom="BALE")),  # a unit of the catalog is a known unit
        (one_line(qty=Decimal("0.000001")), facts()),
        (one_line(unit_price=Decimal(0)), facts()),
        (draft(header=header(external_order_number=None, order_date=None)), facts()),
    ],
)
def test_a_good_draft_is_ready_without_issues(of: Draft, known: Facts) -> None:
    known = known.model_copy(update={"known_uoms": [*known.known_uoms, "BALE"]})
    ready, found = check(of, known, LATER)
    assert (ready.is_ready, ready.blocking_reasons, found) == (True, [], [])


def test_all_faults_are_told_at_once_and_each_reason_once() -> None:
    empty = {"internal_sku": None, "qty": None, "uom": None, "unit_price": None}
    of = draft(header=header(customer_id=None, currency=None), lines=[line(1, **empty), line(2, **empty)])
    ready, found = check(of, facts(customer=None), LATER)
    assert ready.blocking_reasons == [
        "MISSING_CUSTOMER",
        "MISSING_CURRENCY",
        "MISSING_SKU",
        "MISSING_QTY",
        "MISSING_UOM",
    ]
    assert len(found) == 2 + 2 * 4


@pytest.mark.parametrize(
    ("agreed", "mismatch"),
    [
        ([price("1.2300")], False),
        ([price("1.23")], False),
        ([price("1.24")], True),
        ([price("9", currency="USD")], False),
        ([price("9", uom="CM")], False),
        ([price("9", internal_sku="INT-2")], False),
        ([price("9", min_qty=Decimal(11))], False),
        ([price("9", min_qty=Decimal(10)), price("1.23")], True),
        ([price("9"), price("1.23", min_qty=Decimal(10))], False),
        ([price("9", valid_from=date(2026, 11, 21))], False),
        ([price("9", valid_from=date(2026, 11, 20))], True),
        ([price("9", valid_to=date(2026, 11, 19))], False),
        ([price("9", valid_to=date(2026, 11, 20))], True),
    ],
)
def test_a_price_is_compared_with_the_one_agreed_for_that_day_and_quantity(
    agreed: list[PriceFact], mismatch: bool
) -> None:
    assert issues(draft(), facts(prices=agreed)) == ([("PRICE_MISMATCH", 1)] if mismatch else [])


def test_without_an_order_date_the_day_of_creation_counts() -> None:
    of = draft(header=header(order_date=None))
    known = facts(prices=[price("9", valid_from=AT.date(), valid_to=AT.date())])
    assert issues(of, known) == [("PRICE_MISMATCH", 1)]


@pytest.mark.parametrize(
    ("given", "mismatch"), [("102", False), ("98", False), ("102.01", True), ("97.99", True)]
)
def test_the_tolerance_is_a_percentage_of_the_agreed_price_both_ways(given: str, mismatch: bool) -> None:
    policy = OrgPolicy(price_tolerance_percent=Decimal(2))
    known = facts(policy=policy, prices=[price("100")])
    found = issues(one_line(unit_price=Decimal(given)), known)
    assert found == ([("PRICE_MISMATCH", 1)] if mismatch else [])


@pytest.mark.parametrize(
    ("difference", "repeats"),
    [
        ({}, True),
        ({"qty": Decimal("10.00")}, True),
        ({"unit_price": Decimal(7)}, True),
        ({"qty": Decimal(11)}, False),
        ({"uom": "CM"}, False),
        ({"internal_sku": "INT-2"}, False),
        ({"requested_delivery_date": date(2026, 12, 1)}, False),
        ({"decoration": decoration()}, False),
    ],
)
def test_a_line_repeats_another_when_the_same_thing_is_ordered_twice(
    difference: dict[str, Any], repeats: bool
) -> None:
    of = draft(lines=[line(1), line(2, **{"internal_sku": "INT-1", **difference})])
    assert issues(of) == ([("DUPLICATE_LINE", 2)] if repeats else [])


def test_lines_without_a_product_number_are_not_compared() -> None:
    of = draft(lines=[line(1, internal_sku=None), line(2, internal_sku=None)])
    assert issues(of) == [("MISSING_SKU", 1), ("MISSING_SKU", 2)]
