"""Which lines are sewn together: those of one customer, logo, placement and canonical threads."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.batches import (
    BatchColorUp,
    BatchCustomer,
    BatchLogo,
    ReadyLine,
    batch_key,
    canonical_threads,
    floor,
)
from domain.color_ups import ColorUpStatus
from domain.draft import Decoration
from domain.sizes import size_order

AT = datetime(2026, 11, 20, 8, tzinfo=UTC)
HANSEN = BatchCustomer(id=UUID(int=1), name="Hansen", erp_customer_number="C-1")
OLSEN = BatchCustomer(id=UUID(int=2), name="Olsen", erp_customer_number=None)
CREST = BatchLogo(id=UUID(int=11), name="Crest", design_number="HS-1")
BADGE = BatchLogo(id=UUID(int=12), name="Badge", design_number=None)
RED = {"stop": 1, "needle": 4, "thread_code": "1800", "thread_name": "Wildfire", "brand": "Isacord"}
BLUE = {"stop": 2, "needle": None, "thread_code": "3900", "thread_name": None, "brand": None}


def color_up(
    threads: list[Any] | None = None,
    status: ColorUpStatus = ColorUpStatus.APPROVED,
    logo: BatchLogo = CREST,
    customer: BatchCustomer = HANSEN,
) -> BatchColorUp:
    known = canonical_threads(threads or [RED, BLUE])
    return BatchColorUp(uuid4(), 1, status, logo, customer.id, known)


def line(
    version: BatchColorUp | None = None,
    *,
    customer: BatchCustomer = HANSEN,
    placement: str | None = "Left Chest",
    minutes: int = 0,
    sizes: dict[str, int] | None = None,
) -> ReadyLine:
    logo = CREST if version is None else version.logo
    return ReadyLine(
        draft_order_id=uuid4(),
        number="D-000123",
        external_order_number="PO-1",
        order_date=None,
        order_notes=None,
        requested_delivery_date=None,
        customer=customer,
        line_no=1,
        notes=None,
        decoration=Decoration(logo_id=logo.id, placement=placement, size_quantities=sizes or {"M": 12}),
        ready_since=AT + timedelta(minutes=minutes),
        color_up=version,
    )


def test_lines_of_many_orders_and_garments_with_the_same_threads_are_one_batch() -> None:
    lines = [line(color_up(), minutes=3), line(color_up(), minutes=1, sizes={"S": 1, "XL": 2})]
    (batch,) = floor(lines).batches
    assert batch.lines == (lines[1], lines[0])
    assert batch.total_units == 15
    assert batch.waiting_since == AT + timedelta(minutes=1)


@pytest.mark.parametrize(
    "other",
    [
        line(color_up(customer=OLSEN), customer=OLSEN),
        line(color_up(logo=BADGE)),
        line(color_up(), placement="Sleeve"),
        line(color_up(), placement=None),
        line(color_up([BLUE, RED])),
        line(color_up([RED])),
        line(color_up([RED | {"thread_code": "1801"}, BLUE])),
        line(color_up([RED | {"brand": "isacord"}, BLUE])),
        line(color_up([RED | {"needle": 5}, BLUE])),
    ],
    ids=["customer", "logo", "placement", "no placement", "order", "fewer", "code", "case", "needle"],
)
def test_a_difference_in_what_is_sewn_splits(other: ReadyLine) -> None:
    assert len(floor([line(color_up()), other]).batches) == 2


_WRITINGS = [
    json.loads('{"brand":"Isacord","thread_name":"Wildfire","thread_code":"1800","needle":4,"stop":1}'),
    RED | {"stop": 1.0, "needle": 4.0},
    RED | {"thread_code": " 1800 ", "brand": "Isacord\t"},
]


@pytest.mark.parametrize("written", _WRITINGS, ids=["key order", "1.0", "outer blanks"])
def test_another_way_to_write_the_same_threads_does_not_split(written: dict[str, Any]) -> None:
    shorter = {"thread_code": "3900", "stop": 2}
    assert len(floor([line(color_up()), line(color_up([written, shorter]))]).batches) == 1


STOPS = st.lists(
    st.fixed_dictionaries(
        {"stop": st.integers(1, 200), "thread_code": st.text("AB019 -", min_size=1).filter(str.strip)},
        optional={
            "needle": st.none() | st.integers(1, 15),
            "thread_name": st.none() | st.sampled_from(["Grün", "red", "a b"]),
            "brand": st.none() | st.sampled_from(["Madeira", "Isacord"]),
        },
    ),
    min_size=1,
    max_size=8,
)


@given(STOPS, st.randoms(use_true_random=False))
def test_neither_key_order_nor_number_form_nor_outer_blanks_change_a_key(
    stops: list[dict[str, Any]], chance: Any
) -> None:
    def rewritten(stop: dict[str, Any]) -> dict[str, Any]:
        items = [(name, value) for name, value in stop.items() if value is not None or chance.random() < 0.5]
        chance.shuffle(items)
        return {name: otherwise(value) for name, value in items}

    def otherwise(value: Any) -> Any:
        if isinstance(value, int):
            return float(value)
        return f" {value}\t" if isinstance(value, str) else value

    first = batch_key(HANSEN.id, CREST.id, None, canonical_threads(stops))
    assert first == batch_key(HANSEN.id, CREST.id, None, canonical_threads([rewritten(s) for s in stops]))
    assert len(first) == 32


@given(STOPS, STOPS)
def test_keys_are_the_same_only_for_the_same_threads(one: list[Any], other: list[Any]) -> None:
    left, right = canonical_threads(one), canonical_threads(other)
    keys = [batch_key(HANSEN.id, CREST.id, "Back", threads) for threads in (left, right)]
    assert (keys[0] == keys[1]) is (left == right)


@pytest.mark.parametrize("status", [each for each in ColorUpStatus if each is not ColorUpStatus.APPROVED])
def test_a_line_whose_version_is_not_approved_is_left_out_with_a_sentence(status: ColorUpStatus) -> None:
    now = floor([line(color_up(status=status))])
    assert not now.batches
    assert now.left_out[0].reason == (
        f"Line 1 of D-000123 has version 1 of its color-up, which is {status}, not Approved; send it back "
        "with production-reject, so that it gets a version that is approved"
    )


def test_a_line_without_version_or_with_that_of_another_customer_or_logo_is_left_out() -> None:
    wrong = [
        line(None),
        line(color_up(customer=OLSEN), customer=HANSEN),
        replace(line(color_up()), decoration=Decoration(logo_id=BADGE.id)),
        replace(line(color_up()), customer=None),
    ]
    now = floor(wrong)
    assert not now.batches
    assert [each.line for each in now.left_out] == wrong
    assert all(each.reason.startswith("Line 1 of D-000123 has ") for each in now.left_out)


PLACES = st.sampled_from([None, "Left Chest", "Back"])


@given(st.lists(st.tuples(st.integers(0, 3), PLACES, st.integers(0, 9))))
def test_no_line_vanishes_and_none_comes_twice(kinds: list[tuple[int, str | None, int]]) -> None:
    versions = [color_up(), color_up([RED]), color_up(status=ColorUpStatus.RETIRED), None]
    lines = [line(versions[kind], placement=where, minutes=when) for kind, where, when in kinds]
    now = floor(lines)
    found = [each for batch in now.batches for each in batch.lines] + [each.line for each in now.left_out]
    assert sorted(map(id, found)) == sorted(map(id, lines))
    assert list(now.batches) == sorted(now.batches, key=lambda batch: (batch.waiting_since, batch.key))


def test_sizes_stand_as_people_order_them() -> None:
    sizes = ["One Size", "XL", "44", "S", "3XL", "XS", "104/110", "m", "8", "L"]
    ordered = ["XS", "S", "m", "L", "XL", "3XL", "8", "44", "104/110", "One Size"]
    assert sorted(sizes, key=size_order) == ordered
