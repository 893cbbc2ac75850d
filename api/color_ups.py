"""Color-ups: which thread goes to which stop of a logo, on one garment style and colour. Never changed:
another assignment is another version.
"""

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID, uuid4

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse
from sqlalchemy.ext.asyncio import AsyncConnection

from api.caller import AnyRole, Caller, Ops
from api.color_up_views import ColorUp, NewColorUp, NewVersion, color_up_view
from api.etags import etag
from api.idempotency import Answer, IdempotencyKey, once
from api.notices import InNotices
from api.paging import Page, Paging, page_of
from api.problems import NotFound, Problem, problems
from api.queries import after_id
from api.requests import ExactRoute
from domain.color_ups import ColorUpStatus
from domain.notices import NoticeKind
from domain.proofs import COLOR_UP_ENTITY
from domain.values import Code
from storage import color_ups
from storage.color_ups import ColorUpFilter
from storage.database import Row
from storage.logos import get_logo
from storage.uniqueness import Taken

router = APIRouter(route_class=ExactRoute, tags=["color-ups"])


async def stored_color_up(connection: AsyncConnection, caller: Caller, color_up_id: UUID) -> Row:
    """
    Raises:
        NotFound: the caller's org has no such color-up.
    """
    row = await color_ups.get_color_up(connection, caller.org_id, color_up_id)
    if row is None:
        raise NotFound("color-up")
    return row


@router.get("/color-ups", responses=problems(401))
async def list_color_ups(
    caller: AnyRole,
    paging: Paging,
    customer_id: UUID | None = None,
    logo_id: UUID | None = None,
    style_number: Annotated[Code | None, Query(description="exactly")] = None,
    color_code: Annotated[Code | None, Query(description="exactly")] = None,
    status: ColorUpStatus | None = None,
) -> Page[ColorUp]:
    """Every version, newest first."""
    wanted = ColorUpFilter(customer_id, logo_id, style_number, color_code, status)
    async with caller.transaction() as connection:
        rows = await color_ups.list_color_ups(
            connection, caller.org_id, wanted, limit=paging.limit + 1, after=after_id(paging)
        )
    return page_of(paging, rows, color_up_view)


@router.get("/color-ups/{color_up_id}", responses=problems(401, 404))
async def get_color_up(color_up_id: UUID, caller: AnyRole, response: Response) -> ColorUp:
    async with caller.transaction() as connection:
        shown = color_up_view(await stored_color_up(connection, caller, color_up_id))
    response.headers["ETag"] = etag(shown.version)
    return shown


@router.post("/color-ups", status_code=201, response_model=ColorUp, responses=problems(401, 403, 404, 409))
async def create_color_up(
    new: NewColorUp, request: Request, caller: Ops, key: IdempotencyKey
) -> JSONResponse:
    """Version 1 for a logo on a style and colour; where there is one, make a version of it."""

    async def create(connection: AsyncConnection) -> Answer:
        logo = await get_logo(connection, caller.org_id, new.logo_id)
        if logo is None:
            raise NotFound("logo")
        first = color_ups.NewColorUp(
            id=uuid4(),
            customer_id=logo["customer_id"],
            logo_id=new.logo_id,
            style_number=new.style_number,
            color_code=new.color_code,
            thread_sequence=list(new.thread_sequence),
            created_by_user_id=caller.user_id,
        )
        row = await color_ups.create_color_up(connection, caller.org_id, first, datetime.now(UTC))
        return await _created(connection, caller, row, "COLOR_UP_CREATED")

    try:
        return await once(request, caller, key, create)
    except Taken:
        sentence = (
            f"This logo has a color-up on style {new.style_number}, colour {new.color_code} already; "
            "make a new version of it (POST /color-ups/{id}/versions)"
        )
        raise Problem(409, sentence) from None


@router.post(
    "/color-ups/{color_up_id}/versions",
    status_code=201,
    response_model=ColorUp,
    responses=problems(401, 403, 404),
)
async def create_version(
    color_up_id: UUID,
    new: NewVersion,
    request: Request,
    caller: Ops,
    key: IdempotencyKey,
    notices: InNotices,
) -> JSONResponse:
    """The next version of the same logo, style and colour, whichever of its versions is named.

    Lines in Revision In Progress on an older version of them take it.
    """

    async def create(connection: AsyncConnection) -> Answer:
        of = await stored_color_up(connection, caller, color_up_id)
        row = await color_ups.create_version(
            connection,
            caller.org_id,
            of,
            uuid4(),
            list(new.thread_sequence),
            caller.user_id,
            datetime.now(UTC),
        )
        await notices.add(connection, caller.org_id, NoticeKind.COLOR_UP, row["id"])
        return await _created(connection, caller, row, "COLOR_UP_VERSION_CREATED")

    return await once(request, caller, key, create)


async def _created(connection: AsyncConnection, caller: Caller, row: Row, action: str) -> Answer:
    shown = color_up_view(row)
    facts = shown.model_dump(
        mode="json", include={*NewColorUp.model_fields, "customer_id", "version", "status"}
    )
    await caller.audit(connection, action, (COLOR_UP_ENTITY, shown.id), after=facts)
    return Answer(shown, status=201, location=f"/color-ups/{shown.id}")
