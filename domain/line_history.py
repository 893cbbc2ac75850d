"""The steps of lines that an event is, for their history. Rows of it are never changed."""

from domain import events as ev
from domain.draft import Draft, Line
from domain.records import RecordedMove
from domain.statuses import LineStatus


def steps(before: Draft, after: Draft, event: ev.Event) -> list[RecordedMove]:
    """In order. An edit moves a line as far as it takes its signatures back."""
    if isinstance(event, ev.LinesMoved):
        return _moved(before, event)
    if isinstance(event, ev.DraftCreated | ev.DraftEdited):
        return _edited(before, after, is_edit=isinstance(event, ev.DraftEdited))
    return []


def _moved(before: Draft, event: ev.LinesMoved) -> list[RecordedMove]:
    lines = {line.line_no: line for line in before.lines}
    stands = {line.line_no: line.status for line in before.lines}
    recorded = []
    for move in event.moves:
        recorded.append(
            RecordedMove(
                line_id=lines[move.line_no].id,
                line_no=move.line_no,
                from_status=stands[move.line_no],
                to_status=move.to,
                note=move.note,
                team_proxy=move.team_proxy,
                color_up_id=move.color_up_id or lines[move.line_no].color_up_id,
            )
        )
        stands[move.line_no] = move.to
    return recorded


def _edited(before: Draft, after: Draft, *, is_edit: bool) -> list[RecordedMove]:
    stood = {line.id: line.status for line in before.lines} if is_edit else {}
    return [
        _step(line, stood.get(line.id), line.status)
        for line in after.lines
        if line.status is not None and line.status is not stood.get(line.id)
    ]


def _step(line: Line, start: LineStatus | None, end: LineStatus) -> RecordedMove:
    note = None if start is None else "Edited"
    return RecordedMove(line_id=line.id, line_no=line.line_no, from_status=start, to_status=end, note=note)
