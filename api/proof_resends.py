"""End the links to a proof, and send it again: a mail was lost or passed on, an address was put right."""

from datetime import UTC, datetime
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict
from sqlalchemy.ext.asyncio import AsyncConnection

from api.caller import Ops
from api.color_ups import stored_color_up
from api.idempotency import Answer, IdempotencyKey, once
from api.notices import InNotices
from api.problems import Problem, problems
from api.requests import ExactRoute
from domain.color_ups import ColorUpStatus
from domain.notices import NoticeKind
from storage import messages, proof_links, proof_sheets

router = APIRouter(route_class=ExactRoute, tags=["proofs"])

SENT_AGAIN = "The proof was sent again before the mail server took the mail"
_WHY_NOT = {
    ColorUpStatus.DRAFT: "The color-up version was not sent to the customer yet; submit a line with it",
    ColorUpStatus.APPROVED: "Color-up version already approved",
    ColorUpStatus.RETIRED: "Color-up version is out of date; send its newest version",
}


class Resent(BaseModel):
    """`mailing` counts how often the version was sent out: 1 is the first time."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "color_up_id": "9a8b7c6d-5e4f-4a3b-8c2d-1e0f9a8b7c6d",
                    "mailing": 2,
                    "links_revoked": 2,
                }
            ]
        }
    )

    color_up_id: UUID
    mailing: int
    links_revoked: int


class LinksRevoked(BaseModel):
    """`links_revoked`: how many there were that nothing had ended before."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"color_up_id": "9a8b7c6d-5e4f-4a3b-8c2d-1e0f9a8b7c6d", "links_revoked": 2}]
        }
    )

    color_up_id: UUID
    links_revoked: int


@router.post("/color-ups/{color_up_id}/resend", response_model=Resent, responses=problems(401, 403, 404, 409))
async def resend(
    color_up_id: UUID, request: Request, caller: Ops, key: IdempotencyKey, notices: InNotices
) -> JSONResponse:
    """End all links to the version, and mail it with new ones to every active approver.

    The mails go out after the answer, whatever dies then; `GET /messages` shows what becomes of them.
    """

    async def begin(connection: AsyncConnection) -> Answer:
        row = await stored_color_up(connection, caller, color_up_id)
        mailing = await proof_sheets.next_mailing(connection, caller.org_id, color_up_id)
        if mailing is None:
            raise Problem(409, _WHY_NOT.get(row["status"], "The proof is decided"))
        now = datetime.now(UTC)
        ended = await proof_links.revoke(connection, caller.org_id, color_up_id, now)
        await messages.give_up(connection, caller.org_id, color_up_id, SENT_AGAIN, now)
        done = Resent(color_up_id=color_up_id, mailing=mailing, links_revoked=ended)
        await caller.audit(
            connection, "PROOF_RESENT", ("color_up", color_up_id), after=done.model_dump(mode="json")
        )
        await notices.add(connection, caller.org_id, NoticeKind.PROOF_RESENT, color_up_id)
        return Answer(done)

    return await once(request, caller, key, begin)


@router.post(
    "/color-ups/{color_up_id}/revoke-links", response_model=LinksRevoked, responses=problems(401, 403, 404)
)
async def revoke_links(color_up_id: UUID, request: Request, caller: Ops, key: IdempotencyKey) -> JSONResponse:
    """End all links to the version at once, and mail nobody; whatever its status.

    Who opens one may have a new one mailed to the address that it went to. Later mails bring new links.
    """

    async def end(connection: AsyncConnection) -> Answer:
        await stored_color_up(connection, caller, color_up_id)
        ended = await proof_links.revoke(connection, caller.org_id, color_up_id, datetime.now(UTC))
        done = LinksRevoked(color_up_id=color_up_id, links_revoked=ended)
        await caller.audit(
            connection, "PROOF_LINKS_REVOKED", ("color_up", color_up_id), after=done.model_dump(mode="json")
        )
        return Answer(done)

    return await once(request, caller, key, end)
