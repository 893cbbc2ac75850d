"""What customers see when they come too often, or something of ours is away; served without the stack."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio
import uvicorn
from fastapi import FastAPI
from playwright.async_api import Page

from api.proof_limits import Asked, ProofLimits
from storage.database import DatabaseUnavailable
from tests.api.conftest import (
    app,
    database,
    database_url,
    fresh_org,
    postgres_folder,
    rooms,
    routes,
    settings,
    visitor,
)
from tests.api.visitor import Visitor
from tests.browser.conftest import Visit
from tests.browser.test_page_states import APPROVE, LOOKED_THROUGH, PICTURES, SIZES, serious_faults

__all__ = [
    "app",
    "database",
    "database_url",
    "fresh_org",
    "postgres_folder",
    "rooms",
    "routes",
    "settings",
    "visitor",
]

pytestmark = pytest.mark.browser

HEADINGS = {"en": "One moment, please", "de": "Einen Moment, bitte"}
LATER = {"en": "Nothing is lost; please try again", "de": "Nichts ist verloren"}


@pytest_asyncio.fixture
async def link(app: FastAPI, visitor: Visitor) -> AsyncIterator[str]:
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, lifespan="off"))
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}/proofs/{visitor.token}"
    server.should_exit = True
    await serving


class Away:
    """Stands where PostgreSQL was."""

    async def call(self, *_: object) -> None:
        raise DatabaseUnavailable("planted")


def too_often(app: FastAPI) -> None:
    limits = app.state.rooms.proof_limits
    for _ in range(Asked.UNKNOWN_LINK.value.amount):
        limits.count(Asked.UNKNOWN_LINK, "127.0.0.1")


def database_away(app: FastAPI) -> None:
    away: Any = Away()
    app.state.rooms = replace(app.state.rooms, database=away)


TROUBLES: dict[int, Callable[[FastAPI], None]] = {429: too_often, 503: database_away}


async def looked_through(page: Page, name: str, language: str) -> None:
    """Keeps pictures at either width; nothing may keep people out."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    for size, viewport in SIZES.items():
        await page.set_viewport_size(viewport)
        await page.screenshot(path=PICTURES / f"{name}-{language}-{size}.png", full_page=True)
    assert await serious_faults(page) == []
    assert await page.locator("html").get_attribute("lang") == language


@pytest.mark.parametrize("language", LOOKED_THROUGH)
@pytest.mark.parametrize("status", TROUBLES)
async def test_a_link_that_cannot_be_opened_now_says_so_and_opens_later(
    app: FastAPI,
    visitor: Visitor,
    link: str,
    visit: Visit,
    language: str,
    status: int,
) -> None:
    before = app.state.rooms
    TROUBLES[status](app)
    page = await visit("about:blank", locale=language)
    refused = await page.goto(link)
    assert refused is not None
    assert refused.status == status
    assert await page.get_by_role("heading", level=1).inner_text() == HEADINGS[language]
    assert visitor.token not in await page.content()
    await looked_through(page, f"refused-{status}", language)
    app.state.rooms = replace(before, proof_limits=ProofLimits())
    opened = await page.reload()
    assert opened is not None
    assert opened.status == 200


@pytest.mark.parametrize("language", LOOKED_THROUGH)
async def test_a_decision_that_nobody_takes_now_keeps_what_was_written(
    visitor: Visitor,
    link: str,
    visit: Visit,
    language: str,
) -> None:
    visitor.deciding.away = True
    page = await visit(f"{link}?lang={language}", locale=language)
    await page.get_by_role("radio", name="Jo Hansen").check()
    await page.get_by_role("textbox").fill("As on the last order")
    await page.get_by_role("button", name=APPROVE[language]).click()
    assert LATER[language] in await page.get_by_role("alert").inner_text()
    assert await page.get_by_role("radio", name="Jo Hansen").is_checked()
    assert await page.get_by_role("textbox").input_value() == "As on the last order"
    await looked_through(page, "decision-503", language)
    visitor.deciding.away = False
    await page.get_by_role("button", name=APPROVE[language]).click()
    assert "As on the last order" in await page.get_by_role("status").inner_text()
    assert await visitor.status() == "Approved"
