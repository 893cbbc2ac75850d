"""Do a POST once per Idempotency-Key: the work and its answer are one transaction.

For everything that PostgreSQL alone decides; a draft's commands keep their keys in the workflow.
A second request with the key waits for the first one's commit, then gets the same answer.
"""

import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Header, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from api.caller import Caller
from api.problems import Problem
from api.rooms import rooms_of
from domain.canonical import sha256_hex
from domain.refusals import KeyReused

REUSED = "This Idempotency-Key was used before with another body; use a new key for a new request"


def _clean(value: str | None) -> str | None:
    """1 to 255 visible characters, quoted or bare; blanks inside are not visible."""
    if value is None:
        return None
    quoted = len(value) >= 2 and value[0] == value[-1] == '"'
    key = value[1:-1] if quoted else value
    if not 1 <= len(key) <= 255 or any(not 33 <= ord(character) <= 126 for character in key):
        raise Problem(422, "Idempotency-Key must be 1 to 255 visible ASCII characters")
    return key


def _key(
    idempotency_key: Annotated[
        str | None,
        Header(description="1 to 255 visible characters; for 7 days the same key again gets the same answer"),
    ] = None,
) -> str | None:
    return _clean(idempotency_key)


IdempotencyKey = Annotated[str | None, Depends(_key)]


async def body_digest(request: Request) -> str:
    """Digest over the body and the query; JSON that differs only in blanks or key order is the same.

    Plain: of a body with a secret it is kept under the master key only, see `_claim`.
    """
    body = await request.body()
    text_of_body = body.decode("utf-8", "replace")
    if "json" in request.headers.get("content-type", ""):
        with suppress(ValueError, RecursionError):
            said = json.loads(body, parse_float=str) if body else None
            # a command without fields may send nothing, null or {}
            text_of_body = json.dumps(said, sort_keys=True) if said else ""
    return sha256_hex(f"{request.url.query}\n{text_of_body}")


@dataclass(frozen=True)
class Answer:
    """What a piece of work answers: `body` is a model or JSON; `location` fills the header."""

    body: BaseModel | dict[str, Any]
    status: int = 200
    location: str | None = None
    etag: int | None = None


Work = Callable[[AsyncConnection], Awaitable[Answer]]
StepWork = Callable[[], Awaitable[Answer]]

_KEPT_HEADERS = frozenset({"location", "etag"})


async def once(
    request: Request, caller: Caller, key: str | None, work: Work, *, digest: str | None = None
) -> JSONResponse:
    """Run `work` in a transaction of the caller's org, at most once per key; return its answer.

    `digest` stands for the body where two bodies may say the same (multipart boundaries).

    Raises:
        KeyReused: the key came before with another body.
    """
    async with caller.transaction() as connection:
        if key is not None:
            stored = await _claim(connection, caller.org_id, request, key, digest)
            if stored is not None:
                return stored
        response = _written(await work(connection))
        if key is not None:
            await _keep(connection, caller, request, key, response)
    return response


async def claim(request: Request, caller: Caller, key: str | None) -> None:
    """For work whose repeat is welcome, such as a test: only another body under the key is refused.

    Raises:
        KeyReused: the key came before with another body.
    """
    if key is not None:
        async with caller.transaction() as connection:
            await claim_in(connection, caller.org_id, request, key)


async def claim_in(connection: AsyncConnection, org_id: UUID, request: Request, key: str | None) -> None:
    """As `claim`, within a transaction of that org.

    Raises:
        KeyReused: the key came before with another body.
    """
    if key is not None:
        await _claim(connection, org_id, request, key, None)


async def once_in_steps(
    request: Request, caller: Caller, key: str | None, work: StepWork, *, digest: str
) -> JSONResponse:
    """As `once`, for work of many transactions, each safe to repeat: claim, work, then keep the answer.

    Raises:
        KeyReused: the key came before with another body.
    """
    if key is None:
        return _written(await work())
    async with caller.transaction() as connection:
        stored = await _claim(connection, caller.org_id, request, key, digest)
    if stored is not None:
        return stored
    response = _written(await work())
    async with caller.transaction() as connection:
        await _keep(connection, caller, request, key, response)
        # two at once both worked: the answer that was kept first is the one that both give
        return await _claim(connection, caller.org_id, request, key, digest) or response


def _written(answer: Answer) -> JSONResponse:
    body = answer.body.model_dump_json() if isinstance(answer.body, BaseModel) else json.dumps(answer.body)
    headers = {"Location": answer.location} if answer.location else {}
    if answer.etag is not None:
        headers["ETag"] = f'"{answer.etag}"'
    return _response(answer.status, headers, body)


def _scope(request: Request) -> str:
    return f"{request.method} {request.url.path}"


_CLAIM = text(
    "INSERT INTO idempotency_key (org_id, scope, key, digest, created_at) "
    "VALUES (:org, :scope, :key, :digest, :at) ON CONFLICT DO NOTHING"
)
_CLAIMED = text(
    "SELECT digest, status_code, headers, body FROM idempotency_key "
    "WHERE org_id = :org AND scope = :scope AND key = :key"
)


async def _claim(
    connection: AsyncConnection, org_id: UUID, request: Request, key: str, given_digest: str | None
) -> JSONResponse | None:
    """The answer that the key has already, or None: then this request does the work."""
    values = {"org": org_id, "scope": _scope(request), "key": key}
    digest = given_digest or await body_digest(request)
    keys, now = rooms_of(request).keys, datetime.now(UTC)
    row = None
    while row is None:  # an old key may be swept away between the two statements
        claimed = await connection.execute(_CLAIM, {**values, "digest": keys.keyed_digest(digest), "at": now})
        if claimed.rowcount == 1:
            return None
        row = (await connection.execute(_CLAIMED, values)).mappings().one_or_none()
    # rows from before digests were keyed hold the plain one
    if not keys.is_keyed_digest(row["digest"], digest) and row["digest"] != digest:
        raise KeyReused(REUSED)
    if row["status_code"] is None:
        return None
    return _response(row["status_code"], row["headers"], row["body"])


async def _keep(
    connection: AsyncConnection, caller: Caller, request: Request, key: str, response: JSONResponse
) -> None:
    kept = {name: value for name, value in response.headers.items() if name in _KEPT_HEADERS}
    await connection.execute(
        text(
            "UPDATE idempotency_key SET status_code = :status, headers = cast(:headers AS jsonb), "
            "body = :body WHERE org_id = :org AND scope = :scope AND key = :key AND status_code IS NULL"
        ),
        {
            "org": caller.org_id,
            "scope": _scope(request),
            "key": key,
            "status": response.status_code,
            "headers": json.dumps(kept),
            "body": bytes(response.body).decode(),
        },
    )


def _response(status: int, headers: dict[str, str], body: str) -> JSONResponse:
    response = JSONResponse(None, status, headers=headers)
    response.body = body.encode()
    response.headers["content-length"] = str(len(response.body))
    return response
