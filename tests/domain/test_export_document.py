"""The document that an ERP gets, byte by byte, and the names that follow from (draft, attempt)."""

import json
import re
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.canonical import sha256_hex
from domain.draft import Draft, Header, SourceDocument
from domain.events import PushRequested
from domain.export_document import delivery, export_id, file_name, storage_key, too_large
from domain.export_schema import export_schema
from domain.facts import Artwork, ColorUpThreads, CustomerFact, LogoFact, facts_request
from domain.refusals import GateHeld
from domain.statuses import DraftStatus, LineStatus
from domain.transitions import Command
from tests.domain.orders import (
    AT,
    CUSTOMER,
    LATER,
    ORG,
    decided,
    decorated,
    decoration,
    draft,
    facts,
    header,
    line,
)

NAME = re.compile(r"^sales_order_[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}_\d{8}T\d{6}Z_[0-9a-f]{8}\.json$")
COLOR_UP = UUID(int=88)
NAVY: dict[str, str | int | None] = {
    "brand": "Madeira",
    "needle": None,
    "stop": 1,
    "thread_code": "1243",
    "thread_name": "Navy",
}
GOLD: dict[str, str | int | None] = {
    **NAVY,
    "stop": 2,
    "needle": 4,
    "thread_code": "1070",
    "thread_name": "Gold",
}
ARTWORK = Artwork(
    logos={UUID(int=77): LogoFact(name="Anchor", design_number="DST-77")},
    color_ups={COLOR_UP: ColorUpThreads(version=3, thread_sequence=[NAVY, GOLD])},
)
ORDER = draft(
    DraftStatus.APPROVED,
    header=header(
        requested_delivery_date=date(2026, 12, 1),
        notes='Größe "L"\nthen call',
        source_document=SourceDocument(document_id="DOC-1", file_name="po.pdf", sha256="a" * 64),
    ),
    lines=[
        decorated(7, color_up_id=COLOR_UP, customer_sku_raw="AB-123", description="Polo"),
        line(1, qty=Decimal("1E+1")),
        line(2, qty=Decimal("0.333333"), unit_price=None),
    ],
)

GOLDEN = (
    '{"export_version":"orderflow_export_json_v1","org_slug":"demo",'
    '"draft_order_id":"44444444-4444-4444-8444-444444444444","approved_at":"2026-11-20T09:00:00Z",'
    '"customer":{"id":"22222222-2222-4222-8222-222222222222","erp_customer_number":"K-1",'
    '"name":"Muster GmbH"},'
    '"header":{"external_order_number":"PO-12345","order_date":"2026-11-20","currency":"EUR",'
    '"requested_delivery_date":"2026-12-01","notes":"Größe \\"L\\"\\nthen call"},'
    '"lines":['
    '{"line_no":1,"internal_sku":"INT-1","qty":10,"uom":"M","unit_price":1.2300,"currency":"EUR",'
    '"customer_sku_raw":null,"description":null,"decoration":null},'
    '{"line_no":2,"internal_sku":"INT-2","qty":0.333333,"uom":"M","unit_price":null,"currency":"EUR",'
    '"customer_sku_raw":null,"description":null,"decoration":null},'
    '{"line_no":7,"internal_sku":"INT-7","qty":10,"uom":"M","unit_price":1.2300,"currency":"EUR",'
    '"customer_sku_raw":"AB-123","description":"Polo",'
    '"decoration":{"logo":"Anchor","design_number":"DST-77",'
    '"placement":"LEFT_CHEST","style_number":"14728","color_code":"NAVY","color_up_version":3,'
    '"size_quantities":{"M":4,"L":6},"thread_sequence":['
    '{"stop":1,"needle":null,"thread_code":"1243","thread_name":"Navy","brand":"Madeira"},'
    '{"stop":2,"needle":4,"thread_code":"1070","thread_name":"Gold","brand":"Madeira"}]}}],'
    '"meta":{"created_by":"anna@demo.example",'
    '"source_document":{"document_id":"DOC-1","file_name":"po.pdf","sha256":"' + "a" * 64 + '"}}}\n'
)


def document(of: Draft, customer: CustomerFact = CUSTOMER) -> Any:
    return json.loads(delivery(of, 1, customer, ARTWORK, AT).document, parse_float=Decimal)


def valid(value: Any) -> bool:
    checker = jsonschema.Draft202012Validator.FORMAT_CHECKER
    validator = jsonschema.Draft202012Validator(export_schema(), format_checker=checker)
    return bool(validator.is_valid(value))


def test_the_document_is_this_text_and_no_other() -> None:
    ready = delivery(ORDER, 1, CUSTOMER, ARTWORK, AT)
    assert ready.document == GOLDEN
    assert ready.sha256 == sha256_hex(GOLDEN)
    assert ready.size_bytes == len(GOLDEN.encode())
    assert ready.size_bytes > len(GOLDEN)


def test_the_bytes_do_not_depend_on_how_threads_were_stored() -> None:
    turned = ColorUpThreads(
        version=3, thread_sequence=[dict(reversed(stop.items())) for stop in (NAVY, GOLD)]
    )
    same = ARTWORK.model_copy(update={"color_ups": {COLOR_UP: turned}})
    assert delivery(ORDER, 1, CUSTOMER, same, AT).document == GOLDEN


def test_the_bytes_do_not_depend_on_how_sizes_were_stored() -> None:
    *plain, polo = sorted(ORDER.lines, key=lambda each: each.line_no)
    assert polo.decoration is not None
    sizes = dict(reversed(polo.decoration.size_quantities.items()))
    turned = polo.model_copy(
        update={"decoration": polo.decoration.model_copy(update={"size_quantities": sizes})}
    )
    same = ORDER.model_copy(update={"lines": [*plain, turned]})
    assert delivery(same, 1, CUSTOMER, ARTWORK, AT).document == GOLDEN


def test_artwork_that_is_not_known_is_null() -> None:
    made = json.loads(delivery(ORDER, 1, CUSTOMER, Artwork(), AT).document)
    decoration_ = made["lines"][2]["decoration"]
    absent = ("logo", "design_number", "color_up_version", "thread_sequence")
    assert [decoration_[name] for name in absent] == [None, None, None, []]
    assert valid(made)


def test_artwork_is_asked_for_by_a_push_only() -> None:
    asked = facts_request(ORDER, for_document=True)
    assert (asked.logo_ids, asked.color_up_ids) == ([UUID(int=77)], [COLOR_UP])
    assert facts_request(ORDER).logo_ids == facts_request(ORDER).color_up_ids == []


def test_an_order_that_temporal_cannot_carry_in_one_piece_is_held_before_anything_happens() -> None:
    threads = [{**GOLD, "stop": stop} for stop in range(1, 201)]
    of = draft(
        DraftStatus.APPROVED,
        lines=[decorated(n, LineStatus.PRODUCTION_READY, color_up_id=COLOR_UP) for n in range(1, 101)],
    )
    for count, fits in ((20, True), (200, False)):
        artwork = ColorUpThreads(version=1, thread_sequence=threads[:count])
        known = facts(artwork=ARTWORK.model_copy(update={"color_ups": {COLOR_UP: artwork}}))
        text = delivery(of, 1, CUSTOMER, known.artwork, AT).document
        assert (too_large(of, text) is None) is fits
        if fits:
            (pushed,) = decided(Command.PUSH, of, known=known)
            assert isinstance(pushed, PushRequested)
        else:
            with pytest.raises(GateHeld, match="too large") as held:
                decided(Command.PUSH, of, known=known)
            assert held.value.details["held_by"]


def test_the_schema_is_sound_and_takes_the_document() -> None:
    jsonschema.Draft202012Validator.check_schema(export_schema())
    assert valid(document(ORDER))


def test_what_is_not_known_is_null_and_never_left_out() -> None:
    bare = draft(
        DraftStatus.APPROVED,
        header=Header(customer_id=CUSTOMER.id, currency="EUR"),
        lines=[line(1, unit_price=None), line(2, decoration=decoration().model_copy(update=_NOTHING))],
        approved_by_email=None,
    )
    made = document(bare, CustomerFact(id=CUSTOMER.id, name="Muster GmbH"))
    assert _shape(made) == _shape(document(ORDER.model_copy(update={"lines": ORDER.lines[1::-1]}))) | {
        "meta": {"created_by", "source_document"}
    }
    assert made["customer"]["erp_customer_number"] is None
    assert made["meta"] == {"created_by": None, "source_document": None}
    assert valid(made)


_NOTHING = {name: None for name in ("logo_id", "style_number", "color_code", "placement")} | {
    "size_quantities": {}
}


def _shape(made: dict[str, Any]) -> dict[str, Any]:
    """Which keys there are, part by part."""
    lines = sorted(made["lines"], key=lambda each: each["decoration"] is None)
    return {
        "document": set(made),
        "customer": set(made["customer"]),
        "header": set(made["header"]),
        "meta": set(made["meta"]),
        "lines": [set(each) for each in lines],
        "decoration": set(lines[0]["decoration"]),
    }


@pytest.mark.parametrize("given_as", ["1.2300", "0.000001", "999999999999.999999", "5", "5.0", "0"])
def test_amounts_are_written_as_they_were_given(given_as: str) -> None:
    made = delivery(
        draft(DraftStatus.APPROVED, lines=[line(1, unit_price=given_as)]), 1, CUSTOMER, ARTWORK, AT
    )
    assert f'"unit_price":{given_as},' in made.document


def _broken(path: list[Any], value: Any) -> Any:
    made = document(ORDER)
    place = made
    for step in path[:-1]:
        place = place[step]
    if value is ...:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return made


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["meta"], ...),
        (["approved_at"], None),
        (["draft_order_id"], "D-000123"),
        (["export_version"], "v2"),
        (["extra"], 1),
        (["customer", "name"], None),
        (["customer", "erp_customer_number"], ...),
        (["header", "currency"], "euro"),
        (["header", "order_date"], "20.11.2026"),
        (["header", "notes"], ...),
        (["lines"], []),
        (["lines", 0, "qty"], "10"),
        (["lines", 0, "qty"], 0),
        (["lines", 0, "unit_price"], -1),
        (["lines", 0, "unit_price"], "1.2300"),
        (["lines", 0, "internal_sku"], None),
        (["lines", 0, "description"], ...),
        (["lines", 0, "extra"], None),
        (["lines", 2, "decoration", "size_quantities"], {"M": -1}),
        (["lines", 2, "decoration", "logo"], ...),
        (["lines", 2, "decoration", "thread_sequence", 0, "stop"], 0),
        (["lines", 2, "decoration", "thread_sequence", 0, "brand"], ...),
        (["meta", "source_document", "sha256"], "x"),
    ],
)
def test_the_schema_refuses_a_document_that_breaks_its_promises(path: list[Any], value: Any) -> None:
    assert not valid(_broken(path, value))


@given(st.uuids(), st.uuids(), st.integers(1, 50))
def test_the_export_id_follows_from_org_draft_and_attempt(org: UUID, number: UUID, attempt: int) -> None:
    of = draft().model_copy(update={"org_id": org, "id": number})
    same = draft(DraftStatus.PUSHED, version=99).model_copy(update={"org_id": org, "id": number})
    assert export_id(of, attempt) == export_id(same, attempt)
    others = [
        export_id(of, attempt + 1),
        export_id(of.model_copy(update={"org_id": number, "id": org}), attempt),
        export_id(of.model_copy(update={"id": UUID(int=number.int ^ 1)}), attempt),
    ]
    assert org == number or export_id(of, attempt) not in others


def test_the_export_ids_are_the_same_for_ever() -> None:
    assert str(export_id(draft(), 1)) == "e9be331c-86df-5e49-b327-949fff4dea4c"


zones = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
moments = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=zones)  # noqa: DTZ001


@given(st.uuids(), st.integers(1, 9), moments)
def test_a_file_name_follows_from_draft_attempt_and_start(number: UUID, attempt: int, at: datetime) -> None:
    of = draft(DraftStatus.APPROVED).model_copy(update={"id": number})
    ready = delivery(of, attempt, CUSTOMER, ARTWORK, at)
    assert NAME.match(ready.file_name)
    assert str(number) in ready.file_name
    assert ready.file_name.endswith(f"_{export_id(of, attempt).hex[:8]}.json")
    assert ready == delivery(of, attempt, CUSTOMER, ARTWORK, at.astimezone(timezone.utc))  # noqa: UP017
    following = delivery(of, attempt + 1, CUSTOMER, ARTWORK, at)
    assert following.file_name != ready.file_name
    assert following.document == ready.document


def test_the_time_in_the_name_is_utc() -> None:
    local = LATER.astimezone(timezone(timedelta(hours=2)))
    name = file_name(draft().id, UUID("abcdef0123456789abcdef0123456789"), local)
    assert name == "sales_order_44444444-4444-4444-8444-444444444444_20261120T103000Z_abcdef01.json"
    assert storage_key(ORG, name) == f"exports/{ORG}/{name}"
