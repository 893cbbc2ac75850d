"""The terms that customers agree to when they approve: a change is a new version, and none ever changes."""

from datetime import UTC, datetime

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict

from api.caller import Admin, AnyRole
from api.etags import IfMatch, etag, require_version
from api.problems import problems
from api.requests import ExactRoute
from domain.proof_sheets import Terms
from domain.values import TermsText
from storage import proof_sheets

router = APIRouter(route_class=ExactRoute, tags=["organisation"])


class TermsBody(BaseModel):
    """Plain text; line breaks are kept. Both empty: customers see no terms."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "text_en": "What you approve is what we embroider.",
                    "text_de": "Was Sie freigeben, wird gestickt.",
                }
            ]
        },
    )

    text_en: TermsText
    text_de: TermsText


@router.get("/org/terms", responses=problems(401))
async def get_terms(caller: AnyRole, response: Response) -> Terms:
    """The newest. Version 0, without a text, is that of an organisation that has written none."""
    async with caller.transaction() as connection:
        terms = await proof_sheets.terms(connection, caller.org_id)
    response.headers["ETag"] = etag(terms.version)
    return terms


@router.put("/org/terms", responses=problems(401, 403, 412))
async def put_terms(body: TermsBody, caller: Admin, if_match: IfMatch, response: Response) -> Terms:
    """A new version, unless the texts are the same. Who has a proof open must look at it again."""
    now = datetime.now(UTC)
    async with caller.transaction() as connection:
        before = await proof_sheets.lock_terms(connection, caller.org_id)
        require_version(if_match, before.version)
        terms = before
        if (body.text_en, body.text_de) != (before.text_en, before.text_de):
            new = Terms(text_en=body.text_en, text_de=body.text_de)
            terms = await proof_sheets.add_terms(connection, caller.org_id, new, caller.actor.user_id, now)
            await caller.audit(
                connection,
                "SETTINGS_CHANGED",
                ("org", caller.org_id),
                before={"terms_version": before.version},
                after={"terms_version": terms.version},
            )
    response.headers["ETag"] = etag(terms.version)
    return terms
