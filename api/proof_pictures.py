"""The picture on a proof's page: the design that is, or was, decided on, in the threads of the version."""

from typing import Literal

from fastapi import Request, Response

from api.design_files import design_file
from api.problems import Problem, unavailable
from api.proof_access import Opened
from api.rooms import Rooms
from domain.canonical import digest
from drawings.refusals import DrawingFailed, UnreadableDesign
from drawings.thread_colors import colors_by_stop

_KIND: Literal["png"] = "png"  # some 50 KiB whatever the design; an SVG of a jacket back has megabytes


def has_picture(opened: Opened) -> bool:
    return opened.proof.sheet.design_sha256 is not None


async def proof_picture(request: Request, rooms: Rooms, opened: Opened) -> Response:
    """
    Raises:
        Problem: 404 where there is no design, 503 when it cannot be drawn now.
        DocumentsUnavailable: the store does not answer.
    """
    design_sha256 = opened.proof.sheet.design_sha256
    if design_sha256 is None:
        raise Problem(404, "There is no picture of this design yet")
    colors = colors_by_stop(opened.proof.sheet.thread_sequence)
    tag = f'"{digest([design_sha256, sorted(colors.items()), _KIND])[:32]}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    content = await design_file(rooms.documents, opened.org_id, design_sha256)
    try:
        picture = await rooms.studio.picture(content, colors, _KIND)
    except (DrawingFailed, UnreadableDesign):
        raise unavailable("The picture") from None
    return Response(picture, media_type=f"image/{_KIND}", headers=headers)
