"""What a workflow decides first when it begins with the rows in place of another one."""

from datetime import datetime

from domain import events as ev
from domain.draft import Draft, ExportError
from domain.records import INTERRUPTED
from domain.statuses import ExportStatus

_SENTENCE = "The workflow that delivered this was replaced meanwhile; nobody knows how far the delivery came"


def restored(draft: Draft, replaced_run: str, at: datetime) -> list[ev.Event]:
    """An export that was under way has nobody left who would end it: it failed, and may have been sent."""
    happened: list[ev.Event] = [ev.DraftRestored(replaced_run=replaced_run)]
    last = draft.last_export
    if last is not None and last.status is ExportStatus.PENDING:
        error = ExportError(code=INTERRUPTED, message=_SENTENCE, at=at)
        happened.append(ev.ExportFailed(export_id=last.id, error=error, may_have_been_sent=True))
    return happened
