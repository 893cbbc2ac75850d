"""What a draft's new workflow decides first, when it begins with the rows."""

import pytest

from domain import events as ev
from domain.draft import Export
from domain.restoration import restored
from domain.statuses import DraftStatus, ExportStatus
from tests.domain.orders import AT, draft, export


def given(status: ExportStatus) -> Export:
    return export().model_copy(update={"status": status})


@pytest.mark.parametrize("status", [ExportStatus.SENT, ExportStatus.ACKED, ExportStatus.FAILED])
def test_an_export_that_has_ended_is_left_as_it_is(status: ExportStatus) -> None:
    before = draft(DraftStatus.PUSHED).model_copy(update={"exports": [given(status)]})
    assert restored(before, "run-1", AT) == [ev.DraftRestored(replaced_run="run-1")]


def test_an_export_under_way_failed_and_may_have_been_sent() -> None:
    before = draft(DraftStatus.PUSHING).model_copy(update={"exports": [given(ExportStatus.PENDING)]})
    first, second = restored(before, "run-1", AT)
    assert isinstance(first, ev.DraftRestored)
    assert isinstance(second, ev.ExportFailed)
    assert second.may_have_been_sent
    assert second.error.code == "DELIVERY_INTERRUPTED"
