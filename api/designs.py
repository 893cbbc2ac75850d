"""Design files of logos: taken as DST, kept under their SHA-256, drawn in the threads of a color-up."""

import re
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse
from sqlalchemy.ext.asyncio import AsyncConnection

from api.caller import AnyRole, Ops
from api.design_files import design_file
from api.idempotency import Answer, IdempotencyKey, once
from api.logos import Logo
from api.problems import NotFound, Problem, problems, unavailable
from api.requests import ExactRoute
from api.rooms import InRooms
from api.uploads import MULTIPART, Upload, content_type, uploaded_file
from domain.canonical import digest
from domain.color_ups import ThreadStop
from domain.designs import Design, design_key
from domain.values import legible
from drawings.refusals import DrawingFailed, UnreadableDesign
from drawings.thread_colors import colors_by_stop, stop_colors
from storage import color_ups, logos
from storage.database import Row

router = APIRouter(route_class=ExactRoute, tags=["logos"])

RAW_TYPES = ("application/octet-stream", "application/x-dst")
_DST = {"schema": {"type": "string", "format": "binary"}}
_FORM = {
    "schema": {
        "type": "object",
        "properties": {"file": {"type": "string", "format": "binary"}},
        "required": ["file"],
    }
}
_BODY = {"requestBody": {"required": True, "content": {**dict.fromkeys(RAW_TYPES, _DST), MULTIPART: _FORM}}}


async def _read_upload(request: Request, file_name: str | None) -> Upload:
    kind = content_type(request)
    if kind in RAW_TYPES:
        upload = Upload(await request.body())
    elif kind == MULTIPART:
        upload = await uploaded_file(request, "the design")
    else:
        raise Problem(415, f"Send the design as {RAW_TYPES[0]}, or as a file in {MULTIPART}")
    return Upload(upload.content, _sane_name(file_name or upload.file_name))


def _sane_name(given: str | None) -> str | None:
    """The last part of a path in any notation, without what a terminal or a header would choke on."""
    if given is None:
        return None
    name: str = legible(re.split(r"[/\\]", given)[-1])
    return re.sub(r"\s+", " ", name).strip()[:200] or None


@router.post(
    "/logos/{logo_id}/design",
    response_model=Logo,
    responses=problems(401, 403, 404, 413, 415),
    openapi_extra=_BODY,
)
async def upload_design(
    logo_id: UUID,
    request: Request,
    caller: Ops,
    rooms: InRooms,
    key: IdempotencyKey,
    file_name: Annotated[str | None, Query(max_length=500, description="for a raw body")] = None,
) -> JSONResponse:
    """A DST file of at most 1 MiB. It takes the place of the logo's design; the file before is kept."""
    upload = await _read_upload(request, file_name)
    async with caller.transaction() as connection:
        if await logos.get_logo(connection, caller.org_id, logo_id) is None:
            raise NotFound("logo")
    try:
        facts = await rooms.studio.facts(upload.content)
    except UnreadableDesign as error:
        raise Problem(422, str(error)) from None
    except DrawingFailed:
        raise unavailable("The reading of the design") from None
    design = Design.of(facts, upload.content, upload.file_name, datetime.now(UTC))
    await rooms.documents.put(design_key(caller.org_id, design.sha256), upload.content)

    async def store(connection: AsyncConnection) -> Answer:
        before = await logos.lock_logo(connection, caller.org_id, logo_id)
        if before is None:
            raise NotFound("logo")
        written = design.model_dump(mode="json")
        row = await logos.set_design(connection, caller.org_id, logo_id, written, design.uploaded_at)
        await caller.audit(
            connection,
            "LOGO_DESIGN_UPLOADED",
            ("logo", logo_id),
            before=None if before["design"] is None else {"design": before["design"]},
            after={"design": written},
        )
        logo = Logo.model_validate(dict(row))
        return Answer(logo, etag=logo.version)

    said = digest([design.sha256, design.file_name])
    return await once(request, caller, key, store, digest=said)


class PictureKind(StrEnum):
    SVG = "svg"
    PNG = "png"

    @property
    def media_type(self) -> str:
        return {"svg": "image/svg+xml", "png": "image/png"}[self.value]


def _answers(kind: PictureKind) -> dict[int | str, dict[str, Any]]:
    picture = {"description": "The picture", "content": {kind.media_type: _DST}}
    return {200: picture, 304: {"description": "The picture that the caller has"}, **problems(401, 404)}


ColorUpId = Annotated[UUID | None, Query(description="its threads; without it each stop has some colour")]


@router.get(
    "/logos/{logo_id}/design/preview.svg", response_class=Response, responses=_answers(PictureKind.SVG)
)
async def preview_svg(
    logo_id: UUID, request: Request, caller: AnyRole, rooms: InRooms, color_up_id: ColorUpId = None
) -> Response:
    """A placeholder, an empty hoop, where the logo has no design."""
    return await _preview(logo_id, request, caller, rooms, color_up_id, PictureKind.SVG)


@router.get(
    "/logos/{logo_id}/design/preview.png", response_class=Response, responses=_answers(PictureKind.PNG)
)
async def preview_png(
    logo_id: UUID, request: Request, caller: AnyRole, rooms: InRooms, color_up_id: ColorUpId = None
) -> Response:
    """As the SVG, 800 pixels on its longer side."""
    return await _preview(logo_id, request, caller, rooms, color_up_id, PictureKind.PNG)


async def _preview(
    logo_id: UUID,
    request: Request,
    caller: AnyRole,
    rooms: InRooms,
    color_up_id: UUID | None,
    kind: PictureKind,
) -> Response:
    async with caller.transaction() as connection:
        logo = await logos.get_logo(connection, caller.org_id, logo_id)
        if logo is None:
            raise NotFound("logo")
        threads = None
        if color_up_id is not None:
            color_up = await color_ups.get_color_up(connection, caller.org_id, color_up_id)
            if color_up is None:
                raise NotFound("color-up")
            threads = _threads(color_up, logo_id)
    design = None if logo["design"] is None else Design.model_validate(logo["design"])
    colors = colors_by_stop(threads) if threads is not None else stop_colors(design.stops if design else 0)
    tag = f'"{digest([design and design.sha256, sorted(colors.items()), kind])[:32]}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    content = None if design is None else await design_file(rooms.documents, caller.org_id, design.sha256)
    try:
        picture = await rooms.studio.picture(content, colors, kind.value)
    except (DrawingFailed, UnreadableDesign):
        raise unavailable("The drawing of the design") from None
    return Response(picture, media_type=kind.media_type, headers=headers)


def _threads(color_up: Row, logo_id: UUID) -> list[ThreadStop]:
    if color_up["logo_id"] != logo_id:
        raise Problem(422, "The color-up belongs to another logo")
    return [ThreadStop.model_validate(stop) for stop in color_up["thread_sequence"]]
