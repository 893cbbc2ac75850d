"""Every answer forbids browsers what they need not do; `/docs` works without the internet."""

import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI

from api.answer_headers import ALWAYS
from api.app import create_app
from api.codec_server import create_codec_app
from config.settings import Settings


@pytest.fixture
def whole_app(settings: Settings) -> FastAPI:
    """As served, but not started: what needs its parts fails, which is one of the answers to look at."""
    return create_app(settings)


def browser(app: FastAPI) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://api")


@pytest_asyncio.fixture
async def web(whole_app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with browser(whole_app) as client:
        yield client


ANSWERS: dict[int, tuple[str, str, dict[str, Any]]] = {
    200: ("GET", "/livez", {}),
    404: ("GET", "/nowhere", {}),
    405: ("DELETE", "/livez", {}),
    413: ("POST", "/auth/login", {"content": b"x", "headers": {"Content-Length": "9999999"}}),
    414: ("GET", "/livez?" + "a" * 9000, {}),
    415: ("POST", "/auth/login", {"content": b"x"}),
    422: ("GET", "/livez?" + "a&" * 200, {}),
    431: ("GET", "/livez", {"headers": {"X-Long": "a" * 40_000}}),
    500: ("POST", "/auth/login", {"json": {"org_slug": "a", "email": "b", "password": "c"}}),
}


@pytest.mark.parametrize("status", ANSWERS)
async def test_every_answer_has_the_security_headers_errors_too(web: httpx.AsyncClient, status: int) -> None:
    method, path, options = ANSWERS[status]
    answer = await web.request(method, path, **options)
    assert answer.status_code == status
    assert {name: answer.headers.get(name) for name in ALWAYS} == ALWAYS
    assert "strict-transport-security" not in answer.headers
    assert answer.headers["x-request-id"]
    if status >= 400:
        assert answer.json()["request_id"] == answer.headers["x-request-id"]


async def test_hsts_is_said_where_the_deployment_has_tls_in_front(settings: Settings) -> None:
    behind_tls = Settings.model_validate({**settings.model_dump(), "hsts_s": 31_536_000})
    for app in (create_app(behind_tls), create_codec_app(behind_tls)):
        async with browser(app) as client:
            answer = await client.get("/nowhere")
        assert answer.headers["strict-transport-security"] == "max-age=31536000; includeSubDomains"
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")


async def test_the_reference_page_loads_nothing_from_elsewhere_and_runs_no_script_of_its_own_text(
    web: httpx.AsyncClient,
) -> None:
    page = await web.get("/docs")
    assert page.status_code == 200
    policy = page.headers["content-security-policy"]
    assert "script-src 'self';" in policy
    assert "connect-src 'self';" in policy
    assert not re.search(r"https?:|//", page.text)
    assert not re.search(r"<script(?![^>]* src=)|\son\w+=|<style|javascript:", page.text)
    links = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(links) == 4
    kinds = []
    for link in links:
        asset = await web.get(f"/{link}")
        assert asset.status_code == 200
        assert asset.headers["x-content-type-options"] == "nosniff"
        kinds.append(asset.headers["content-type"].partition(";")[0])
    assert kinds == ["image/png", "text/css", "text/javascript", "text/javascript"]
    assert (await web.get("/openapi.json")).json()["openapi"].startswith("3.1")


@pytest.mark.parametrize(
    "path", ["/docs/redoc.standalone.js", "/docs/../core.py", "/docs/%2e%2e/core.py", "/docs/x"]
)
async def test_the_reference_gives_out_its_own_files_only(web: httpx.AsyncClient, path: str) -> None:
    assert (await web.get(path)).status_code == 404
