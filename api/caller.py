"""Who is asking: token to person, org and role; every endpoint names the roles that it takes."""

import json
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

import structlog
from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy.ext.asyncio import AsyncConnection

from api.jwks import KeysUnavailable, TokenInvalid
from api.problems import Problem, unavailable
from api.rooms import InRooms
from domain.audit import AuditEntry
from domain.messages import Actor, Origin
from domain.policy import OrgPolicy
from domain.statuses import Role, Via
from storage import audit_log
from storage.database import Database

_bearer = HTTPBearer(
    auto_error=False, description="The access_token of POST /auth/login, or the identity provider's"
)


@dataclass(frozen=True)
class Caller:
    """One authenticated person in one org, for one request."""

    user_id: UUID
    email: str
    name: str
    role: Role
    org_id: UUID
    org_slug: str
    org_name: str
    policy: OrgPolicy
    origin: Origin
    database: Database
    expires_at: datetime

    @property
    def actor(self) -> Actor:
        return Actor(user_id=self.user_id, email=self.email)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that sees this caller's org only."""
        async with self.database.transaction(self.org_id) as connection:
            yield connection

    async def audit(
        self,
        connection: AsyncConnection,
        action: str,
        entity: tuple[str, UUID],
        *,
        before: dict[str, Any] | None = None,
        after: dict[str, Any] | None = None,
        details: dict[str, Any] | None = None,
    ) -> None:
        """Append to the trail, in the caller's transaction. Values must be JSON and free of secrets."""
        await audit_log.append(
            connection,
            AuditEntry(
                org_id=self.org_id,
                entity_type=entity[0],
                entity_id=entity[1],
                action=action,
                actor_user_id=self.user_id,
                actor_email=self.email,
                before=_exact(before),
                after=_exact(after),
                details=_exact(details),
                via=self.origin.via,
                request_id=self.origin.request_id,
                ip=self.origin.ip,
                user_agent=self.origin.user_agent,
                created_at=datetime.now(UTC),
            ),
        )


def _exact(value: dict[str, Any] | None) -> dict[str, Any] | None:
    """JSON whose floats are texts: a float has no canonical form, and the trail is hashed canonically."""
    exact: dict[str, Any] | None = json.loads(json.dumps(value), parse_float=str)
    return exact


def origin_of(request: Request) -> Origin:
    agent = request.headers.get("user-agent")
    return Origin(
        via=Via.API,
        request_id=request.state.request_id,
        ip=request.client.host if request.client else None,
        user_agent=None if agent is None else "".join(c for c in agent if c.isprintable())[:300],
    )


async def _caller(
    request: Request,
    rooms: InRooms,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
) -> Caller:
    refused = Problem(
        401,
        "This needs a valid bearer token; log in at /auth/login",
        headers={"WWW-Authenticate": "Bearer"},
    )
    if credentials is None:
        raise refused
    try:
        claims = await rooms.tokens.read(credentials.credentials)
    except TokenInvalid:
        raise refused from None
    except KeysUnavailable:
        raise unavailable("The identity provider") from None
    # asked each time: a person who was deactivated or whose role changed must not ride on an old token
    rows = await rooms.database.call(
        "SELECT * FROM authenticate(:org, :user)", {"org": claims.org_id, "user": claims.user_id}
    )
    if not rows or not rows[0]["active"]:
        raise refused
    row = rows[0]
    structlog.contextvars.bind_contextvars(org_id=str(claims.org_id), user_id=str(claims.user_id))
    return Caller(
        user_id=claims.user_id,
        email=row["email"],
        name=row["name"],
        role=Role(row["role"]),
        org_id=claims.org_id,
        org_slug=row["org_slug"],
        org_name=row["org_name"],
        policy=OrgPolicy.model_validate(row["settings"]),
        origin=origin_of(request),
        database=rooms.database,
        expires_at=claims.expires_at,
    )


def _require(*roles: Role) -> Callable[[Caller], Coroutine[Any, Any, Caller]]:
    allowed = {Role.ADMIN, *roles}

    async def check(caller: Annotated[Caller, Depends(_caller)]) -> Caller:
        if caller.role not in allowed:
            names = " or ".join(sorted(allowed))
            raise Problem(403, f"This needs the role {names}; yours is {caller.role}")
        return caller

    return check


AnyRole = Annotated[Caller, Depends(_caller)]
Admin = Annotated[Caller, Depends(_require())]
Ops = Annotated[Caller, Depends(_require(Role.OPS))]
Production = Annotated[Caller, Depends(_require(Role.PRODUCTION))]
Integrator = Annotated[Caller, Depends(_require(Role.INTEGRATOR))]
