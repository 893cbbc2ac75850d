"""Numbers and texts from outside: what is taken stays digit by digit, the rest is refused."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter, ValidationError

from domain.values import Code, Key, Legible, Number, Price, Reason, Text

NUMBER: TypeAdapter[Decimal] = TypeAdapter(Number)
LIMIT = 10**12
decimals = st.decimals(
    min_value=-LIMIT + 1, max_value=LIMIT - 1, places=None, allow_nan=False, allow_infinity=False
).filter(lambda value: int(value.as_tuple().exponent) >= -6 and value.adjusted() < 12)
amounts = st.builds(
    lambda units, places: Decimal(units).scaleb(-places), st.integers(-(10**12), 10**12), st.integers(0, 6)
).filter(lambda value: value.adjusted() < 12)


class Money(BaseModel):
    amount: Number


@given(amounts | decimals)
def test_a_decimal_comes_back_with_its_value_and_its_places(value: Decimal) -> None:
    for given_as in (value, str(value), f"  {value:f} "):
        taken = NUMBER.validate_python(given_as)
        assert taken == value
        if given_as != str(value) or "E" not in str(value):
            assert f"{taken:f}".removeprefix("-") == f"{value:f}".removeprefix("-")
        text = json.loads(NUMBER.dump_json(taken))
        assert text == f"{taken:f}"
        assert NUMBER.validate_python(text) == value
    model = Money(amount=value)
    assert Money.model_validate_json(model.model_dump_json()) == model
    assert Money.model_validate(model.model_dump(mode="json")) == model


@given(st.integers(-LIMIT + 1, LIMIT - 1))
def test_an_integer_comes_back_as_the_same_number(value: int) -> None:
    assert NUMBER.validate_python(value) == value
    assert json.loads(NUMBER.dump_json(NUMBER.validate_python(value))) == str(value)


@given(amounts)
def test_a_json_number_is_never_rounded_on_its_way_in(value: Decimal) -> None:
    body = json.loads(f'{{"amount": {value:f}}}', parse_float=Decimal)
    assert Money.model_validate(body).amount == value


@given(amounts)
def test_a_float_is_taken_only_when_it_holds_every_digit(value: Decimal) -> None:
    try:
        taken = NUMBER.validate_python(float(value))
    except ValidationError:
        assert len(value.normalize().as_tuple().digits) > 15
    else:
        assert taken == value


@pytest.mark.parametrize("zero", ["-0", "-0.00", -0.0, "-0e0", Decimal("-0.000"), 0])
def test_zero_has_no_sign(zero: Any) -> None:
    assert str(NUMBER.validate_python(zero))[0] == "0"


@pytest.mark.parametrize(
    "bad",
    [
        "NaN",
        "-nan",
        "sNaN",
        "Infinity",
        "-inf",
        float("nan"),
        float("inf"),
        Decimal("NaN"),
        Decimal("sNaN"),
        Decimal("-Infinity"),
        "1e400",
        1e400,
        10**400,
        "9" * 5000,
        "1e999999999999999999999",
        "0e400",
        True,
        False,
        None,
        "",
        " ",
        "ten",
        "1,5",
        "1_000",
        "１２",
        "٣",
        "0x10",
        "1e",
        "--1",
        "1 000",
        "1\n2",
        "\x00",
        b"1",
        [1],
        {},
        "0.1234567",
        "1.0000000",
        Decimal("1E-7"),
        1e-7,
        "1000000000000",
        -(10**12),
        "1E+12",
        123456789012.123456,
    ],
    ids=lambda bad: repr(bad)[:20],
)
def test_what_is_no_exact_amount_is_refused(bad: Any) -> None:
    with pytest.raises(ValidationError):
        NUMBER.validate_python(bad)


@pytest.mark.parametrize(
    ("text", "plain"),
    [("1.2300", "1.2300"), ("+7", "7"), (".5", "0.5"), ("5.", "5"), ("1e3", "1000"), ("12E-2", "0.12")],
)
def test_a_number_is_written_without_exponent_and_with_the_places_that_were_given(
    text: str, plain: str
) -> None:
    assert json.loads(NUMBER.dump_json(NUMBER.validate_python(text))) == plain


def test_a_price_is_not_negative() -> None:
    prices: TypeAdapter[Decimal] = TypeAdapter(Price)
    assert prices.validate_python("0") == 0
    with pytest.raises(ValidationError):
        prices.validate_python("-0.01")


@pytest.mark.parametrize("kind", [Code, Reason, Text, Key])
@pytest.mark.parametrize("bad", ["a\x00b", "a\x1bb", "a\x7fb", "a\x85b", "a\ud800b"])
def test_texts_hold_no_control_characters(kind: Any, bad: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(kind).validate_python(bad)


@pytest.mark.parametrize("kind", [Code, Key])
def test_codes_and_keys_are_one_line(kind: Any) -> None:
    for bad in ("a\nb", "a\rb"):
        with pytest.raises(ValidationError):
            TypeAdapter(kind).validate_python(bad)


@given(st.text(st.characters(exclude_categories=())))
def test_legible_text_is_text_that_could_have_been_typed(text: str) -> None:
    legible = TypeAdapter(Legible).validate_python(text)
    assert len(legible) == len(text)
    assert legible == "".join("\ufffd" if _unprintable(char) else char for char in text)
    legible.encode()


def _unprintable(character: str) -> bool:
    try:
        TypeAdapter(Text).validate_python(character)
    except ValidationError:
        return True
    return False
