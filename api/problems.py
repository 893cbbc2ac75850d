"""Every error as `application/problem+json` (RFC 9457), with a sentence that a person can act on.

Source: api.md, "Conventions". Nothing internal leaks: an unforeseen error says only its request id.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from api.addresses import methods_of, spelt_out_elsewhere
from api.customer_pages import is_customer_page, problem_page, wants_problem, without_token
from api.exact_json import NUMBER_OUT_OF_PROPORTION
from domain.refusals import Refusal
from storage.database import DatabaseUnavailable

TITLES: dict[int, tuple[str, str]] = {
    400: ("VALIDATION_ERROR", "Bad request"),
    401: ("AUTH_REQUIRED", "Log in first"),
    403: ("FORBIDDEN", "Not allowed"),
    404: ("NOT_FOUND", "Not found"),
    405: ("METHOD_NOT_ALLOWED", "Method not allowed"),
    408: ("REQUEST_TIMEOUT", "Too slow"),
    409: ("CONFLICT", "Conflict"),
    410: ("GONE", "No longer valid"),
    412: ("PRECONDITION_FAILED", "Precondition failed"),
    413: ("PAYLOAD_TOO_LARGE", "Too large"),
    414: ("ADDRESS_TOO_LONG", "Address too long"),
    415: ("UNSUPPORTED_MEDIA_TYPE", "Unsupported media type"),
    422: ("VALIDATION_ERROR", "The request does not fit"),
    429: ("RATE_LIMITED", "Too many requests"),
    431: ("HEADERS_TOO_LARGE", "Headers too large"),
    500: ("INTERNAL_ERROR", "Something went wrong on our side"),
    503: ("DEPENDENCY_ERROR", "Temporarily unavailable"),
}

_DETAILS = {
    401: "This needs a valid bearer token; log in at /auth/login",
    404: "There is nothing at this address, or not in your organisation",
    405: "This address does not take that method",
}


class Problem(Exception):
    """Answer the request with this. `extra` members go to the document's top level."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
        errors: Sequence[Mapping[str, Any]] | None = None,
        **extra: Any,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.code = code or TITLES[status][0]
        self.headers = dict(headers or {})
        self.errors = errors
        self.extra = extra


class FieldProblem(BaseModel):
    loc: list[str | int]
    msg: str


class ProblemDocument(BaseModel):
    """Every error's body, `application/problem+json`. Some carry members of their own besides these."""

    type: str
    title: str
    status: int
    detail: str  # a sentence that a person can act on
    instance: str
    code: str
    request_id: str | None
    errors: list[FieldProblem] | None = None  # 422 only


_SCHEMA = "#/components/schemas/"


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """`responses=` of an endpoint, for the statuses that it answers besides success, 500 and 503."""
    return {
        status: {
            "description": TITLES[status][1],
            "content": {"application/problem+json": {"schema": {"$ref": f"{_SCHEMA}ProblemDocument"}}},
        }
        for status in sorted({*statuses, 422, 500, 503})
    }


ERRORS = problems(400, 401, 403, 404, 409, 412, 413, 415)


class NotFound(Problem):
    def __init__(self, what: str) -> None:
        super().__init__(404, f"There is no such {what} in your organisation")


def unavailable(what: str) -> Problem:
    return Problem(
        503,
        f"{what} did not answer in time; nothing is lost, repeat the request with the same Idempotency-Key",
        headers={"Retry-After": "2"},
    )


def render(request: Request, problem: Problem) -> Response:
    """As JSON, but as a page to customers' browsers, which name HTML in `Accept`."""
    if is_customer_page(request) and not wants_problem(request):
        return problem_page(request, problem.status, problem.detail, problem.headers)
    document: dict[str, Any] = {
        "type": "about:blank",
        "title": TITLES.get(problem.status, ("", "Error"))[1],
        "status": problem.status,
        "detail": problem.detail,
        "instance": without_token(request.url.path),
        "code": problem.code,
        "request_id": getattr(request.state, "request_id", None),
        **problem.extra,
    }
    if problem.status == 422:
        document["errors"] = list(problem.errors or [{"loc": [], "msg": problem.detail}])
    return JSONResponse(
        document, problem.status, headers=problem.headers, media_type="application/problem+json"
    )


def install(app: FastAPI) -> None:
    app.exception_handler(Problem)(_problem)
    app.exception_handler(Refusal)(_refusal)
    app.exception_handler(RequestValidationError)(_invalid)
    app.exception_handler(HTTPException)(_http)
    app.add_exception_handler(DatabaseUnavailable, _database)


async def _problem(request: Request, error: Problem) -> Response:
    return render(request, error)


async def _refusal(request: Request, error: Refusal) -> Response:
    headers = {"Retry-After": "2"} if error.http_status == 503 else None
    problem = Problem(error.http_status, error.sentence, code=error.code, headers=headers, **_members(error))
    return render(request, problem)


def _members(error: Refusal) -> dict[str, Any]:
    return dict(error.details)


async def _invalid(request: Request, error: RequestValidationError) -> Response:
    if any(each["loc"][:1] == ("path",) for each in error.errors()) and spelt_out_elsewhere(request):
        return _other_method(request)
    # never the input itself: it may hold a password
    errors = [
        {"loc": [_part(part) for part in each["loc"]], "msg": _sentence(each)}
        for each in error.errors()[:100]
    ]
    first = errors[0] if errors else {"loc": [], "msg": "the request does not fit"}
    where = ".".join(str(part) for part in first["loc"][1:]) or "body"
    return render(request, Problem(422, f"{where}: {first['msg']}", errors=errors))


def _part(part: object) -> str | int:
    return part if isinstance(part, int) else str(part)[:100]


def _sentence(error: Mapping[str, Any]) -> str:
    if error.get("type") == "json_invalid":
        said = error.get("ctx", {}).get("error")
        return NUMBER_OUT_OF_PROPORTION if said == NUMBER_OUT_OF_PROPORTION else "the body is not valid JSON"
    text = str(error.get("msg", "does not fit"))
    return text.removeprefix("Value error, ")


async def _http(request: Request, error: HTTPException) -> Response:
    status = error.status_code if error.status_code in TITLES else 400
    if status == 405:
        return _other_method(request, error.headers)
    return render(request, Problem(status, _DETAILS.get(status, str(error.detail)), headers=error.headers))


def _other_method(request: Request, headers: Mapping[str, str] | None = None) -> Response:
    given = dict(headers or {})
    given["Allow"] = ", ".join(sorted(methods_of(request))) or given.get("Allow", "")
    return render(request, Problem(405, _DETAILS[405], headers=given))


async def _database(request: Request, error: Exception) -> Response:
    return render(request, unavailable("The database"))
