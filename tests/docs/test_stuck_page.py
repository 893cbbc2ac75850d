"""The table "What stuck looks like" against the sentences that drafts and the Web UI really show."""

import re
from itertools import takewhile
from pathlib import Path

import pytest

from api.stuck import TEMPORAL_AWAY
from domain.pulse import SENTENCES, Trouble
from domain.workforce import NO_WORKER, WORK_WAITS
from tests.api.test_draft_views import WAYS, said
from tests.docs.test_operators import rows

ROOT = Path(__file__).parents[2]
TABLE = list(takewhile(lambda row: row[0] != "where", rows("What stuck looks like")))
FROM_TEMPORAL = {**{kind.value: text for kind, text in SENTENCES.items()}, "away": TEMPORAL_AWAY}
FROM_TEMPORAL |= {"no workers": NO_WORKER, "work waits": WORK_WAITS}
SENTENCES_OF_ROWS = [said(row) for row, _words in (way() for way in WAYS.values())]
WEB_UI = (ROOT / "workflows" / "visibility.py").read_text() + '"Workflow task failed"'


def quotes(cell: str) -> list[str]:
    return re.findall(r'"([^"]+)"', cell)


def test_the_table_is_found() -> None:
    assert len([row for row in TABLE if quotes(row[1])]) > 20


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row[0])
def test_a_draft_says_what_the_table_quotes(row: list[str]) -> None:
    known = [*SENTENCES_OF_ROWS, *FROM_TEMPORAL.values()]
    for quote in quotes(row[1]):
        assert any(quote in sentence for sentence in known), quote


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row[0])
def test_the_web_ui_shows_what_the_table_quotes(row: list[str]) -> None:
    for quote in quotes(row[2]):
        assert quote in WEB_UI, quote


@pytest.mark.parametrize("kind", FROM_TEMPORAL)
def test_whatever_temporal_knows_of_a_stuck_draft_has_its_row(kind: str) -> None:
    assert [row for row in TABLE if any(quote in FROM_TEMPORAL[kind] for quote in quotes(row[1]))], kind


def test_every_trouble_is_among_them() -> None:
    assert {kind.value for kind in Trouble} <= set(FROM_TEMPORAL)
