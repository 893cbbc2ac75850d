"""One value has one text, and the text gives the value back."""

import json
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.canonical import canonical_json, digest, utc_text
from domain.statuses import DraftStatus

numbers = st.integers() | st.decimals(allow_nan=False, allow_infinity=False, places=4)
scalars = st.none() | st.booleans() | numbers | st.text()
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4)
)


def _reordered(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _reordered(value[key]) for key in reversed(value)}
    return [_reordered(item) for item in value] if isinstance(value, list) else value


@given(values)
def test_the_order_of_keys_does_not_show(value: Any) -> None:
    assert canonical_json(_reordered(value)) == canonical_json(value)
    assert digest(_reordered(value)) == digest(value)


@given(values)
def test_reading_the_text_gives_the_same_value_back(value: Any) -> None:
    text = canonical_json(value)
    back = json.loads(text, parse_float=Decimal)
    assert back == value
    assert canonical_json(back) == text


@given(values, values)
def test_two_values_have_two_texts(one: Any, other: Any) -> None:
    assert (canonical_json(one) == canonical_json(other)) is (_typed(one) == _typed(other))


def _typed(value: Any) -> Any:
    """Equality as JSON has it: True is not 1, and 1.0 is written otherwise than 1."""
    if isinstance(value, dict):
        return {key: _typed(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_typed(item) for item in value]
    return (isinstance(value, bool), format(value, "f")) if isinstance(value, Decimal) else repr(value)


@given(st.decimals(allow_nan=False, allow_infinity=False).filter(lambda value: abs(value.adjusted()) < 50))
def test_decimals_keep_their_digits_and_have_no_exponent(value: Decimal) -> None:
    text = canonical_json(value)
    assert "E" not in text.upper()
    assert Decimal(text) == value


@given(st.floats())
def test_no_float_passes_anywhere(value: float) -> None:
    for holder in (value, [value], {"amount": value}, {"lines": [{"qty": value}]}):
        with pytest.raises(TypeError):
            canonical_json(holder)


@pytest.mark.parametrize("bad", [Decimal("NaN"), Decimal("Infinity"), Decimal("-Infinity")])
def test_decimals_without_value_are_refused(bad: Decimal) -> None:
    with pytest.raises(ValueError, match="NaN"):
        canonical_json(bad)


@pytest.mark.parametrize("bad", [b"x", {1: 2}, {None: 1}, object(), {"a"}])
def test_what_json_does_not_know_is_refused(bad: Any) -> None:
    with pytest.raises(TypeError):
        canonical_json(bad)


def test_text_stays_utf_8_and_half_a_character_is_refused() -> None:
    assert canonical_json({"ä": "Ω😀\n"}) == '{"ä":"Ω😀\\n"}'
    with pytest.raises(ValueError, match="surrogates"):
        digest("\ud83d")


def test_keys_keep_their_order_when_the_document_wants_it() -> None:
    assert canonical_json({"b": 1, "a": {"d": 1, "c": 2}}, sort_keys=False) == '{"b":1,"a":{"d":1,"c":2}}'


def test_dates_times_ids_and_statuses_have_one_form() -> None:
    summer = timezone(timedelta(hours=2))
    assert utc_text(datetime(2026, 7, 1, 12, tzinfo=summer)) == "2026-07-01T10:00:00Z"
    assert utc_text(datetime(2026, 7, 1, 12, 0, 0, 5, tzinfo=UTC)) == "2026-07-01T12:00:00.000005Z"
    assert canonical_json([date(2026, 7, 1), UUID(int=1), DraftStatus.READY]) == (
        '["2026-07-01","00000000-0000-0000-0000-000000000001","READY"]'
    )
    with pytest.raises(ValueError, match="zone"):
        canonical_json(datetime(2026, 7, 1))  # noqa: DTZ001 - the point of the test
