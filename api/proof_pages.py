"""The customer's page: look at a proof by the link in a mail, and decide. Looking never changes anything.

A link is a secret: nothing here may log, trace or answer it but to whoever sent it.
"""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse

from api.caller import origin_of
from api.customer_pages import language_of, message, wants_json, wants_problem
from api.idempotency import IdempotencyKey
from api.problems import Problem, problems, unavailable
from api.proof_access import Closed, LinkClosed, Opened, open_link
from api.proof_forms import ProofDecisionBody, Wish, is_own_form, read_wish, refuse_other_sites
from api.proof_limits import Asked
from api.proof_pictures import proof_picture
from api.proof_views import ProofView, address_of, json_view, proof_page
from api.proof_words import WORDS
from api.requests import ExactRoute
from api.rooms import InRooms, Rooms
from commands.draft_orders import TemporalUnavailable
from domain.color_ups import Decision
from domain.mails import Language
from domain.messages import Actor
from domain.proofs import DecideProof
from domain.refusals import FactsUnavailable, KeyReused, ProofChanged, TransitionRejected
from domain.statuses import Via
from storage import proof_links

router = APIRouter(route_class=ExactRoute, tags=["proofs"])

_HTML = {"text/html": {"schema": {"type": "string"}}}
_PAGE: dict[int | str, dict[str, Any]] = {
    200: {"description": "The page, or JSON for those who ask for it", "model": ProofView, "content": _HTML}
}
_PNG = {"image/png": {"schema": {"type": "string", "format": "binary"}}}
_PICTURE: dict[int | str, dict[str, Any]] = {
    200: {"description": "The picture", "content": _PNG},
    304: {"description": "The picture that the caller has"},
}
_FORM_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": ProofDecisionBody.model_json_schema(),
                "example": ProofDecisionBody.model_config["json_schema_extra"]["examples"][0],  # type: ignore[index]
            },
            "application/x-www-form-urlencoded": {
                "schema": ProofDecisionBody.model_json_schema(),
            },
        },
    }
}


@router.head("/proofs/{token}", response_model=None, include_in_schema=False)
@router.get("/proofs/{token}", response_model=None, responses={**_PAGE, **problems(404, 410, 429)})
async def get_proof(token: str, request: Request, rooms: InRooms) -> Response:
    """What is to be decided, as a page. Mail scanners may open it as often as they like."""
    rooms.proof_limits.count(Asked.PAGE, _address(request))
    try:
        opened = await _open(request, rooms, token)
    except LinkClosed as closed:
        return _closed(request, rooms, token, closed)
    return _shown(request, rooms, token, opened)


@router.get(
    "/proofs/{token}/picture.png", response_class=Response, responses={**_PICTURE, **problems(404, 410, 429)}
)
async def get_picture(token: str, request: Request, rooms: InRooms) -> Response:
    """The design in the threads of this version, for the page that shows it."""
    rooms.proof_limits.count(Asked.PAGE, _address(request))
    try:
        opened = await _open(request, rooms, token)
    except LinkClosed as closed:
        return _closed(request, rooms, token, closed)
    return await proof_picture(request, rooms, opened)


@router.post(
    "/proofs/{token}/decision",
    response_model=None,
    responses={**_PAGE, **problems(403, 404, 409, 410, 413, 415, 429)},
    openapi_extra=_FORM_BODY,
)
async def decide_proof(token: str, request: Request, rooms: InRooms, key: IdempotencyKey) -> Response:
    """The customer's decision, once. The page's form carries the hash of what it showed: when anything has
    changed since, nothing is decided and the page is shown as it is now."""
    rooms.proof_limits.count(Asked.DECISION, _address(request))
    refuse_other_sites(request, rooms.settings.public_url)
    try:
        opened = await _open(request, rooms, token)
    except LinkClosed as closed:
        return _closed(request, rooms, token, closed)
    wish = await read_wish(request, opened)
    stopped = _stopped(request, rooms, token, opened, wish)
    return stopped or await _decided(request, rooms, token, opened, wish, key)


@router.post(
    "/proofs/{token}/renewal",
    response_model=None,
    status_code=202,
    responses={
        202: {"description": "The same answer for every link", "content": _HTML},
        **problems(403, 429),
    },
)
async def renew_link(token: str, request: Request, rooms: InRooms, _key: IdempotencyKey) -> Response:
    """Mail a new link to the address that this one went to. What becomes of it is told to nobody else.

    Within five minutes a repeat mails no second link, with or without a key; what is no key is refused.
    """
    rooms.proof_limits.count(Asked.RENEWAL, _address(request))
    refuse_other_sites(request, rooms.settings.public_url)
    found = await proof_links.find(rooms.database, token)
    if found is not None:
        try:
            await rooms.errands.renew_link(*found)
        except TemporalUnavailable:
            raise unavailable("The mail") from None
    if wants_json(request):
        return JSONResponse({"detail": WORDS[Language.EN]["renewed"]}, 202)
    return message(request, 202, "renewed_title", ["renewed"])


async def _open(request: Request, rooms: Rooms, token: str) -> Opened:
    """
    Raises:
        LinkClosed
        Problem: 429, for an address that tries many links that don't exist.
    """
    rooms.proof_limits.require_room(Asked.UNKNOWN_LINK, _address(request))
    try:
        return await open_link(rooms, token, datetime.now(UTC))
    except LinkClosed as closed:
        if closed.why is Closed.UNKNOWN:
            rooms.proof_limits.count(Asked.UNKNOWN_LINK, _address(request))
        raise


def _stopped(request: Request, rooms: Rooms, token: str, opened: Opened, wish: Wish) -> Response | None:
    """Why nothing is decided; None when it may be."""
    if opened.proof.row["decision"] is not None:
        return _was_decided(request, rooms, token, opened, wish)
    if wish.from_page and not is_own_form(rooms.keys, opened, wish):
        if wants_problem(request):
            raise Problem(403, WORDS[Language.EN]["form_old"])
        return proof_page(request, rooms, token, opened, status=403, notice="form_old", wish=wish)
    if wish.sheet not in {None, opened.proof.sheet.sha256()}:
        return _changed(request, rooms, token, opened, wish)
    if wish.errors:
        words = WORDS[Language.EN]
        if wants_problem(request):
            errors = [{"loc": ["body", name], "msg": words[word]} for name, word in wish.errors.items()]
            raise Problem(422, errors[0]["msg"], errors=errors)  # type: ignore[arg-type]
        return proof_page(request, rooms, token, opened, status=422, wish=wish)
    return None


def _changed(request: Request, rooms: Rooms, token: str, opened: Opened, wish: Wish) -> Response:
    """Nothing is decided; what it is now is shown, to be decided on."""
    if wants_problem(request):
        sheet = opened.proof.sheet.sha256()
        raise Problem(409, WORDS[Language.EN]["data_changed"], sheet_sha256=sheet)
    return proof_page(request, rooms, token, opened, status=409, notice="data_changed", wish=wish)


def _was_decided(request: Request, rooms: Rooms, token: str, opened: Opened, wish: Wish) -> Response:
    """Sent twice by the same person it is the same decision; anything else changes nothing."""
    row = opened.proof.row
    same = (row["decision"], row["decided_by_approver_id"], row["decision_note"] or "")
    if same == (wish.decision, wish.approver_id, wish.comment):
        return _shown(request, rooms, token, opened)
    if wants_problem(request):
        raise Problem(409, WORDS[Language.EN]["decided_before"], decision=row["decision"])
    return proof_page(request, rooms, token, opened, status=409, notice="decided_before")


async def _decided(
    request: Request, rooms: Rooms, token: str, opened: Opened, wish: Wish, key: str | None
) -> Response:
    sheet = opened.proof.sheet
    person = next(each for each in opened.people if each["id"] == wish.approver_id)
    decision = wish.decision
    if decision is None or decision is Decision.SUPERSEDED:
        raise AssertionError("a wish without errors names a decision")
    form_key = f"page:{opened.link['id']}:{sheet.sha256()}" if wish.from_form else None
    ordered = DecideProof(
        decision=decision,
        note=wish.comment or None,
        actor=Actor(email=person["email"]),
        approver_id=person["id"],
        sheet_sha256=wish.sheet,
        origin=origin_of(request).model_copy(update={"via": Via.CUSTOMER}),
        key=key or form_key,
        digest=wish.digest,
        token=uuid4().hex,
    )
    try:
        await rooms.proofs.decide(opened.org_id, sheet.color_up_id, ordered)
    except (TransitionRejected, ProofChanged, KeyReused):
        pass  # somebody else was faster: the rows say who, or what
    except (TemporalUnavailable, FactsUnavailable):
        if wants_problem(request):
            raise unavailable("The proof") from None
        return proof_page(request, rooms, token, opened, status=503, notice="try_again", wish=wish)
    return await _afterwards(request, rooms, token, wish)


async def _afterwards(request: Request, rooms: Rooms, token: str, wish: Wish) -> Response:
    """What the rows say now, whoever it was."""
    try:
        opened = await _open(request, rooms, token)
    except LinkClosed as closed:
        return _closed(request, rooms, token, closed)
    row = opened.proof.row
    if row["decision"] is None:
        return _changed(request, rooms, token, opened, wish)
    if (row["decision"], row["decided_by_approver_id"]) != (wish.decision, wish.approver_id):
        return _was_decided(request, rooms, token, opened, wish)
    if wants_json(request):
        return _shown(request, rooms, token, opened)
    return proof_page(request, rooms, token, opened, notice="just_decided")


def _shown(request: Request, rooms: Rooms, token: str, opened: Opened) -> Response:
    if wants_json(request):
        return Response(json_view(opened).model_dump_json(), media_type="application/json")
    return proof_page(request, rooms, token, opened)


def _closed(request: Request, rooms: Rooms, token: str, closed: LinkClosed) -> HTMLResponse:
    """
    Raises:
        Problem: for those who did not ask for HTML.
    """
    word, language = closed.why.value, language_of(request, closed.language)
    sentence = WORDS[language][word].format(version=closed.version)
    if wants_problem(request):
        english = WORDS[Language.EN]
        said = english[word].format(version=closed.version)
        raise Problem(closed.why.status, f"{english[f'{word}_title']}. {said}")
    renewal = f"{address_of(rooms, token)}/renewal" if closed.renewable else None
    return message(
        request, closed.why.status, f"{word}_title", [sentence], language=language, renewal=renewal
    )


def _address(request: Request) -> str:
    return request.client.host if request.client else ""
