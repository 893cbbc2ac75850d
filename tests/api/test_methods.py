"""An address that takes other methods says which; a placeholder beside it does not swallow its name."""

import httpx
import pytest
from fastapi.routing import APIRoute
from starlette.routing import Match

from api.app import ROUTERS
from domain.statuses import Role
from tests.api.conftest import ClientFor

ROUTES = [route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)]
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def swallowed() -> list[tuple[str, str, str]]:
    """Method, literal address, what the address takes: where a placeholder would take the method as well."""
    literal: dict[str, set[str]] = {}
    for route in ROUTES:
        if not route.param_convertors:
            literal.setdefault(route.path, set()).update(route.methods)
    return [
        (method, path, ", ".join(sorted(methods)))
        for path, methods in literal.items()
        for method in METHODS
        if method not in methods and any(_takes(route, method, path) for route in ROUTES)
    ]


def _takes(route: APIRoute, method: str, path: str) -> bool:
    match, _ = route.matches({"type": "http", "method": method, "path": path})
    return match is Match.FULL


@pytest.fixture
def admin(client_for: ClientFor) -> httpx.AsyncClient:
    return client_for(Role.ADMIN)


def test_there_are_such_addresses() -> None:
    assert ("GET", "/exports/retry", "POST") in swallowed()
    assert ("GET", "/connectors/dropzone-json-v1", "POST") in swallowed()


@pytest.mark.parametrize(("method", "path", "allowed"), swallowed())
async def test_a_method_that_a_literal_address_does_not_take_is_405(
    admin: httpx.AsyncClient, method: str, path: str, allowed: str
) -> None:
    answer = await admin.request(method, path, json=None if method == "GET" else {})
    assert (answer.status_code, answer.json()["code"]) == (405, "METHOD_NOT_ALLOWED"), answer.text
    assert answer.headers["Allow"] == allowed


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/exports/retry", "POST"),
        ("DELETE", "/connectors/dropzone-json-v1/test", "POST"),
        ("GET", "/connectors/dropzone-json-v1/test", "POST"),
        ("DELETE", "/exports/7b1f4c52-2c0e-4d3a-9a55-0d7f7f0b9e11", "GET"),
    ],
)
async def test_the_methods_are_those_of_the_address_itself(
    admin: httpx.AsyncClient, method: str, path: str, allowed: str
) -> None:
    answer = await admin.request(method, path)
    assert (answer.status_code, answer.headers["Allow"]) == (405, allowed)


@pytest.mark.parametrize("path", ["/exports/retries", "/connectors/nobody", "/bulk/x", "/draft-orders/new"])
async def test_an_id_that_is_none_and_no_address_either_stays_422(
    admin: httpx.AsyncClient, path: str
) -> None:
    answer = await admin.get(path)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["loc"][0] == "path"
