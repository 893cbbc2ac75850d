"""A customer's people decide by the link in their mail, each in the way they use a browser."""

import pytest
from playwright.async_api import Page

from tests.browser.conftest import DESKTOP, Visit
from tests.browser.proofs import NAVY, OLD_GOLD, Studio

pytestmark = pytest.mark.browser


async def say_who(page: Page, name: str = "Jo Hansen") -> None:
    await page.get_by_role("radio", name=name).check()


async def test_a_customer_opens_the_link_from_the_mail_and_approves(studio: Studio, visit: Visit) -> None:
    asked = await studio.proof()
    page = await visit(await studio.link(asked))
    drawn = await page.get_by_role("img").evaluate("picture => picture.naturalWidth")
    assert drawn > 100, "the design is drawn"
    await say_who(page)
    await page.get_by_role("button", name="Approve").click()
    assert "This proof is approved." in await page.get_by_role("status").inner_text()
    assert await page.get_by_role("button").count() == 0
    await studio.line_is(asked, "Pending Production Approval")


async def test_a_customer_asks_for_changes_and_gets_the_next_version(studio: Studio, visit: Visit) -> None:
    asked = await studio.proof()
    first = await studio.link(asked)
    page = await visit(first, viewport=DESKTOP)
    await say_who(page, "Ada Brandt")
    await page.get_by_role("button", name="Ask for changes").click()
    await page.get_by_role("alert").get_by_role("link", name="Please write what is to be changed").click()
    comment = page.get_by_role("textbox", name="Comment")
    assert await comment.evaluate("field => field === document.activeElement"), "the error leads to its field"
    assert await page.get_by_role("radio", name="Ada Brandt").is_checked()
    await comment.fill("Old gold\nplease <not> gold")
    await page.get_by_role("button", name="Ask for changes").click()
    said = await page.get_by_role("status").inner_text()
    assert "Changes were asked for" in said
    assert "Old gold\nplease <not> gold" in said
    await studio.line_is(asked, "Revision In Progress")

    newer = await studio.next_version(asked, NAVY, OLD_GOLD)
    second = await studio.link(newer, 2)
    await page.goto(first)
    assert "There is a newer version" in await page.get_by_role("heading", level=1).inner_text()
    await page.goto(second)
    changes = await page.get_by_role("main").get_by_role("list").first.inner_text()
    assert changes == "Stop 2: Gold Madeira 1924 → Old Gold Madeira 1670"


async def test_an_expired_link_renews_itself(studio: Studio, visit: Visit) -> None:
    asked = await studio.proof()
    link = await studio.link(asked)
    await studio.let_link_expire(link)
    page = await visit(link)
    assert "This link has expired" in await page.get_by_role("heading", level=1).inner_text()
    await page.get_by_role("button", name="Mail me a new link").click()
    assert "Thank you" in await page.get_by_role("heading", level=1).inner_text()
    fresh = await studio.link(asked, 2)
    assert fresh != link
    await page.goto(fresh)
    await say_who(page)
    await page.get_by_role("button", name="Approve").click()
    assert "This proof is approved." in await page.get_by_role("status").inner_text()


async def test_it_works_without_scripts(studio: Studio, visit: Visit) -> None:
    asked = await studio.proof("de")
    page = await visit(await studio.link(asked), java_script_enabled=False)
    await page.get_by_role("button", name="Freigeben").click()
    assert "/decision" not in page.url, "the browser itself asks who decides"
    await say_who(page)
    await page.get_by_role("button", name="Freigeben").click()
    assert "Diese Vorlage ist freigegeben." in await page.get_by_role("status").inner_text()
    await studio.line_is(asked, "Pending Production Approval")


async def test_the_keyboard_alone_is_enough(studio: Studio, visit: Visit) -> None:
    asked = await studio.proof()
    page = await visit(await studio.link(asked), viewport=DESKTOP)
    await page.keyboard.press("Tab")
    assert await focused(page) == "To the content"
    await page.keyboard.press("Enter")
    await to(page, "To your decision")
    await page.keyboard.press("Enter")
    await page.keyboard.press("Tab")
    await page.keyboard.press("ArrowDown")
    assert await page.get_by_role("radio", name="Ada Brandt").is_checked()
    await page.keyboard.press("Enter")
    missing = page.get_by_role("alert").get_by_role("link", name="Please approve, or ask for changes.")
    await missing.wait_for()
    assert await page.get_by_role("status").count() == 0, "Enter in a field decides nothing"
    await to(page, "To your decision")
    await page.keyboard.press("Enter")
    await page.keyboard.press("Tab")
    assert await page.get_by_role("radio", name="Ada Brandt").is_checked()
    await page.keyboard.press("Tab")
    await page.keyboard.type("As on the last order")
    await to(page, "Approve")
    outline = await page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid", "one sees where one is"
    await page.keyboard.press("Enter")
    said = await page.get_by_role("status").inner_text()
    assert "Ada Brandt" in said
    assert "As on the last order" in said


async def test_the_page_fits_a_small_screen_and_large_letters(studio: Studio, visit: Visit) -> None:
    asked = await studio.proof("de")
    page = await visit(await studio.link(asked), viewport={"width": 320, "height": 640})
    for letters in ("100%", "200%"):
        await page.evaluate("size => { document.documentElement.style.fontSize = size }", letters)
        wide = await page.evaluate("document.documentElement.scrollWidth")
        assert wide <= 320, f"nobody scrolls sideways with letters at {letters}"


async def focused(page: Page) -> str:
    return str(await page.evaluate("document.activeElement.textContent.trim()"))


async def to(page: Page, name: str) -> None:
    """Tab until there."""
    for _ in range(20):
        await page.keyboard.press("Tab")
        if await focused(page) == name:
            return
    raise AssertionError(f"the keyboard does not come to {name}")
