"""Secrets that customers' systems sign callbacks with: shown once, several in use at once, revocable.

Source: docs/callbacks.md. The secret stands in the answer that made it and nowhere else in clear; the answer
that an Idempotency-Key keeps is stored without it.
"""

import base64
import json
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.ext.asyncio import AsyncConnection

from api.caller import AnyRole, Caller, Integrator
from api.etags import IfMatch, require_version
from api.idempotency import Answer, IdempotencyKey, once
from api.paging import Page, Paging, page_of
from api.problems import NotFound, Problem, problems
from api.queries import after_id
from api.requests import ExactRoute
from api.rooms import InRooms, Rooms
from config.keys import callback_secret_owner
from domain.values import Name
from storage import callback_secrets
from storage.database import Row

router = APIRouter(route_class=ExactRoute, tags=["callbacks"])

ENTITY = "callback_secret"
MAX_IN_USE = 10  # each is tried on each callback
_SECRET_BYTES = 32
# how long a lost answer can be had again with the Idempotency-Key it was asked with
_SHOWN_AGAIN_WITHIN = timedelta(hours=1)
_EXAMPLE = "whsec_" + base64.b64encode(b"an example, 32 bytes, no secret!").decode()


class CallbackSecret(BaseModel):
    """`last_used_at` is to the minute: the newest callback that it signed."""

    id: UUID
    name: str | None
    version: int
    created_at: datetime
    created_by_user_id: UUID | None
    revoked_at: datetime | None
    revoked_by_user_id: UUID | None
    last_used_at: datetime | None


class MadeCallbackSecret(CallbackSecret):
    """`secret` is shown here only; null when another person, or later than an hour, repeats the request."""

    secret: str | None = Field(examples=[_EXAMPLE])


class NewCallbackSecret(BaseModel):
    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"name": "Shop, since December"}]}
    )

    name: Name | None = None


def _shown(row: Row) -> CallbackSecret:
    return CallbackSecret.model_validate(dict(row))


def _made() -> str:
    """A secret in the form of Standard Webhooks."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


@router.get("/callback-secrets", responses=problems(401))
async def list_callback_secrets(caller: AnyRole, paging: Paging) -> Page[CallbackSecret]:
    """Newest first, revoked ones too; never a secret."""
    async with caller.transaction() as connection:
        rows = await callback_secrets.list_all(
            connection, caller.org_id, limit=paging.limit + 1, after=after_id(paging)
        )
    return page_of(paging, rows, _shown)


@router.post(
    "/callback-secrets",
    status_code=201,
    response_model=MadeCallbackSecret,
    responses=problems(401, 403, 409),
)
async def create_callback_secret(
    request: Request,
    caller: Integrator,
    rooms: InRooms,
    key: IdempotencyKey,
    new: NewCallbackSecret | None = None,
) -> JSONResponse:
    """Make a secret. Keep `secret` from the answer: it is not shown again. Older ones stay good."""
    name = None if new is None else new.name

    async def create(connection: AsyncConnection) -> Answer:
        if await callback_secrets.lock_in_use(connection, caller.org_id) >= MAX_IN_USE:
            raise Problem(409, f"There are {MAX_IN_USE} callback secrets in use; revoke one first")
        secret_id = uuid4()
        sealed = rooms.keys.encrypt(_made().encode(), callback_secret_owner(caller.org_id, secret_id))
        values: dict[str, Any] = {"id": secret_id, "name": name, "secret_encrypted": sealed}
        values |= {"org": caller.org_id, "user": caller.user_id}
        made = _shown(await callback_secrets.insert(connection, values, datetime.now(UTC)))
        await caller.audit(
            connection, "CALLBACK_SECRET_CREATED", (ENTITY, made.id), after={"name": made.name}
        )
        return Answer(made, status=201, etag=made.version)

    return await _with_secret(await once(request, caller, key, create), caller, rooms)


async def _with_secret(answer: JSONResponse, caller: Caller, rooms: Rooms) -> JSONResponse:
    """The answer as it was kept, which is without the secret, with it: for who made it, for a while."""
    body: dict[str, Any] = json.loads(bytes(answer.body))
    async with caller.transaction() as connection:
        row = await callback_secrets.get(connection, caller.org_id, UUID(body["id"]))
    body["secret"] = None
    if row is not None and _may_be_shown(row, caller):
        owner = callback_secret_owner(caller.org_id, row["id"])
        body["secret"] = rooms.keys.decrypt(row["secret_encrypted"], owner).decode()
    return JSONResponse(body, answer.status_code, headers={"ETag": answer.headers["etag"]})


def _may_be_shown(row: Row, caller: Caller) -> bool:
    fresh = datetime.now(UTC) - row["created_at"] < _SHOWN_AGAIN_WITHIN
    return fresh and row["revoked_at"] is None and row["created_by_user_id"] == caller.user_id


@router.delete("/callback-secrets/{secret_id}", status_code=204, responses=problems(401, 403, 404, 412))
async def revoke_callback_secret(secret_id: UUID, caller: Integrator, if_match: IfMatch) -> Response:
    """Revoke it: what it signed is refused from now on. Revoking again changes nothing."""
    async with caller.transaction() as connection:
        row = await callback_secrets.get(connection, caller.org_id, secret_id, lock=True)
        if row is None:
            raise NotFound("callback secret")
        require_version(if_match, row["version"])
        if row["revoked_at"] is None:
            await callback_secrets.revoke(
                connection, caller.org_id, secret_id, caller.user_id, datetime.now(UTC)
            )
            await caller.audit(
                connection, "CALLBACK_SECRET_REVOKED", (ENTITY, secret_id), before={"name": row["name"]}
            )
    return Response(status_code=204)
