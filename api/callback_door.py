"""Where customers' systems come in: no token, a signature. The signature says whose word it is.

Source: docs/callbacks.md. Written down first and answered 202; what it does follows (ADR 0014).
"""

import hashlib
import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, NoReturn
from uuid import UUID, uuid4

import structlog
from fastapi import APIRouter, Header, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ValidationError
from starlette.background import BackgroundTask

from api.callback_signatures import Secret, Signed, read_headers, signer
from api.caller import origin_of
from api.problems import Problem, problems
from api.requests import ExactRoute
from api.rooms import InRooms, Rooms
from api.uploads import content_type
from commands.draft_orders import TemporalUnavailable
from config.keys import EncryptionError, callback_secret_owner
from domain.callbacks import CallbackOrder, CallbackRefusal, CustomerApproval
from domain.messages import Origin
from storage import callbacks
from storage.database import Row

log = structlog.get_logger(__name__)

router = APIRouter(route_class=ExactRoute, tags=["callbacks"])

MAX_BODY_BYTES = 16 * 1024
# One sentence for whatever is wrong: nobody learns from it which secrets or color-ups there are.
_NOT_SIGNED = (
    "The signature does not fit: sign id, timestamp and body with a callback secret that is in use, "
    "as Standard Webhooks says, within five minutes of sending"
)
_ID_REUSED = "This webhook-id came before with another body; send what is new under an id of its own"

WebhookHeader = Annotated[str | None, Header()]


class CallbackTaken(BaseModel):
    """`repeated`: this webhook-id came before; it has its effect once."""

    id: UUID
    webhook_id: str
    status: Literal["accepted", "repeated"]


@dataclass(frozen=True)
class _Letter:
    """One callback as it came. `named` is the color-up that it speaks of; nothing is verified yet."""

    body: bytes
    named: UUID | None
    webhook_id: str | None
    origin: Origin


@router.post(
    "/callbacks/customer-approval",
    status_code=202,
    response_model=CallbackTaken,
    responses=problems(401, 413, 415, 429),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": CustomerApproval.model_json_schema()}},
        }
    },
)
async def customer_approval(
    request: Request,
    rooms: InRooms,
    webhook_id: WebhookHeader = None,
    webhook_timestamp: WebhookHeader = None,
    webhook_signature: WebhookHeader = None,
) -> JSONResponse:
    """Take a customer's decision, signed as Standard Webhooks says. No token; see docs/callbacks.md.

    202 says that it is written down, not that it had an effect: `GET /callbacks` shows that. Repeat what got
    no 2xx, under the same `webhook-id`. The id stands for an Idempotency-Key.
    """
    _require_text(request)
    origin = origin_of(request)
    rooms.callback_limits.require_room(origin.ip or "unknown")
    body = await request.body()
    if len(body) > MAX_BODY_BYTES:
        raise Problem(413, f"The body may have at most {MAX_BODY_BYTES} bytes (16 KiB)")
    letter = _Letter(body, _named(body), webhook_id, origin)
    signed = read_headers(webhook_id, webhook_timestamp, webhook_signature)
    async with rooms.callback_limits.at_once:
        secret = await _signer(rooms, letter, signed)
        said = await _said(rooms, letter, secret)
        return await _take(rooms, letter, secret, said)


def _require_text(request: Request) -> None:
    """Standard Webhooks asks for three headers and no type: what may hold JSON is looked at.

    Raises:
        Problem: 415, for a form, a picture and the like.
    """
    kind = content_type(request)
    if kind and "json" not in kind and not kind.startswith("text/"):
        raise Problem(415, "Send the body as JSON, with the header Content-Type: application/json")


def _named(body: bytes) -> UUID | None:
    """Only to know whose secrets to try; what counts is read after the signature was checked."""
    with suppress(ValueError, RecursionError):
        said = json.loads(body)
        if isinstance(said, dict) and isinstance(said.get("color_up_id"), str):
            return UUID(said["color_up_id"])
    return None


async def _said(rooms: Rooms, letter: _Letter, secret: Secret) -> CustomerApproval:
    """
    Raises:
        RequestValidationError: 422, after the refusal was recorded.
    """
    try:
        return CustomerApproval.model_validate_json(letter.body)
    except ValidationError as error:
        await _note(rooms, letter, secret.org_id, CallbackRefusal.BODY)
        raise RequestValidationError(_in_body(error)) from None


def _in_body(error: ValidationError) -> list[dict[str, Any]]:
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return [{**each, "loc": ("body", *each["loc"])} for each in found]


async def _signer(rooms: Rooms, letter: _Letter, signed: Signed | CallbackRefusal) -> Secret:
    """The secret that signed it: of the color-up's org, or else of any.

    To another org the color-up is one that nobody has: an answer of its own would tell that somebody has it.

    Raises:
        Problem: 401, after the refusal was recorded.
    """
    rows = [] if letter.named is None else await callbacks.secrets_for(rooms.database, letter.named)
    org_id: UUID | None = rows[0]["org_id"] if rows else None
    if isinstance(signed, CallbackRefusal):
        await _refuse(rooms, letter, org_id, signed)
    secret = signer(_opened(rooms, rows), signed, letter.body)
    if secret is None:
        async with rooms.callback_limits.searching:
            others = await callbacks.secrets_of_all(rooms.database)
            secret = signer(_opened(rooms, others), signed, letter.body)
    if secret is None:
        await _refuse(rooms, letter, org_id, CallbackRefusal.SIGNATURE)
    return secret


def _opened(rooms: Rooms, rows: list[Row]) -> Iterator[Secret]:
    for row in rows:
        if row["secret_id"] is None:
            continue
        owner = callback_secret_owner(row["org_id"], row["secret_id"])
        try:
            plain = rooms.keys.decrypt(row["secret_encrypted"], owner).decode()
        except EncryptionError as error:
            log.error("callback_secret_unreadable", secret_id=str(row["secret_id"]), reason=str(error))
            continue
        yield Secret(row["org_id"], row["secret_id"], plain)


async def _refuse(rooms: Rooms, letter: _Letter, org_id: UUID | None, reason: CallbackRefusal) -> NoReturn:
    await _note(rooms, letter, org_id, reason)
    raise Problem(401, _NOT_SIGNED, title="Not signed")


async def _note(rooms: Rooms, letter: _Letter, org_id: UUID | None, reason: CallbackRefusal) -> None:
    """Record a refusal with the org that it can be laid to; in the log and the metrics in any case."""
    rooms.callback_limits.refused(letter.origin.ip or "unknown")
    rooms.metrics.callbacks.labels(f"refused_{reason}").inc()
    log.info("callback_refused", reason=reason.value, org_id=str(org_id) if org_id else None)
    if org_id is None:
        return
    values = {
        "id": uuid4(),
        "org_id": org_id,
        "reason": reason.value,
        "webhook_id": _legible(letter.webhook_id),
        "color_up_id": letter.named,
        "refused_at": datetime.now(UTC).isoformat(),
        **letter.origin.model_dump(include={"request_id", "ip", "user_agent"}),
    }
    await callbacks.refuse(rooms.database, values)


def _legible(text: str | None) -> str | None:
    return None if text is None else "".join(c for c in text if c.isprintable())[:255]


async def _take(rooms: Rooms, letter: _Letter, secret: Secret, said: CustomerApproval) -> JSONResponse:
    values = {
        "id": uuid4(),
        "org_id": secret.org_id,
        "webhook_id": letter.webhook_id,
        "secret_id": secret.secret_id,
        "body_sha256": hashlib.sha256(letter.body).hexdigest(),
        "received_at": datetime.now(UTC).isoformat(),
        **said.model_dump(),
        **letter.origin.model_dump(include={"request_id", "ip", "user_agent"}),
    }
    row = await callbacks.receive(rooms.database, values)
    if not row["fits"]:
        await _note(rooms, letter, secret.org_id, CallbackRefusal.REUSED_ID)
        raise Problem(422, _ID_REUSED)
    rooms.metrics.callbacks.labels("accepted" if row["is_new"] else "repeated").inc()
    taken = CallbackTaken(
        id=row["id"], webhook_id=letter.webhook_id, status="accepted" if row["is_new"] else "repeated"
    )
    order = CallbackOrder(org_id=secret.org_id, callback_id=row["id"])
    then = BackgroundTask(_set_going, rooms, order) if row["is_new"] else None
    return JSONResponse(taken.model_dump(mode="json"), 202, background=then)


async def _set_going(rooms: Rooms, order: CallbackOrder) -> None:
    """After the answer. What does not start here, the relay starts."""
    try:
        await rooms.errands.settle_callback(order)
    except TemporalUnavailable:
        log.warning("callback_left_to_relay", callback_id=str(order.callback_id))
