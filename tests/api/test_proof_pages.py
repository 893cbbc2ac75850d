"""The customer's page of a proof, in this process, on a real database: what it shows."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from fastapi import FastAPI

from api.proof_words import WORDS, moment
from api.rooms import Rooms
from domain.color_ups import ThreadStop
from domain.designs import Design, design_key
from domain.mails import Language
from domain.proof_sheets import Terms
from storage import proof_sheets
from tests.activities.proof_world import GOLD, NAVY
from tests.api.visitor import BROWSER, CHANGES, JSON, Visitor
from tests.drawings.designs_of import crest


async def test_the_page_shows_what_is_decided_on(visitor: Visitor) -> None:
    page = await visitor.get()
    assert page.status_code == 200
    for words in ("Crest", "Hansen Golf", "Navy", "Madeira 1966", "Olympic Polo", "Left Chest", "PO-77"):
        assert words in page.text
    assert [m for m in re.findall(r"<li>(\w+): <strong>(\d+)", page.text)] == [
        ("M", "12"),
        ("L", "12"),
        ("XL", "4"),
    ]
    assert "28 pieces" in page.text
    assert "Ada &lt;Boss&gt;" in page.text
    assert "@hansen.example" not in page.text, "who got a forwarded mail learns no addresses"


async def test_the_page_needs_no_script_and_tells_no_one_where_its_reader_came_from(visitor: Visitor) -> None:
    page = await visitor.get()
    assert "<script" not in page.text
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "form-action 'self'" in policy
    assert "unsafe" not in policy
    assert page.headers["x-robots-tag"] == "noindex, nofollow"


async def test_looking_however_often_and_however_changes_nothing(visitor: Visitor, app: FastAPI) -> None:
    everything = "SELECT c.*, (SELECT count(*) FROM audit_log) AS said FROM color_up c"
    before = await visitor.world.rows(everything)
    links = await visitor.world.rows("SELECT * FROM proof_link")
    for method in ("GET", "HEAD", "OPTIONS", "PUT", "DELETE", "PATCH"):
        for path in ("", "/decision", "/renewal", "?decision=approve"):
            for _ in range(3):
                await visitor.http.request(method, f"/proofs/{visitor.token}{path}", headers=BROWSER)
    assert await visitor.world.rows(everything) == before
    assert await visitor.world.rows("SELECT * FROM proof_link") == links
    assert visitor.deciding.renewed == []


async def test_a_head_is_answered_like_a_get(visitor: Visitor) -> None:
    head = await visitor.http.head(f"/proofs/{visitor.token}", headers=BROWSER)
    assert (head.status_code, head.headers["content-type"]) == (200, "text/html; charset=utf-8")


async def test_the_page_speaks_the_customers_language_and_changes_it_on_request(visitor: Visitor) -> None:
    assert 'lang="en"' in (await visitor.get()).text
    await visitor.world.change("UPDATE customer SET language = 'de'")
    german = (await visitor.get()).text
    assert '<html lang="de">' in german
    assert "Freigeben" in german
    assert '<html lang="en">' in (await visitor.get("?lang=en")).text


async def test_every_language_has_every_word() -> None:
    assert set(WORDS[Language.EN]) == set(WORDS[Language.DE])
    for name, english in WORDS[Language.EN].items():
        holes = re.findall(r"{\w+}", english)
        assert re.findall(r"{\w+}", WORDS[Language.DE][name]) == holes, name


def test_times_are_the_customers() -> None:
    at = datetime(2026, 7, 1, 6, 5, tzinfo=UTC)
    assert moment(at, "Europe/Berlin", Language.DE) == "1. Juli 2026, 08:05 (CEST)"
    assert moment(at, "America/New_York", Language.EN) == "1 July 2026, 02:05 (EDT)"


async def test_what_changed_since_the_last_version_is_said(visitor: Visitor) -> None:
    assert "What changed" not in (await visitor.get()).text
    newer = await visitor.world.new_version([NAVY, GOLD])
    await visitor.change_link(color_up_id=newer)
    text = (await visitor.get()).text
    assert "Stop 2: White Madeira 1801 → <strong>Gold Madeira 1924</strong>" in text
    assert "Stop 1: " not in text


async def test_terms_are_shown_in_the_readers_language_with_their_version(visitor: Visitor) -> None:
    async with visitor.world.database.transaction(visitor.world.org_id) as connection:
        for number in (1, 2):
            new = Terms(text_en=f"No returns <{number}>.", text_de=f"Kein Umtausch {number}.")
            await proof_sheets.add_terms(connection, visitor.world.org_id, new, None, datetime.now(UTC))
    assert "No returns &lt;2&gt;." in (await visitor.get()).text
    assert "Kein Umtausch 2." in (await visitor.get("?lang=de")).text


async def put_design(visitor: Visitor, rooms: Rooms, content: bytes) -> Design:
    """As an upload leaves it."""
    facts = await rooms.studio.facts(content)
    design = Design.of(facts, content, "crest.dst", datetime.now(UTC))
    await rooms.documents.put(design_key(visitor.world.org_id, design.sha256), content)
    await visitor.world.change("UPDATE logo SET design = cast(:d AS jsonb)", d=design.model_dump_json())
    return design


async def test_the_design_is_shown_in_the_threads_of_the_version(visitor: Visitor, rooms: Rooms) -> None:
    assert "picture.png" not in (await visitor.get()).text
    assert (await visitor.get("/picture.png")).status_code == 404
    await put_design(visitor, rooms, crest(stops=2))
    assert f'src="/proofs/{visitor.token}/picture.png"' in (await visitor.get()).text
    drawn = await visitor.get("/picture.png")
    assert (drawn.status_code, drawn.headers["content-type"]) == (200, "image/png")
    assert drawn.headers["cache-control"] == "private, no-cache"
    known = {"If-None-Match": drawn.headers["etag"]}
    assert (await visitor.get("/picture.png", headers=known)).status_code == 304
    newer = await visitor.world.new_version([NAVY, GOLD])
    await visitor.change_link(color_up_id=newer)
    other = await visitor.get("/picture.png", headers=known)
    assert other.status_code == 200
    assert other.content != drawn.content


async def test_a_decided_page_shows_the_design_that_was_decided_on_and_says_that_there_is_another(
    visitor: Visitor, rooms: Rooms
) -> None:
    old = await put_design(visitor, rooms, crest(stops=2))
    await visitor.send()
    decided = await visitor.get("/picture.png")
    assert "has been replaced since" not in (await visitor.get()).text
    assert (await visitor.get(headers=JSON)).json()["design_changed"] is False
    await put_design(visitor, rooms, crest(stops=3))
    page = (await visitor.get()).text
    assert "The design has been replaced since this was decided." in page
    assert f'src="/proofs/{visitor.token}/picture.png"' in page
    seen = (await visitor.get(headers=JSON)).json()
    assert (seen["sheet"]["design_sha256"], seen["design_changed"]) == (old.sha256, True)
    now = await visitor.get("/picture.png")
    assert (now.content, now.headers["etag"]) == (decided.content, decided.headers["etag"])
    await put_design(visitor, rooms, crest(stops=2))
    assert "has been replaced since" not in (await visitor.get()).text


async def test_what_was_decided_without_a_picture_gets_none_later(visitor: Visitor, rooms: Rooms) -> None:
    await visitor.send()
    assert "There is no picture of this design yet" in (await visitor.get()).text
    await put_design(visitor, rooms, crest(stops=2))
    page = (await visitor.get()).text
    assert "There was no picture yet when this was decided" in page
    assert "picture.png" not in page
    assert (await visitor.get("/picture.png")).status_code == 404


@pytest.mark.parametrize("what", CHANGES)
async def test_a_decided_page_goes_on_showing_what_was_decided_on(visitor: Visitor, what: str) -> None:
    await visitor.send()
    decided = (await visitor.get(headers=JSON)).json()
    (row,) = await visitor.world.rows("SELECT details FROM audit_log WHERE action = 'PROOF_APPROVED'")
    assert decided["sheet_sha256"] == row["details"]["sheet_sha256"]
    await CHANGES[what](visitor.world)
    now = (await visitor.get(headers=JSON)).json()
    assert (now["sheet"], now["sheet_sha256"]) == (decided["sheet"], decided["sheet_sha256"])


async def test_a_decision_from_before_sheets_were_kept_shows_what_there_is(visitor: Visitor) -> None:
    await visitor.world.change("UPDATE color_up SET decision = 'approve', decided_at = now()")
    page = await visitor.get()
    assert page.status_code == 200
    assert "PO-77" in page.text


async def test_a_thread_whose_colour_is_a_guess_is_marked_in_plain_words(visitor: Visitor) -> None:
    assert "a guess" not in (await visitor.get()).text
    unknown = ThreadStop(stop=2, needle=2, thread_code="X-9", thread_name="Sunset", brand="Brandless")
    await visitor.change_link(color_up_id=await visitor.world.new_version([NAVY, unknown]))
    page = (await visitor.get()).text
    rows = re.findall(r"<tr><td>(\d)</td>.*?</tr>", page, re.DOTALL)
    assert rows == ["1", "2"]
    assert re.findall(r"<td>(Navy|Sunset)<br>[^\n]*≈ colour is a guess", page) == ["Sunset"]
    assert page.count("the thread may look quite different") == 1
    german = (await visitor.get("?lang=de")).text
    assert german.count("≈ Farbe geschätzt") == 1
    assert "kann deutlich anders aussehen" in german


async def test_a_picture_is_nobodys_without_a_link_that_works(visitor: Visitor) -> None:
    assert (await visitor.http.get(f"/proofs/{'A' * 43}/picture.png", headers=BROWSER)).status_code == 404
    await visitor.change_link(expires_at=datetime.now(UTC) - timedelta(seconds=1))
    assert (await visitor.get("/picture.png")).status_code == 410
