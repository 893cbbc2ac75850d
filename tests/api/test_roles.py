"""Who may call what: every endpoint against every role, and without a token."""

from uuid import UUID

import httpx
import pytest

from connectors.registry import CONNECTOR_TYPES, slug
from domain.statuses import Role
from tests.api.conftest import ClientFor

ANY = set(Role)
ADMIN = {Role.ADMIN}
OPS = {Role.ADMIN, Role.OPS}
PRODUCTION = {Role.ADMIN, Role.PRODUCTION}
INTEGRATOR = {Role.ADMIN, Role.INTEGRATOR}
# the same in each process, or they would not collect the same tests
NOWHERE = UUID("7b1f4c52-2c0e-4d3a-9a55-0d7f7f0b9e11")
DRAFT = f"/draft-orders/{NOWHERE}"
CONNECTION_COMMANDS = ("enable", "disable", "pause", "resume", "test")

ENDPOINTS = [
    ("GET", "/me", ANY),
    ("GET", "/users", ADMIN),
    ("POST", "/users", ADMIN),
    ("GET", f"/users/{NOWHERE}", ADMIN),
    ("PATCH", f"/users/{NOWHERE}", ADMIN),
    ("GET", "/org/settings", ADMIN),
    ("PATCH", "/org/settings", ADMIN),
    ("GET", "/org/terms", ANY),
    ("PUT", "/org/terms", ADMIN),
    ("GET", "/customers", ANY),
    ("POST", "/customers", OPS),
    ("GET", f"/customers/{NOWHERE}", ANY),
    ("PATCH", f"/customers/{NOWHERE}", OPS),
    ("GET", f"/customers/{NOWHERE}/approvers", ANY),
    ("POST", f"/customers/{NOWHERE}/approvers", OPS),
    ("PATCH", f"/customers/{NOWHERE}/approvers/{NOWHERE}", OPS),
    ("GET", "/products", ANY),
    ("POST", "/products", OPS),
    ("GET", "/products/nothing", ANY),
    ("PUT", "/products/nothing", OPS),
    ("GET", "/proofs", ANY),
    ("GET", "/logos", ANY),
    ("POST", "/logos", OPS),
    ("GET", f"/logos/{NOWHERE}", ANY),
    ("GET", "/color-ups", ANY),
    ("POST", "/color-ups", OPS),
    ("GET", f"/color-ups/{NOWHERE}", ANY),
    ("POST", f"/color-ups/{NOWHERE}/versions", OPS),
    ("GET", "/messages", ANY),
    ("POST", f"/logos/{NOWHERE}/design", OPS),
    ("GET", f"/logos/{NOWHERE}/design/preview.svg", ANY),
    ("GET", f"/logos/{NOWHERE}/design/preview.png", ANY),
    ("GET", "/production/batches", ANY),
    ("GET", "/production/batches/nothing/trim-sheet.pdf", ANY),
    ("POST", f"/color-ups/{NOWHERE}/decision", OPS),
    ("POST", f"/color-ups/{NOWHERE}/resend", OPS),
    ("POST", f"/color-ups/{NOWHERE}/revoke-links", OPS),
    ("POST", "/imports/products", OPS),
    ("POST", "/imports/customer-prices", OPS),
    ("POST", "/imports/draft-orders", OPS),
    ("GET", "/callback-secrets", ANY),
    ("POST", "/callback-secrets", INTEGRATOR),
    ("DELETE", f"/callback-secrets/{NOWHERE}", INTEGRATOR),
    ("GET", "/callbacks", ANY),
    ("GET", "/callback-refusals", ANY),
    ("GET", "/draft-orders", ANY),
    ("POST", "/draft-orders", OPS),
    ("GET", DRAFT, ANY),
    ("PATCH", DRAFT, OPS),
    ("POST", f"{DRAFT}/validate", OPS),
    ("POST", f"{DRAFT}/approve", OPS),
    ("DELETE", f"{DRAFT}/approval", OPS),
    ("POST", f"{DRAFT}/production-approve", PRODUCTION),
    ("POST", f"{DRAFT}/production-reject", PRODUCTION),
    ("POST", f"{DRAFT}/push", OPS),
    ("POST", f"{DRAFT}/retry-push", OPS),
    ("POST", f"{DRAFT}/reject", OPS),
    ("GET", f"{DRAFT}/exports", ANY),
    ("GET", f"{DRAFT}/push-preview", ANY),
    ("GET", f"{DRAFT}/events", ANY),
    ("POST", f"{DRAFT}/lines", OPS),
    ("PATCH", f"{DRAFT}/lines/1", OPS),
    ("DELETE", f"{DRAFT}/lines/1", OPS),
    ("POST", f"{DRAFT}/lines/1/logo", OPS),
    ("POST", f"{DRAFT}/lines/1/color-up", OPS),
    ("POST", f"{DRAFT}/lines/1/submit", OPS),
    ("POST", f"{DRAFT}/lines/1/review", OPS),
    ("POST", f"{DRAFT}/lines/1/floor", PRODUCTION),
    ("GET", f"/exports/{NOWHERE}", ANY),
    ("GET", f"/exports/{NOWHERE}/document", ANY),
    ("GET", f"/exports/{NOWHERE}/push-log", ANY),
    ("POST", "/exports/retry", OPS),
    ("GET", f"/bulk/{NOWHERE}", ANY),
    ("GET", "/audit-log", ANY),
    ("GET", "/connectors", INTEGRATOR),
    ("GET", f"/connectors/{NOWHERE}", INTEGRATOR),
    ("PATCH", f"/connectors/{NOWHERE}", INTEGRATOR),
    ("GET", f"/connectors/{NOWHERE}/acks", INTEGRATOR),
    *(("POST", f"/connectors/{NOWHERE}/{command}", INTEGRATOR) for command in CONNECTION_COMMANDS),
    *(("POST", f"/connectors/{slug(each)}", INTEGRATOR) for each in CONNECTOR_TYPES),
    *(("POST", f"/connectors/{slug(each)}/test", INTEGRATOR) for each in CONNECTOR_TYPES),
]
# Asked by machines that look at the status only.
BARE = {"/livez", "/readyz", "/metrics", "/docs", "/docs/start.js"}
# Of nobody, or of whoever has a link, a signature or a password; the stream of events ends with its token.
OPEN = {"/auth/login", "/callbacks/customer-approval", "/events", "/livez", "/readyz", "/metrics"}


@pytest.mark.parametrize(("method", "path", "allowed"), ENDPOINTS)
async def test_an_endpoint_takes_its_roles_and_no_other(
    client_for: ClientFor, client: httpx.AsyncClient, method: str, path: str, allowed: set[Role]
) -> None:
    # no endpoint takes a list: who may call is answered before it is looked at
    body: list[str] | None = [] if method in {"POST", "PUT", "PATCH"} else None
    bare = await client.request(method, path, json=body)
    assert bare.status_code == 401
    assert bare.headers["www-authenticate"] == "Bearer"
    for role in Role:
        answer = await client_for(role).request(method, path, json=body)
        if role in allowed:
            assert answer.status_code in {200, 201, 404, 415, 422}, (role, answer.text)
        else:
            assert answer.status_code == 403, role
            assert answer.json()["code"] == "FORBIDDEN"


@pytest.mark.parametrize(
    ("method", "path", "allowed"), [each for each in ENDPOINTS if each[0] in {"POST", "PUT", "PATCH"}]
)
async def test_nobodys_body_is_read_before_it_is_known_whose_it_is(
    client_for: ClientFor, client: httpx.AsyncClient, method: str, path: str, allowed: set[Role]
) -> None:
    bodies = {"text/plain": "a=b", "application/json": "{", "application/json; x": '{"nothing": 1e99999}'}
    for kind, content in bodies.items():
        headers = {"Content-Type": kind, "Idempotency-Key": "no key at all"}
        answers = [await client.request(method, path, content=content, headers=headers)]
        forged = {**headers, "Authorization": "Bearer a.b.c"}
        answers.append(await client.request(method, path, content=content, headers=forged))
        assert {answer.status_code for answer in answers} == {401}, kind
        for role in set(Role) - allowed:
            answer = await client_for(role).request(method, path, content=content, headers=headers)
            assert answer.status_code == 403, (role, kind)


async def test_each_route_is_in_the_table(client: httpx.AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()
    known = {
        (method.upper(), path)
        for path, methods in document["paths"].items()
        for method in methods
        if path not in OPEN and not path.startswith(("/proofs/", "/docs"))  # a link stands for the token
    }
    tabled = {(method, _template(path)) for method, path, _ in ENDPOINTS}
    assert {(method, _template(path)) for method, path in known} == tabled


def _template(path: str) -> str:
    given = {str(NOWHERE), "nothing", "1"}
    return "/".join("*" if part in given or part.startswith("{") else part for part in path.split("/"))


async def test_every_error_points_at_the_problem_document(client: httpx.AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()
    assert "ProblemDocument" in document["components"]["schemas"]
    for path, methods in document["paths"].items():
        for method, operation in methods.items() if path not in BARE else ():
            errors = {status: each for status, each in operation["responses"].items() if status >= "400"}
            assert {"422", "503"} <= set(errors), (method, path)
            for status, each in errors.items():
                content = each["content"]
                assert list(content) == ["application/problem+json"], (method, path, status)
