"""The team decides a proof for the customer: by phone, by mail, at the counter."""

from typing import Annotated, Literal
from uuid import UUID, uuid4

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from api.caller import Ops
from api.color_up_views import ColorUp, color_up_view
from api.color_ups import stored_color_up
from api.draft_sending import counted
from api.idempotency import Answer, IdempotencyKey, body_digest, once_in_steps
from api.problems import problems, unavailable
from api.requests import ExactRoute
from api.rooms import InRooms
from commands.draft_orders import TemporalUnavailable
from domain.color_ups import Decision
from domain.proofs import DecideProof
from domain.values import Reason

router = APIRouter(route_class=ExactRoute, tags=["color-ups"])


class TeamDecision(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"decision": "approve", "note": "Ms Hansen agreed by phone, 14:05"}]},
    )

    decision: Literal[Decision.APPROVE, Decision.REQUEST_CHANGES]
    note: Annotated[Reason, Field(description="who at the customer decided, and how; or what to change")]


@router.post(
    "/color-ups/{color_up_id}/decision",
    response_model=ColorUp,
    responses=problems(401, 403, 404, 409),
)
async def decide(
    color_up_id: UUID,
    body: TeamDecision,
    request: Request,
    caller: Ops,
    rooms: InRooms,
    key: IdempotencyKey,
) -> JSONResponse:
    """Approve, or ask for changes, as the customer's proxy. Every line that waits for this version moves."""
    async with caller.transaction() as connection:
        await stored_color_up(connection, caller, color_up_id)
    digest = await body_digest(request)
    message = DecideProof(
        decision=body.decision,
        note=body.note,
        actor=caller.actor,
        origin=caller.origin,
        key=key,
        digest=digest,
        token=uuid4().hex,
    )

    async def work() -> Answer:
        with counted(rooms, "decide_proof"):
            try:
                await rooms.proofs.decide(caller.org_id, color_up_id, message)
            except TemporalUnavailable:
                raise unavailable("The proof's workflow") from None
        async with caller.transaction() as connection:
            return Answer(color_up_view(await stored_color_up(connection, caller, color_up_id)))

    return await once_in_steps(request, caller, key, work, digest=digest)
