"""Edits of header and lines, what each takes back, and what it would take back: `?preview=true`."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from api.caller import Caller, Ops
from api.draft_bodies import HeaderPatch, LineBody, LinePatch
from api.draft_sending import send, stored_draft
from api.draft_views import DraftView, draft_view
from api.etags import IfMatch, etag, version_of
from api.idempotency import IdempotencyKey, body_digest
from api.problems import problems
from api.requests import ExactRoute
from api.rooms import InRooms
from domain.decisions import admit, decide
from domain.draft import Draft
from domain.edits import edited
from domain.evolution import evolve
from domain.facts import facts_request
from domain.gates import waiting_for
from domain.messages import EditMessage
from domain.reopening import Reopened, reopened
from domain.situation import Situation
from domain.transitions import Command
from domain.values import MAX_LINE_NO
from storage.facts import read_facts

router = APIRouter(route_class=ExactRoute, tags=["draft orders"], responses=problems(401, 403, 404, 409, 412))

LinePath = Annotated[int, Field(ge=1, le=MAX_LINE_NO)]
Previewed = Annotated[
    bool, Query(alias="preview", description="say what the edit would do, and change nothing")
]


class EditedDraft(DraftView):
    reopened: Reopened = Field(description="what the edit took back")


class EditPreview(BaseModel):
    """Nothing was changed. A line that would go back is then taken up again by itself."""

    preview: Literal[True] = True
    reopened: Reopened
    draft: DraftView = Field(description="as it would be straight after the edit")


EditAnswer = EditedDraft | EditPreview
_PREVIEW: dict[int | str, dict[str, Any]] = {
    200: {"model": EditPreview, "description": "With preview=true: what the edit would do"}
}


@router.patch("/draft-orders/{draft_id}", response_model=EditAnswer)
async def change(
    draft_id: UUID,
    body: HeaderPatch,
    caller: Ops,
    rooms: InRooms,
    if_match: IfMatch,
    preview: Previewed = False,
) -> Response:
    """Change header fields. Takes an approval back."""
    message = EditMessage(header=body.model_dump(mode="json", exclude_unset=True))
    message.expected_version = version_of(if_match)
    return await _edit(rooms, caller, draft_id, message, preview=preview)


@router.post(
    "/draft-orders/{draft_id}/lines", status_code=201, response_model=EditedDraft, responses=_PREVIEW
)
async def add_line(
    draft_id: UUID,
    body: LineBody,
    request: Request,
    caller: Ops,
    rooms: InRooms,
    key: IdempotencyKey,
    if_match: IfMatch,
    preview: Previewed = False,
) -> Response:
    """Add a line; without `line_no` it comes last. Takes an approval back."""
    message = EditMessage(add_line=body, key=key, digest=await body_digest(request))
    message.expected_version = version_of(if_match)
    return await _edit(rooms, caller, draft_id, message, preview=preview, status=201)


@router.patch("/draft-orders/{draft_id}/lines/{line_no}", response_model=EditAnswer)
async def change_line(
    draft_id: UUID,
    line_no: LinePath,
    body: LinePatch,
    caller: Ops,
    rooms: InRooms,
    if_match: IfMatch,
    preview: Previewed = False,
) -> Response:
    """Change fields of a line. Takes an approval back."""
    message = EditMessage(line_no=line_no, change_line=body.model_dump(mode="json", exclude_unset=True))
    message.expected_version = version_of(if_match)
    return await _edit(rooms, caller, draft_id, message, preview=preview)


@router.delete("/draft-orders/{draft_id}/lines/{line_no}", response_model=EditAnswer)
async def remove_line(
    draft_id: UUID,
    line_no: LinePath,
    caller: Ops,
    rooms: InRooms,
    if_match: IfMatch,
    preview: Previewed = False,
) -> Response:
    """Remove a line. Takes an approval back."""
    message = EditMessage(line_no=line_no, remove_line=True)
    message.expected_version = version_of(if_match)
    return await _edit(rooms, caller, draft_id, message, preview=preview)


async def _edit(
    rooms: InRooms, caller: Caller, draft_id: UUID, message: EditMessage, *, preview: bool, status: int = 200
) -> Response:
    # nothing named, nothing changed: an approval is not taken back for that
    empty = message.header == {} or message.change_line == {}
    if preview:
        return await _preview(rooms, caller, draft_id, message, empty=empty)
    said = {} if empty else (await send(rooms, caller, draft_id, Command.EDIT, message)).result
    stored = await stored_draft(caller, draft_id)
    if empty:
        _admit_empty(stored.draft, message)
    view = draft_view(stored, caller, rooms.settings.temporal_ui_url)
    # what was decided by an older version did not say what it took back
    answered = EditedDraft(**dict(view), reopened=Reopened.model_validate(said.get("reopened") or {}))
    headers = {"ETag": etag(stored.draft.version)}
    if status == 201:
        headers["Location"] = f"/draft-orders/{draft_id}"
    return JSONResponse(answered.model_dump(mode="json"), status, headers=headers)


def _admit_empty(draft: Draft, message: EditMessage) -> None:
    """What an edit that names nothing is refused for, as one that names something.

    Raises:
        Refusal: another version, a status without edits, no such line.
    """
    admit(draft, Command.EDIT, message)
    edited(draft, message)


async def _preview(
    rooms: InRooms, caller: Caller, draft_id: UUID, message: EditMessage, *, empty: bool
) -> Response:
    """Judged by the same rules on the rows, which are never ahead of the workflow."""
    stored = await stored_draft(caller, draft_id)
    if empty:
        _admit_empty(stored.draft, message)
    after, name = stored.draft, stored.customer_name
    if not empty:
        after, name = await _as_it_would_be(caller, stored.draft, message)
    waits = waiting_for(after, caller.policy)
    shown = replace(stored, draft=after, waiting_for=waits, customer_name=name)
    answered = EditPreview(
        reopened=reopened(stored.draft, after),
        draft=draft_view(shown, caller, rooms.settings.temporal_ui_url),
    )
    return JSONResponse(answered.model_dump(mode="json"), headers={"ETag": etag(stored.draft.version)})


async def _as_it_would_be(caller: Caller, draft: Draft, message: EditMessage) -> tuple[Draft, str | None]:
    """The draft, and its customer's name."""
    admit(draft, Command.EDIT, message)
    message.actor, message.origin = caller.actor, caller.origin
    change, at = edited(draft, message), datetime.now(UTC)
    changed = draft.model_copy(update={"header": change.header, "lines": change.lines})
    async with caller.transaction() as connection:
        facts = await read_facts(connection, facts_request(changed, caller.user_id), 0)
    after = draft
    for event in decide(Command.EDIT, message, Situation(draft, at, facts.policy, facts)):
        after = evolve(after, event, at, caller.user_id)
    name = facts.customer.name if facts.customer else None
    return after.model_copy(update={"version": draft.version + 1}), name
