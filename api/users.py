"""Users of the caller's org. Hashes never leave; the last active ADMIN stays one."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.ext.asyncio import AsyncConnection

from api.caller import Admin, Caller
from api.emails import Email
from api.etags import IfMatch, etag, require_version
from api.idempotency import Answer, IdempotencyKey, once
from api.json_types import Truth
from api.paging import Page, Paging, page_of
from api.passwords import Password, hash_in_thread
from api.patches import Patch, left_out
from api.problems import NotFound, Problem, problems
from api.queries import after_id
from api.requests import ExactRoute
from domain.statuses import Role
from domain.values import Name
from storage import users
from storage.database import Row
from storage.uniqueness import Taken

router = APIRouter(route_class=ExactRoute, tags=["users"])


class User(BaseModel):
    id: UUID
    email: str
    name: str
    role: Role
    active: bool
    version: int
    created_at: datetime
    updated_at: datetime


class NewUser(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"email": "ops3@demo.example", "name": "Kim", "role": "OPS", "password": "ten or more"},
            ]
        },
    )

    email: Email
    name: Name
    role: Role
    password: Password


class UserPatch(Patch):
    model_config = ConfigDict(json_schema_extra={"examples": [{"role": "PRODUCTION"}, {"active": False}]})

    name: Name = Field(default_factory=left_out)
    role: Role = Field(default_factory=left_out)
    active: Truth = Field(default_factory=left_out)
    password: Password = Field(default_factory=left_out)


def _shown(row: Row) -> User:
    return User.model_validate(dict(row))


def _facts(user: User) -> dict[str, Any]:
    return user.model_dump(mode="json", include={"email", "name", "role", "active"})


@router.get("/users", responses=problems(401, 403))
async def list_users(caller: Admin, paging: Paging) -> Page[User]:
    """Newest first."""
    async with caller.transaction() as connection:
        rows = await users.list_users(
            connection, caller.org_id, limit=paging.limit + 1, after=after_id(paging)
        )
    return page_of(paging, rows, _shown)


@router.post("/users", status_code=201, response_model=User, responses=problems(401, 403, 409))
async def create_user(new: NewUser, request: Request, caller: Admin, key: IdempotencyKey) -> JSONResponse:
    """Add a person to the org. The password can be changed, never read."""
    values = {
        **new.model_dump(include={"email", "name", "role"}),
        "id": uuid4(),
        "org_id": caller.org_id,
        "password_hash": await hash_in_thread(new.password),
    }

    async def create(connection: AsyncConnection) -> Answer:
        user = _shown(await users.create_user(connection, values, datetime.now(UTC)))
        await caller.audit(connection, "USER_CREATED", ("user", user.id), after=_facts(user))
        return Answer(user, status=201, location=f"/users/{user.id}", etag=user.version)

    try:
        return await once(request, caller, key, create)
    except Taken:
        raise Problem(409, f"A user with the address {new.email} exists already") from None


@router.get("/users/{user_id}", responses=problems(401, 403, 404))
async def get_user(user_id: UUID, caller: Admin, response: Response) -> User:
    async with caller.transaction() as connection:
        row = await users.get_user(connection, caller.org_id, user_id)
    if row is None:
        raise NotFound("user")
    response.headers["ETag"] = etag(row["version"])
    return _shown(row)


@router.patch("/users/{user_id}", responses=problems(401, 403, 404, 409, 412))
async def change_user(
    user_id: UUID, patch: UserPatch, caller: Admin, if_match: IfMatch, response: Response
) -> User:
    """Change role, name, password, or whether the person may log in. Takes effect with their next request."""
    sent = patch.model_fields_set
    password_hash = await hash_in_thread(patch.password) if "password" in sent else None
    async with caller.transaction() as connection:
        # always in this order, or two changes of two admins would wait for each other
        admins = (
            await users.lock_active_admins(connection, caller.org_id) if sent & {"role", "active"} else []
        )
        row = await users.get_user(connection, caller.org_id, user_id, lock=True)
        if row is None:
            raise NotFound("user")
        require_version(if_match, row["version"])
        changes = patch.changes(dict(row))
        if admins == [user_id] and _gives_up_admin(changes):
            raise Problem(409, "This is the last active ADMIN of the organisation; make another one first")
        if password_hash is not None:
            changes["password_hash"] = password_hash
        user = await _changed(connection, caller, row, changes) if changes else _shown(row)
    response.headers["ETag"] = etag(user.version)
    return user


def _gives_up_admin(changes: dict[str, Any]) -> bool:
    return changes.get("role", Role.ADMIN) != Role.ADMIN or not changes.get("active", True)


async def _changed(connection: AsyncConnection, caller: Caller, row: Row, changes: dict[str, Any]) -> User:
    before = _shown(row)
    user = _shown(await users.update_user(connection, row, changes, datetime.now(UTC)))
    await caller.audit(
        connection,
        "USER_UPDATED",
        ("user", user.id),
        before=_facts(before),
        after=_facts(user),
        details={"password_changed": True} if "password_hash" in changes else None,
    )
    return user
