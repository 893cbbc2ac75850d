"""What an edit makes of header and lines. Source: api.md, clarifications on edits."""

from collections.abc import Sequence
from typing import Any, TypeVar
from uuid import UUID, uuid5

from pydantic import BaseModel, ValidationError

from domain.draft import Decoration, Draft, Header, Line, LineContent, LineInput
from domain.events import DraftEdited
from domain.messages import EditMessage
from domain.refusals import InputRefused, LineNotFound, TransitionRejected
from domain.statuses import LineStatus
from domain.values import MAX_LINE_NO, MAX_LINES

Part = TypeVar("Part", Header, LineContent)


def numbered(draft_id: UUID, inputs: Sequence[LineInput], version: int = 1) -> list[Line]:
    """Give every line a number and an id; lines without one take the lowest free numbers in their order.

    Raises:
        InputRefused: two lines carry the same number.
    """
    taken = {line.line_no for line in inputs if line.line_no is not None}
    lines: list[Line] = []
    used: set[int] = set()
    free = 0
    for given in inputs:
        line_no = given.line_no
        if line_no is None:
            free += 1
            while free in taken:
                free += 1
            line_no = free
        if line_no in used:
            raise InputRefused(f"Two lines have the number {line_no}")
        used.add(line_no)
        lines.append(_line(draft_id, line_no, given, version))
    return sorted(lines, key=lambda line: line.line_no)


def _line(draft_id: UUID, line_no: int, content: LineContent, version: int) -> Line:
    values = {name: getattr(content, name) for name in LineContent.model_fields}
    return Line(
        id=uuid5(draft_id, f"line/{line_no}/{version}"),
        line_no=line_no,
        status=LineStatus.NEW if content.decoration is not None else None,
        **values,
    )


def edited(draft: Draft, message: EditMessage) -> DraftEdited:
    """Apply one edit.

    Raises:
        LineNotFound: the draft has no line of that number.
        InputRefused: the values don't fit.
        TransitionRejected: a new line's number is taken.
    """
    if message.header is not None:
        return _edit_header(draft, message.header)
    if message.add_line is not None:
        return _add_line(draft, message.add_line)
    if message.line_no is None:
        raise InputRefused("The edit changes nothing: name header fields or a line")
    line = draft.line(message.line_no)
    if line is None:
        raise LineNotFound(f"The draft has no line {message.line_no}")
    if message.remove_line:
        rest = [other for other in draft.lines if other.line_no != line.line_no]
        return _of_lines(draft, rest, {_key(line): _plain(line)}, {_key(line): None})
    return _change_line(draft, line, message.change_line or {})


def _edit_header(draft: Draft, patch: dict[str, Any]) -> DraftEdited:
    header = _merged(draft.header, patch)
    before, after = _difference(draft.header, header, patch)
    lines = draft.lines
    if header.customer_id != draft.header.customer_id:
        had_customer = draft.header.customer_id is not None
        lines = [_of_new_customer(line, had_customer=had_customer) for line in lines]
        unlinked = {
            _key(old): str(old.decoration.logo_id)
            for old, new in zip(draft.lines, lines, strict=True)
            if old.decoration is not None and old.decoration != new.decoration
        }
        if unlinked:
            before, after = {**before, "logos": unlinked}, {**after, "logos": {}}
    return DraftEdited(header=header, lines=lines, before=before, after=after)


# What goes with the signatures of customer and production.
_UNDECIDED: dict[str, Any] = {
    "color_up_id": None,
    "production_approved_at": None,
    "production_approved_by_user_id": None,
}


def _of_new_customer(line: Line, *, had_customer: bool) -> Line:
    """A logo belongs to one customer: a decorated line begins anew, without the old customer's logo."""
    if line.decoration is None:
        return line
    decoration = line.decoration.model_copy(update={"logo_id": None}) if had_customer else line.decoration
    return line.model_copy(update={**_UNDECIDED, "decoration": decoration, "status": LineStatus.NEW})


def _add_line(draft: Draft, given: LineInput) -> DraftEdited:
    line_no = given.line_no or max((line.line_no for line in draft.lines), default=0) + 1
    if draft.line(line_no) is not None:
        raise TransitionRejected(f"The draft already has a line {line_no}", current_status=draft.status)
    if len(draft.lines) >= MAX_LINES or line_no > MAX_LINE_NO:
        raise InputRefused(f"A draft holds at most {MAX_LINES} lines, numbered up to {MAX_LINE_NO}")
    line = _line(draft.id, line_no, given, draft.version + 1)
    lines = sorted([*draft.lines, line], key=lambda each: each.line_no)
    return _of_lines(draft, lines, {_key(line): None}, {_key(line): _plain(line)})


def _change_line(draft: Draft, line: Line, patch: dict[str, Any]) -> DraftEdited:
    content = _merged(line.content(), patch)
    before, after = _difference(line.content(), content, patch)
    values = {name: getattr(content, name) for name in LineContent.model_fields}
    status = _status_after(line, content.decoration)
    undecided = _UNDECIDED if status is None or _is_decided_anew(line, content.decoration) else {}
    changed = line.model_copy(update={**values, **undecided, "status": status})
    lines = [changed if each.line_no == line.line_no else each for each in draft.lines]
    return _of_lines(draft, lines, {_key(line): before}, {_key(line): after})


# What the customer or production decided on. Names and overrides are not.
_DECIDED_ON = (
    "logo_id",
    "netsuite_file_cabinet_id",
    "style_number",
    "color_code",
    "placement",
    "size_quantities",
)


def _status_after(line: Line, decoration: Decoration | None) -> LineStatus | None:
    if decoration is None:
        return None
    return LineStatus.NEW if _is_decided_anew(line, decoration) else line.status


def _is_decided_anew(line: Line, decoration: Decoration | None) -> bool:
    old = line.decoration
    if old is None or decoration is None:
        return True
    return any(getattr(old, name) != getattr(decoration, name) for name in _DECIDED_ON)


def _of_lines(draft: Draft, lines: list[Line], before: dict[str, Any], after: dict[str, Any]) -> DraftEdited:
    return DraftEdited(header=draft.header, lines=lines, before=before, after=after)


def _key(line: Line) -> str:
    return f"line {line.line_no}"


def _plain(model: BaseModel) -> dict[str, Any]:
    return model.model_dump(mode="json", exclude={"id", "status", *_UNDECIDED}, exclude_none=True)


def _merged(old: Part, patch: dict[str, Any]) -> Part:
    try:
        return type(old).model_validate({**old.model_dump(), **patch})
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise InputRefused(f"{field}: {first['msg']}") from None


def _difference(
    old: BaseModel, new: BaseModel, patch: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    before, after = old.model_dump(mode="json"), new.model_dump(mode="json")
    names = [name for name in patch if before.get(name) != after.get(name)]
    return {name: before[name] for name in names}, {name: after[name] for name in names}
