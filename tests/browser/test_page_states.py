"""What each state of the page looks like, kept as pictures in var/screenshots, and whether all can use it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page

from tests.browser.conftest import DESKTOP, PHONE, Visit
from tests.browser.proofs import GUESSED, NAVY, OLD_GOLD, Studio
from tests.drawings.designs_of import crest

pytestmark = pytest.mark.browser

PICTURES = Path(__file__).parents[2] / "var" / "screenshots"
SIZES = {"phone": PHONE, "desktop": DESKTOP}
APPROVE = {"en": "Approve", "de": "Freigeben"}
REQUEST = {"en": "Ask for changes", "de": "Änderungen wünschen"}
TRIFLES = {"minor", "moderate"}


@dataclass
class Walk:
    """One customer's way through all states of the page, in their language."""

    studio: Studio
    page: Page
    language: str

    async def states(self) -> AsyncIterator[str]:
        """The name of each state, while the page shows it."""
        page, studio = self.page, self.studio
        await studio.write_terms()
        plain = await studio.proof(self.language, design=False)
        await page.goto(await studio.link(plain))
        yield "open-without-design"
        asked = await studio.proof(self.language)
        first = await studio.link(asked)
        await page.goto(first)
        yield "open"
        await page.locator("form").evaluate("form => { form.noValidate = true }")
        await page.get_by_role("button", name=REQUEST[self.language]).click()
        yield "error"
        await page.get_by_role("radio", name="Jo Hansen").check()
        await studio.rename_logo(asked, "Club Crest 2026")
        await self._press(APPROVE)
        yield "data-changed"
        await page.get_by_role("textbox").fill("Old gold, please / Altgold, bitte")
        await self._press(REQUEST)
        yield "changes-requested"
        newer = await studio.next_version(asked, NAVY, OLD_GOLD, GUESSED)
        second = await studio.link(newer, 2)
        await page.goto(first)
        yield "newer-version"
        await page.goto(second)
        yield "open-version-2"
        await studio.let_link_expire(second)
        await page.reload()
        yield "expired"
        await page.get_by_role("button").click()
        yield "renewed"
        await page.goto(await studio.link(newer, 3))
        await self._press(APPROVE)
        yield "just-approved"
        await page.goto(page.url.replace("/decision", ""))
        yield "decided"
        await studio.draw(asked, crest(stops=2))
        await page.reload()
        yield "decided-design-replaced"
        await page.goto(first[:-43] + "A" * 43 + f"?lang={self.language}")
        yield "unknown"

    async def _press(self, button: dict[str, str]) -> None:
        await self.page.get_by_role("radio", name="Jo Hansen").check()
        await self.page.get_by_role("button", name=button[self.language]).click()


# each state is looked through at either width, and in either language
LOOKED_THROUGH = {"en": "desktop", "de": "phone"}


@pytest.mark.parametrize("language", LOOKED_THROUGH)
async def test_no_state_of_the_page_has_a_serious_fault(studio: Studio, visit: Visit, language: str) -> None:
    walk = Walk(studio, await visit("about:blank", locale=language), language)
    PICTURES.mkdir(parents=True, exist_ok=True)
    faults, seen = [], []
    async for state in walk.states():
        seen.append(state)
        for size, viewport in SIZES.items():
            await walk.page.set_viewport_size(viewport)
            await walk.page.screenshot(path=PICTURES / f"{state}-{language}-{size}.png", full_page=True)
            if size == LOOKED_THROUGH[language]:
                faults += [f"{state}: {fault}" for fault in await serious_faults(walk.page)]
        assert await walk.page.locator("html").get_attribute("lang") == language, state
    assert len(seen) == 13
    assert faults == []


async def serious_faults(page: Page) -> list[str]:
    return [
        f"{fault['impact']}: {fault['help']}: {node['html'][:200]}"
        for fault in (await Axe().run(page)).response["violations"]
        for node in fault["nodes"]
        if fault["impact"] not in TRIFLES
    ]
