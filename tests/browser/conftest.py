"""Debian's Chromium in front of the embedded stack. Each visitor is a browser context of its own."""

import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, ConsoleMessage, Page, ViewportSize, async_playwright

from local.stack import Stack
from storage.database import Database
from tests.browser.proofs import Studio
from tests.e2e.conftest import ops, people

__all__ = ["ops", "people"]

SERVICES = ("postgres", "temporal", "mail", "worker", "api")
# a crowded machine draws slowly, and a page that says "try again" is another test's subject
UNHURRIED = {"COUNTERSIGN_ANSWER_WITHIN_S": "20"}
PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
PHONE: ViewportSize = {"width": 390, "height": 844}
DESKTOP: ViewportSize = {"width": 1280, "height": 900}

Visit = Callable[..., Awaitable[Page]]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def stack(stack_folder: Path) -> AsyncIterator[Stack]:
    async with Stack(stack_folder / "browser", services=SERVICES, overrides=UNHURRIED) as running:
        yield running


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    program = os.environ.get("COUNTERSIGN_CHROMIUM") or next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        pytest.fail("There is no Chromium: install it, or say with COUNTERSIGN_CHROMIUM where it is")
    async with async_playwright() as playwright:
        # the pages are our own, and its sandbox refuses to work for root; containers have little /dev/shm
        options = ["--no-sandbox", "--disable-dev-shm-usage"]
        browser = await playwright.chromium.launch(executable_path=program, args=options)
        yield browser
        await browser.close()


@pytest_asyncio.fixture
async def visit(browser: Browser) -> AsyncIterator[Visit]:
    """`await visit(link)` opens it on a phone. Fails at the end when a page broke its own policy."""
    broken: list[str] = []

    def heard(said: ConsoleMessage) -> None:
        if "Content Security Policy" in said.text:
            broken.append(said.text)

    async with AsyncExitStack() as visitors:

        async def opened(address: str, **options: Any) -> Page:
            context = await browser.new_context(**{"viewport": PHONE, **options})
            visitors.push_async_callback(context.close)
            context.set_default_timeout(15_000)
            page = await context.new_page()
            page.on("console", heard)
            await page.goto(address)
            return page

        yield opened
    assert broken == []


@pytest_asyncio.fixture
async def database(stack: Stack) -> AsyncIterator[Database]:
    database = Database(stack.database_urls.app, pool_size=2)
    yield database
    await database.dispose()


@pytest.fixture
def studio(stack: Stack, ops: Any, database: Database) -> Studio:
    return Studio(stack, ops, database)
