"""Commands on one decorated line: its logo, its color-up, our review, the floor. No rule in any of them."""

from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from api.bodies import NoFields
from api.caller import Caller, Ops, Production
from api.draft_edits import LinePath
from api.draft_sending import send, stored_draft
from api.etags import IfMatch, etag, version_of
from api.idempotency import IdempotencyKey, body_digest
from api.json_types import Truth
from api.line_views import LineView, histories, line_view
from api.problems import Problem, problems
from api.requests import ExactRoute
from api.rooms import InRooms, Rooms
from domain import messages as msg
from domain.canonical import sha256_hex
from domain.transitions import Command
from domain.values import Text

router = APIRouter(
    route_class=ExactRoute,
    prefix="/draft-orders/{draft_id}/lines/{line_no}",
    tags=["lines"],
    responses=problems(401, 403, 404, 409, 412),
)

_LOGO = "7b0f0d9e-5b1c-4a53-9f59-0f8f4b1c2d3e"


class LogoLink(BaseModel):
    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"logo_id": _LOGO, "send_for_approval": False}]}
    )

    logo_id: UUID
    send_for_approval: Truth | None = Field(
        None, description="true: the customer decides although an Approved color-up fits; null: as it was"
    )


class ColorUpChoice(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"color_up_id": _LOGO}]})

    color_up_id: UUID


class LineReview(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"decision": "send_back", "note": "Gold is too dark"}]},
    )

    decision: msg.Review
    note: Text | None = None


class FloorMove(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"to": "In Production"}]})

    to: msg.FloorStatus


@dataclass(frozen=True)
class LineCall:
    """What every command on a line is sent with."""

    draft_id: UUID
    line_no: int
    rooms: Rooms
    key: str | None
    digest: str
    version: int | None


async def _line_call(
    draft_id: UUID,
    line_no: LinePath,
    request: Request,
    rooms: InRooms,
    key: IdempotencyKey,
    if_match: IfMatch,
) -> LineCall:
    own_key = None if key is None else _key_of_line(line_no, key)
    return LineCall(draft_id, line_no, rooms, own_key, await body_digest(request), version_of(if_match))


def _key_of_line(line_no: int, key: str) -> str:
    """The workflow knows keys by command; a client's key counts for one path, and so for one line of it.

    The blank keeps it apart from every key that a client can send. What an older version kept under the bare
    key is not found any more: a repeat across the upgrade is judged anew, as one without a key.
    """
    return f"line {line_no} {sha256_hex(key)}"


InLineCall = Annotated[LineCall, Depends(_line_call)]


@router.post("/logo", response_model=LineView)
async def link_logo(caller: Ops, call: InLineCall, body: LogoLink) -> JSONResponse:
    """Give the line its logo. An Approved color-up that fits exactly skips the customer, never production."""
    message = msg.LinkLogoMessage(line_no=call.line_no, **body.model_dump())
    return await _carry_out(caller, call, Command.LINK_LOGO, message)


@router.post("/color-up", response_model=LineView)
async def set_color_up(caller: Ops, call: InLineCall, body: ColorUpChoice) -> JSONResponse:
    """Choose the version that the customer shall decide on; after a revision a newer one."""
    message = msg.SetColorUpMessage(line_no=call.line_no, color_up_id=body.color_up_id)
    return await _carry_out(caller, call, Command.SET_COLOR_UP, message)


@router.post("/submit", response_model=LineView)
async def submit(caller: Ops, call: InLineCall, body: NoFields | None = None) -> JSONResponse:
    """Hand the line on: to our own review where that is on, otherwise to the customer's approvers."""
    message = msg.SubmitLineMessage(line_no=call.line_no)
    return await _carry_out(caller, call, Command.SUBMIT_LINE, message)


@router.post("/review", response_model=LineView)
async def review(caller: Ops, call: InLineCall, body: LineReview) -> JSONResponse:
    """Our own review: approve sends the line to the customer, send_back returns it for another color-up."""
    message = msg.ReviewLineMessage(line_no=call.line_no, **body.model_dump())
    return await _carry_out(caller, call, Command.REVIEW_LINE, message)


@router.post("/floor", response_model=LineView)
async def move_on_floor(caller: Production, call: InLineCall, body: FloorMove) -> JSONResponse:
    """The floor starts or ends the line; also after the order went to the ERP."""
    message = msg.MoveOnFloorMessage(line_no=call.line_no, to=body.to)
    return await _carry_out(caller, call, Command.MOVE_ON_FLOOR, message)


async def _carry_out(caller: Caller, call: LineCall, command: Command, message: msg.Message) -> JSONResponse:
    """The line as it is now; it may have moved on by itself since."""
    message.key, message.digest, message.expected_version = call.key, call.digest, call.version
    await send(call.rooms, caller, call.draft_id, command, message)
    stored = await stored_draft(caller, call.draft_id)
    line = stored.draft.line(call.line_no)
    if line is None:
        raise Problem(404, f"Line {call.line_no} was removed meanwhile")
    shown = line_view(stored.draft, line, histories(stored.moves), stored.asked)
    return JSONResponse(shown.model_dump(mode="json"), headers={"ETag": etag(stored.draft.version)})
