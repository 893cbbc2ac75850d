"""The org's settings: which gates its drafts pass, and how long things may wait."""

from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import ConfigDict, Field

from api.caller import Admin
from api.etags import IfMatch, etag, require_version
from api.json_types import Truth, Whole
from api.patches import Patch, left_out
from api.problems import problems
from api.requests import ExactRoute
from domain.policy import OrgPolicy
from domain.statuses import ProductionGate
from domain.values import Price
from storage import organizations

router = APIRouter(route_class=ExactRoute, tags=["organisation"])


class OrgSettings(OrgPolicy):
    version: int


class SettingsPatch(Patch):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"production_gate": "always", "price_tolerance_percent": "2.5"}]}
    )

    production_gate: ProductionGate = Field(default_factory=left_out)
    four_eyes: Truth = Field(default_factory=left_out)
    reminder_cap: Annotated[Whole, Field(ge=0, le=5)] = Field(default_factory=left_out)
    reminder_hour: Annotated[Whole, Field(ge=0, le=23)] = Field(default_factory=left_out)
    ack_overdue_hours: Annotated[Whole, Field(ge=1, le=24 * 365)] = Field(default_factory=left_out)
    ack_window_days: Annotated[Whole, Field(ge=1, le=365)] = Field(default_factory=left_out)
    price_tolerance_percent: Annotated[Price, Field(le=100)] = Field(default_factory=left_out)
    version: Whole = Field(
        default_factory=left_out,
        description="may be sent back as it was read and is not looked at; that is what If-Match is for",
    )


@router.get("/org/settings", responses=problems(401, 403))
async def get_settings(caller: Admin, response: Response) -> OrgSettings:
    async with caller.transaction() as connection:
        row = await organizations.get_settings(connection, caller.org_id)
    response.headers["ETag"] = etag(row["version"])
    return OrgSettings.model_validate({**row["settings"], "version": row["version"]})


@router.patch("/org/settings", responses=problems(401, 403, 412))
async def change_settings(
    patch: SettingsPatch, caller: Admin, if_match: IfMatch, response: Response
) -> OrgSettings:
    """Change some settings; the rest keep their values."""
    async with caller.transaction() as connection:
        row = await organizations.get_settings(connection, caller.org_id, lock=True)
        version = row["version"]
        require_version(if_match, version)
        policy = OrgPolicy.model_validate(row["settings"])
        changes = patch.changes({**dict(policy), "version": patch.version})
        if changes:
            before = policy.model_dump(mode="json")
            policy = OrgPolicy.model_validate({**dict(policy), **changes})
            after = policy.model_dump(mode="json")
            version = await organizations.save_settings(connection, caller.org_id, after)
            await caller.audit(
                connection,
                "SETTINGS_CHANGED",
                ("org", caller.org_id),
                before={name: before[name] for name in changes},
                after={name: after[name] for name in changes},
            )
    response.headers["ETag"] = etag(version)
    return OrgSettings(**dict(policy), version=version)
