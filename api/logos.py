"""Logos: what is embroidered. Each belongs to one customer for good; color-ups are made for it."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.ext.asyncio import AsyncConnection

from api.caller import AnyRole, Ops
from api.etags import etag
from api.idempotency import Answer, IdempotencyKey, once
from api.notices import InNotices
from api.paging import Page, Paging, page_of
from api.problems import NotFound, Problem, problems
from api.queries import Search, after_id
from api.requests import ExactRoute
from domain.notices import NoticeKind
from domain.values import Code, Name
from storage import logos
from storage.customers import get_customer
from storage.database import Row
from storage.uniqueness import Taken

router = APIRouter(route_class=ExactRoute, tags=["logos"])


class Logo(BaseModel):
    id: UUID
    customer_id: UUID
    name: str
    design_number: str | None
    netsuite_file_cabinet_id: str | None
    placement_default: str | None
    design: dict[str, Any] | None = Field(description="what was read from the design file; null without one")
    version: int
    created_at: datetime
    updated_at: datetime


class NewLogo(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "customer_id": "7b0f0d9e-5b1c-4a53-9f59-0f8f4b1c2d3e",
                    "name": "Hansen crest",
                    "design_number": "D-4711",
                    "netsuite_file_cabinet_id": "FC-20931",
                    "placement_default": "Left Chest",
                }
            ]
        },
    )

    customer_id: UUID
    name: Name
    design_number: Code | None = None
    netsuite_file_cabinet_id: Code | None = None
    placement_default: Code | None = None


def _shown(row: Row) -> Logo:
    return Logo.model_validate(dict(row))


@router.get("/logos", responses=problems(401))
async def list_logos(
    caller: AnyRole, paging: Paging, customer_id: UUID | None = None, q: Search = None
) -> Page[Logo]:
    """Newest first; `q` looks in name, design number and file-cabinet id."""
    async with caller.transaction() as connection:
        rows = await logos.list_logos(
            connection,
            caller.org_id,
            customer_id=customer_id,
            q=q,
            limit=paging.limit + 1,
            after=after_id(paging),
        )
    return page_of(paging, rows, _shown)


@router.get("/logos/{logo_id}", responses=problems(401, 404))
async def get_logo(logo_id: UUID, caller: AnyRole, response: Response) -> Logo:
    async with caller.transaction() as connection:
        row = await logos.get_logo(connection, caller.org_id, logo_id)
    if row is None:
        raise NotFound("logo")
    response.headers["ETag"] = etag(row["version"])
    return _shown(row)


@router.post("/logos", status_code=201, response_model=Logo, responses=problems(401, 403, 404, 409))
async def create_logo(
    new: NewLogo, request: Request, caller: Ops, key: IdempotencyKey, notices: InNotices
) -> JSONResponse:
    """A file-cabinet id names one logo of the org: lines that carry it find the logo by it."""

    async def create(connection: AsyncConnection) -> Answer:
        if await get_customer(connection, caller.org_id, new.customer_id) is None:
            raise NotFound("customer")
        row = await logos.create_logo(connection, caller.org_id, uuid4(), new.model_dump(), datetime.now(UTC))
        logo = _shown(row)
        facts = logo.model_dump(mode="json", include=set(NewLogo.model_fields))
        await caller.audit(connection, "LOGO_CREATED", ("logo", logo.id), after=facts)
        if logo.netsuite_file_cabinet_id is not None:
            await notices.add(connection, caller.org_id, NoticeKind.LOGO, logo.id)
        return Answer(logo, status=201, location=f"/logos/{logo.id}", etag=logo.version)

    try:
        return await once(request, caller, key, create)
    except Taken:
        sentence = f"Another logo has the file-cabinet id {new.netsuite_file_cabinet_id} already"
        raise Problem(409, sentence) from None
