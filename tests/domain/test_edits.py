"""Line numbers and ids."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.draft import LineInput
from domain.edits import numbered
from domain.refusals import InputRefused
from domain.statuses import LineStatus
from tests.domain.orders import DRAFT, decoration

wishes = st.lists(st.none() | st.integers(1, 12), max_size=12)


@given(wishes)
def test_lines_get_the_numbers_they_name_and_the_others_the_lowest_free_ones(
    wished: list[int | None],
) -> None:
    inputs = [LineInput(line_no=number, customer_sku_raw=f"C-{at}") for at, number in enumerate(wished)]
    named = [number for number in wished if number is not None]
    if len(set(named)) < len(named):
        with pytest.raises(InputRefused, match="Two lines have the number"):
            numbered(DRAFT, inputs)
        return
    lines = numbered(DRAFT, inputs)
    got = {line.customer_sku_raw: line.line_no for line in lines}
    assert [line.line_no for line in lines] == sorted(set(got.values()))
    assert len(lines) == len(wished)
    free = (number for number in range(1, 100) if number not in named)
    expected = [number if number is not None else next(free) for number in wished]
    assert [got[f"C-{at}"] for at in range(len(wished))] == expected


@given(wishes)
def test_line_ids_are_a_function_of_the_draft_and_never_shared(wished: list[int | None]) -> None:
    inputs = [LineInput() for _ in wished]
    ids = [line.id for line in numbered(DRAFT, inputs)]
    assert ids == [line.id for line in numbered(DRAFT, inputs)]
    assert len(set(ids)) == len(ids)
    assert not set(ids) & {line.id for line in numbered(DRAFT, inputs, version=2)}


def test_only_a_decorated_line_has_a_line_status() -> None:
    plain, logo = numbered(DRAFT, [LineInput(), LineInput(decoration=decoration())])
    assert (plain.status, logo.status) == (None, LineStatus.NEW)
