"""A customer's decision as it comes in: from the page's form, or as JSON."""

from dataclasses import dataclass, field
from typing import Literal
from uuid import UUID

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from api.problems import Problem
from api.proof_access import Opened
from api.requests import ExactRequest
from config.keys import KeyRing
from domain.canonical import sha256_hex
from domain.color_ups import Decision
from domain.values import Reason, Sha256

Wanted = Literal[Decision.APPROVE, Decision.REQUEST_CHANGES]
_COMMENT = TypeAdapter(Reason)
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
_FIELDS = frozenset({"decision", "approver_id", "comment", "sheet", "csrf"})


class ProofDecisionBody(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "decision": "request_changes",
                    "approver_id": "2f6f7f3c-1d5b-4b53-9d0a-3f0a5a6b7c8d",
                    "comment": "The crest should be gold, not white",
                }
            ]
        },
    )

    decision: Wanted
    approver_id: UUID
    comment: Reason | None = Field(None, description="required to request changes")
    sheet: Sha256 | None = Field(
        None, description="hash of what was seen, from GET; another one by now is refused with 409"
    )


@dataclass
class Wish:
    """What somebody wants decided, as far as it could be understood.

    `from_page`: it must be the form of a page of ours. `errors`: field to name of a word.
    """

    decision: Decision | None = None
    approver_id: UUID | None = None
    approver_text: str = ""
    comment: str = ""
    sheet: str | None = None
    csrf: str | None = None
    from_form: bool = False
    from_page: bool = False
    errors: dict[str, str] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        return sha256_hex(f"{self.decision}\n{self.approver_id}\n{self.comment}")


def form_token(keys: KeyRing, link_id: UUID, sheet: str) -> str:
    """Only a page that we made for this link and this content holds it."""
    return keys.keyed_digest(_form(link_id, sheet))


def is_own_form(keys: KeyRing, opened: Opened, wish: Wish) -> bool:
    link_id: UUID = opened.link["id"]
    return bool(wish.csrf and wish.sheet) and keys.is_keyed_digest(
        wish.csrf or "", _form(link_id, wish.sheet or "")
    )


def _form(link_id: UUID, sheet: str) -> str:
    return sha256_hex(f"proof-form\n{link_id}\n{sheet}")


def refuse_other_sites(request: Request, public_url: str | None) -> None:
    """
    Raises:
        Problem: 403, for what another site's page has the browser send.
    """
    # "null" is also what our own pages send, because they tell nobody where they are
    origin = request.headers.get("origin", "null")
    ours = {
        "null",
        public_url,
        f"http://{request.headers.get('host')}",
        f"https://{request.headers.get('host')}",
    }
    elsewhere = origin not in ours
    if elsewhere or request.headers.get("sec-fetch-site", "none") not in {"same-origin", "none"}:
        raise Problem(403, "Decide on the page itself; another page sent this")


async def read_wish(request: Request, opened: Opened) -> Wish:
    """
    Raises:
        RequestValidationError: JSON that does not fit.
        Problem: 415, for anything that is neither a form nor JSON.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    wish = await _from_form(request) if kind in _FORMS else await _from_json(request, kind)
    _check(wish, opened)
    return wish


async def _from_form(request: Request) -> Wish:
    async with request.form(max_files=0, max_fields=20) as form:
        said = {name: value for name, value in form.items() if name in _FIELDS and isinstance(value, str)}
    sealed = "sheet" in said or "csrf" in said
    wish = Wish(
        from_form=True,
        from_page=sealed or _is_browser(request),
        sheet=said.get("sheet"),
        csrf=said.get("csrf"),
    )
    if said.get("decision") in {Decision.APPROVE, Decision.REQUEST_CHANGES}:
        wish.decision = Decision(said["decision"])
    else:
        wish.errors["decision"] = "decision_missing"
    wish.approver_text = said.get("approver_id", "")
    try:
        wish.approver_id = UUID(wish.approver_text)
    except ValueError:
        wish.errors["approver_id"] = "who_missing"
    wish.comment = said.get("comment", "").replace("\r\n", "\n").strip()
    try:
        wish.comment = _COMMENT.validate_python(wish.comment) if wish.comment else ""
    except ValidationError:
        wish.errors["comment"] = "comment_wrong"
    return wish


def _is_browser(request: Request) -> bool:
    """Only browsers can be made to send what their user did not ask for, and they say where it came from."""
    return "origin" in request.headers or "sec-fetch-site" in request.headers


async def _from_json(request: Request, kind: str) -> Wish:
    if kind != "application/json" and not (kind.startswith("application/") and kind.endswith("+json")):
        raise Problem(415, "Send the decision as a form or as JSON")
    try:
        body = ProofDecisionBody.model_validate(
            await ExactRequest(request.scope, request.receive).json(), strict=False
        )
    except ValidationError as error:
        raise RequestValidationError(
            [{**each, "loc": ("body", *each["loc"])} for each in error.errors(include_input=False)]
        ) from None
    except ValueError:
        raise Problem(422, "the body is not valid JSON") from None
    return Wish(
        decision=body.decision,
        approver_id=body.approver_id,
        approver_text=str(body.approver_id),
        comment=body.comment or "",
        sheet=body.sheet,
    )


def _check(wish: Wish, opened: Opened) -> None:
    if wish.approver_id is not None and wish.approver_id not in {each["id"] for each in opened.people}:
        wish.errors["approver_id"] = "who_unknown"
    if wish.decision is Decision.REQUEST_CHANGES and not wish.comment and "comment" not in wish.errors:
        wish.errors["comment"] = "comment_missing"
