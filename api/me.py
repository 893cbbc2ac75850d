"""Who am I: the person and the org behind a token."""

from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel

from api.caller import AnyRole
from api.problems import problems
from api.requests import ExactRoute
from domain.statuses import Role

router = APIRouter(route_class=ExactRoute, tags=["login"])


class MyUser(BaseModel):
    id: UUID
    email: str
    name: str
    role: Role


class MyOrg(BaseModel):
    id: UUID
    slug: str
    name: str


class Me(BaseModel):
    user: MyUser
    org: MyOrg


@router.get("/me", responses=problems(401))
async def me(caller: AnyRole) -> Me:
    return Me(
        user=MyUser(id=caller.user_id, email=caller.email, name=caller.name, role=caller.role),
        org=MyOrg(id=caller.org_id, slug=caller.org_slug, name=caller.org_name),
    )
