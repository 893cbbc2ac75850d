"""The printed form of a production batch."""

import json
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from api.caller import AnyRole
from api.design_files import design_file
from api.problems import Problem, problems, unavailable
from api.production import read_floor
from api.requests import ExactRoute
from api.rooms import InRooms
from domain.batches import Batch, Floor
from domain.designs import Design
from drawings.refusals import DrawingFailed, UnreadableDesign
from drawings.thread_colors import colors_by_stop
from drawings.trim_sheets import PaperSize, Sheet
from storage.logos import get_logo

router = APIRouter(route_class=ExactRoute, tags=["production"])

MAX_ROWS = 2_000  # some sixty pages, a few seconds of work
MAX_BYTES = 1_000_000  # notes may be long
_PDF = {
    "description": "The trim sheet",
    "content": {"application/pdf": {"schema": {"type": "string", "format": "binary"}}},
}


class Paper(StrEnum):
    A4 = "a4"
    LETTER = "letter"


_SIZES: dict[Paper, PaperSize] = {Paper.A4: "a4", Paper.LETTER: "us-letter"}


@router.get(
    "/production/batches/{key}/trim-sheet.pdf",
    response_class=Response,
    responses={200: _PDF, **problems(401, 403, 404, 409)},
)
async def trim_sheet(
    key: str,
    caller: AnyRole,
    rooms: InRooms,
    paper: Annotated[Paper, Query(description="size of the paper")] = Paper.A4,
) -> Response:
    """The batch as it is now: design and threads, garments by size, orders, dates and notes."""
    batch = _batch(await read_floor(caller), key)
    async with caller.transaction() as connection:
        logo = await get_logo(connection, caller.org_id, batch.logo.id)
    found = None if logo is None else logo["design"]
    design = None if found is None else Design.model_validate(found)
    said = Sheet(batch, design, caller.org_name, datetime.now(UTC)).said()
    _require_printable(said)
    content = None if design is None else await design_file(rooms.documents, caller.org_id, design.sha256)
    colors = colors_by_stop(batch.threads)
    try:
        pdf = await rooms.studio.trim_sheet(said, content, colors, _SIZES[paper])
    except (DrawingFailed, UnreadableDesign):
        raise unavailable("The printing of the trim sheet") from None
    name = f'inline; filename="trim-sheet-{batch.key[:8]}.pdf"'
    return Response(pdf, media_type="application/pdf", headers={"Content-Disposition": name})


def _batch(now: Floor, key: str) -> Batch:
    for batch in now.batches:
        if batch.key == key:
            return batch
    raise Problem(
        404,
        "There is no such batch now: its lines went on or back, or their threads changed; "
        "read GET /production/batches again",
    )


def _require_printable(said: dict[str, Any]) -> None:
    rows = sum(len(grid["rows"]) for grid in said["grids"])
    if rows > MAX_ROWS or len(json.dumps(said)) > MAX_BYTES:
        raise Problem(
            409,
            f"The batch is too large for one sheet ({rows:,} rows of garments, or very long notes; at most "
            f"{MAX_ROWS:,} rows): let the floor start some of its lines, then print the rest",
        )
