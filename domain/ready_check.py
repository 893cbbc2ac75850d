"""May this draft be approved? Every issue that the check can find. Source: domain.md, "Ready check"."""

from collections.abc import Callable, Iterable
from datetime import datetime
from decimal import Decimal

from domain.codes import CURRENCIES, UOMS
from domain.draft import Draft, Issue, Line, ReadyCheck
from domain.facts import Facts, PriceFact

ERROR = "ERROR"
WARNING = "WARNING"

SEVERITIES: dict[str, str] = {
    "MISSING_CUSTOMER": ERROR,
    "MISSING_CURRENCY": ERROR,
    "NO_LINES": ERROR,
    "MISSING_SKU": ERROR,
    "UNKNOWN_PRODUCT": ERROR,
    "MISSING_QTY": ERROR,
    "INVALID_QTY": ERROR,
    "MISSING_UOM": ERROR,
    "UNKNOWN_UOM": ERROR,
    "UOM_INCOMPATIBLE": ERROR,
    "MISSING_PRICE": WARNING,
    "PRICE_MISMATCH": WARNING,
    "DUPLICATE_LINE": WARNING,
    "DUPLICATE_ORDER": WARNING,
}

Found = tuple[str, str]  # type, sentence


def check(draft: Draft, facts: Facts, at: datetime) -> tuple[ReadyCheck, list[Issue]]:
    """Judge `draft` by `facts` as of `at` (UTC). Pure: the same arguments give the same answer."""
    issues = [_issue(found, None) for found in _header(draft, facts)]
    for line in draft.lines:
        for rule in _LINE_RULES:
            issues += [_issue(found, line.line_no) for found in rule(line, draft, facts)]
    issues += _duplicate_lines(draft.lines)
    blocking = list(dict.fromkeys(issue.type for issue in issues if issue.severity == ERROR))
    return ReadyCheck(is_ready=not blocking, blocking_reasons=blocking, checked_at=at), issues


def _issue(found: Found, line_no: int | None) -> Issue:
    kind, message = found
    return Issue(type=kind, severity=SEVERITIES[kind], line_no=line_no, message=message)


def _header(draft: Draft, facts: Facts) -> Iterable[Found]:
    header = draft.header
    if header.customer_id is None:
        yield "MISSING_CUSTOMER", "The order has no customer"
    elif facts.customer is None:
        yield "MISSING_CUSTOMER", "The order's customer is not known"
    if header.currency is None:
        yield "MISSING_CURRENCY", "The order has no currency"
    elif header.currency not in CURRENCIES:
        yield "MISSING_CURRENCY", f"{header.currency} is not an ISO 4217 currency"
    if not draft.lines:
        yield "NO_LINES", "The order has no lines"
    if facts.duplicates:
        others = ", ".join(facts.duplicates)
        yield "DUPLICATE_ORDER", f"{header.external_order_number} of this customer is also in {others}"


def _sku(line: Line, _draft: Draft, facts: Facts) -> Iterable[Found]:
    if line.internal_sku is None:
        yield "MISSING_SKU", f"Line {line.line_no} has no product number"
        return
    product = facts.products.get(line.internal_sku)
    if product is None:
        yield "UNKNOWN_PRODUCT", f"Line {line.line_no}: {line.internal_sku} is not in the catalog"
    elif not product.active:
        yield (
            "UNKNOWN_PRODUCT",
            f"Line {line.line_no}: {line.internal_sku} is no longer active in the catalog",
        )


def _qty(line: Line, _draft: Draft, _facts: Facts) -> Iterable[Found]:
    if line.qty is None:
        yield "MISSING_QTY", f"Line {line.line_no} has no quantity"
    elif line.qty <= 0:
        yield "INVALID_QTY", f"Line {line.line_no}: the quantity must be greater than 0"


def _uom(line: Line, _draft: Draft, facts: Facts) -> Iterable[Found]:
    if line.uom is None:
        yield "MISSING_UOM", f"Line {line.line_no} has no unit"
        return
    if line.uom not in UOMS and line.uom not in facts.known_uoms:
        yield "UNKNOWN_UOM", f"Line {line.line_no}: {line.uom} is not a known unit"
        return
    product = facts.products.get(line.internal_sku or "")
    if product is not None and line.uom != product.base_uom and line.uom not in product.uoms:
        yield (
            "UOM_INCOMPATIBLE",
            f"Line {line.line_no}: {line.internal_sku} is kept in {product.base_uom}; "
            f"{line.uom} cannot be converted to it",
        )


def _price(line: Line, draft: Draft, facts: Facts) -> Iterable[Found]:
    if line.unit_price is None:
        yield "MISSING_PRICE", f"Line {line.line_no} has no price"
        return
    agreed = _agreed_price(line, draft, facts.prices)
    if agreed is None:
        return
    allowed = agreed * facts.policy.price_tolerance_percent / Decimal(100)
    if abs(line.unit_price - agreed) > allowed:
        yield (
            "PRICE_MISMATCH",
            f"Line {line.line_no}: the price is {line.unit_price:f}, agreed with the customer is {agreed:f}",
        )


def _agreed_price(line: Line, draft: Draft, prices: list[PriceFact]) -> Decimal | None:
    """The price of the highest quantity step that the line reaches, valid on the order date."""
    day = draft.header.order_date or draft.created_at.date()
    fitting = [
        price
        for price in prices
        if price.internal_sku == line.internal_sku
        and price.currency == draft.header.currency
        and price.uom == line.uom
        and (price.valid_from is None or price.valid_from <= day)
        and (price.valid_to is None or day <= price.valid_to)
        and price.min_qty <= (line.qty or Decimal(0))
    ]
    return max(fitting, key=lambda price: price.min_qty).unit_price if fitting else None


def _duplicate_lines(lines: list[Line]) -> list[Issue]:
    first: dict[object, int] = {}
    issues = []
    for line in lines:
        if line.internal_sku is None:
            continue
        decoration = line.decoration.model_dump_json() if line.decoration else None
        same = (line.internal_sku, line.uom, line.qty, line.requested_delivery_date, decoration)
        if same in first:
            message = f"Line {line.line_no} repeats line {first[same]}"
            issues.append(_issue(("DUPLICATE_LINE", message), line.line_no))
        else:
            first[same] = line.line_no
    return issues


_LINE_RULES: tuple[Callable[[Line, Draft, Facts], Iterable[Found]], ...] = (_sku, _qty, _uom, _price)
