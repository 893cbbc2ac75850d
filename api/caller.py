"""Who is asking: token to person, org and role; every endpoint names the roles that it takes."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

import structlog
from fastapi import Depends, Request
from fastapi.dependencies.models import Dependant
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy.ext.asyncio import AsyncConnection

from api.jwks import KeysUnavailable, TokenInvalid
from api.problems import Problem, unavailable
from api.rooms import InRooms, Rooms, rooms_of
from domain.audit import AuditEntry
from domain.messages import Actor, Origin
from domain.policy import OrgPolicy
from domain.statuses import Role, Via
from storage import audit_log
from storage.database import Database, Row

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
    """Who asks; `admission` has found out already, where the route is an `ExactRoute`."""
    known = getattr(request.state, "caller", None)
    return known if isinstance(known, Caller) else await _authenticated(request, rooms, credentials)


async def _authenticated(
    request: Request, rooms: Rooms, credentials: HTTPAuthorizationCredentials | None
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
    row = await _active_user(rooms, claims.org_id, claims.user_id)
    if row is None:
        raise refused
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


async def _active_user(rooms: Rooms, org_id: UUID, user_id: UUID) -> Row | None:
    rows = await rooms.database.call(
        "SELECT * FROM authenticate(:org, :user)", {"org": org_id, "user": user_id}
    )
    return rows[0] if rows and rows[0]["active"] else None


async def is_still_active(rooms: Rooms, caller: Caller) -> bool:
    """For answers that go on for hours: whether the person may still be here."""
    return await _active_user(rooms, caller.org_id, caller.user_id) is not None


class _Roles:
    """A dependency that lets some roles pass, and ADMIN."""

    def __init__(self, *roles: Role) -> None:
        self._allowed = {Role.ADMIN, *roles}

    async def __call__(self, caller: Annotated[Caller, Depends(_caller)]) -> Caller:
        self.admit(caller)
        return caller

    def admit(self, caller: Caller) -> None:
        """
        Raises:
            Problem: 403.
        """
        if caller.role not in self._allowed:
            names = " or ".join(sorted(self._allowed))
            raise Problem(403, f"This needs the role {names}; yours is {caller.role}")


def admission(dependant: Dependant) -> Callable[[Request], Awaitable[None]] | None:
    """What a route asks of its caller before anything of the request's body is read; None: nothing.

    FastAPI parses a body before it calls a dependency: strangers would have us parse theirs, and would
    hear of its faults instead of 401.
    """
    asked = list(_calls(dependant))
    if _caller not in asked:
        return None
    checks = [call for call in asked if isinstance(call, _Roles)]

    async def admit(request: Request) -> None:
        caller = await _authenticated(request, rooms_of(request), await _bearer(request))
        for check in checks:
            check.admit(caller)
        request.state.caller = caller

    return admit


def _calls(dependant: Dependant) -> Iterator[Any]:
    for each in dependant.dependencies:
        yield each.call
        yield from _calls(each)


AnyRole = Annotated[Caller, Depends(_caller)]
Admin = Annotated[Caller, Depends(_Roles())]
Ops = Annotated[Caller, Depends(_Roles(Role.OPS))]
Production = Annotated[Caller, Depends(_Roles(Role.PRODUCTION))]
Integrator = Annotated[Caller, Depends(_Roles(Role.INTEGRATOR))]
