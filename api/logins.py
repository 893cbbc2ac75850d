"""Log in: the same answer and the same work whatever was wrong."""

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Request
from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints

from api.caller import origin_of
from api.idempotency import IdempotencyKey, claim_in
from api.passwords import verify_in_thread
from api.problems import Problem, problems
from api.requests import ExactRoute
from api.rooms import InRooms, Rooms
from domain.audit import AuditEntry
from domain.values import printable
from storage import audit_log
from storage.database import Row
from storage.users import get_user

router = APIRouter(route_class=ExactRoute, tags=["login"])

_NOBODY = UUID(int=0)

Given = Annotated[str, StringConstraints(min_length=1, max_length=254), AfterValidator(printable)]


class Login(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"org_slug": "demo", "email": "ops@demo.example", "password": "countersign-demo"},
            ]
        },
    )

    org_slug: Given
    email: Given
    password: Given

    @property
    def account(self) -> str:
        return f"{self.org_slug}\n{self.email.lower()}"


class Token(BaseModel):
    access_token: str
    token_type: str = "bearer"  # noqa: S105 - RFC 6750's name of the scheme
    expires_in: int  # seconds


@router.post("/auth/login", responses=problems(401, 403, 422, 429))
async def log_in(login: Login, request: Request, rooms: InRooms, key: IdempotencyKey) -> Token:
    """Trade e-mail and password for an access token; 403 where an identity provider issues the tokens.

    A token is stored nowhere: the same request again under its `Idempotency-Key` logs in again, with a new
    token. A key that was good for a log-in is refused (422) with another body; a failed one uses up no key.
    """
    if not rooms.tokens.issued_here:
        raise Problem(403, "Log in at your identity provider; this deployment takes its tokens only")
    limits = rooms.login_limits
    address = request.client.host if request.client else "unknown"
    async with limits.queue(login.account), limits.verifying:
        limits.require_room(login.account, address)
        user = await _checked(login, request, rooms, key)
        if user is None:
            limits.failed(login.account, address)
            raise Problem(
                401,
                "Organisation, e-mail or password is wrong",
                headers={"WWW-Authenticate": "Bearer"},
            )
    token = rooms.tokens.issue(user["id"], user["org_id"], user["role"])
    return Token(access_token=token, expires_in=rooms.tokens.lifetime_s)


async def _checked(login: Login, request: Request, rooms: Rooms, key: str | None) -> Row | None:
    """The user, or None when anything is wrong. Recorded in the org's trail when the org is known.

    Raises:
        KeyReused: it is the right password, but the key came with another body.
    """
    found = await rooms.database.call(
        "SELECT * FROM find_login(:slug, :email)", {"slug": login.org_slug, "email": login.email}
    )
    org_id: UUID = found[0]["org_id"] if found else _NOBODY
    user_id: UUID | None = found[0]["user_id"] if found else None
    async with rooms.database.transaction(org_id) as connection:
        user = await get_user(connection, org_id, user_id or _NOBODY)
    right = await verify_in_thread(user["password_hash"] if user else None, login.password)
    if user is None:
        reason: str | None = "unknown user"
    elif not right:
        reason = "wrong password"
    else:
        reason = None if user["active"] else "inactive user"
    if found:
        entry = _entry(request, org_id, user, reason)
        async with rooms.database.transaction(org_id) as connection:
            if reason is None:  # who is not logged in writes no keys, and learns of none
                await claim_in(connection, org_id, request, key)
            await audit_log.append(connection, entry)
    return user if reason is None else None


def _entry(request: Request, org_id: UUID, user: Row | None, reason: str | None) -> AuditEntry:
    origin = origin_of(request)
    return AuditEntry(
        org_id=org_id,
        entity_type="user" if user else "org",
        entity_id=user["id"] if user else org_id,
        action="LOGIN_SUCCEEDED" if reason is None else "LOGIN_FAILED",
        actor_user_id=user["id"] if user and reason is None else None,
        actor_email=user["email"] if user and reason is None else None,
        before=None,
        after=None,
        details=None if reason is None else {"reason": reason},
        via=origin.via,
        request_id=origin.request_id,
        ip=origin.ip,
        user_agent=origin.user_agent,
        created_at=datetime.now(UTC),
    )
