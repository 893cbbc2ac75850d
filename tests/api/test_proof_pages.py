"""The customer's page, in this process, on a real database. The rows decide (storage/proofs.py)."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI

from api.customer_pages import without_token
from api.proof_limits import Asked, ProofLimits
from api.proof_words import WORDS, moment
from api.rooms import Rooms
from commands.draft_orders import TemporalUnavailable
from domain.color_ups import ThreadStop
from domain.designs import Design, design_key
from domain.mails import Language
from domain.notices import NoticeOrder
from domain.proof_sheets import Terms
from domain.proofs import DecideProof, ProofDecided
from storage import proof_links, proof_sheets, proofs
from storage.database import Database
from tests.activities.proof_world import GOLD, NAVY, ProofWorld, proof_world
from tests.api.conftest import TestOrg
from tests.drawings.designs_of import crest

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
JSON = {"Accept": "application/json"}


@dataclass
class Deciding:
    """Decides as the proof's activity does, without its workflow."""

    database: Database
    renewed: list[tuple[UUID, UUID]] = field(default_factory=list)
    noticed: list[NoticeOrder] = field(default_factory=list)
    away: bool = False

    async def decide(self, org_id: UUID, color_up_id: UUID, message: DecideProof) -> ProofDecided:
        if self.away:
            raise TemporalUnavailable("away")
        async with self.database.transaction(org_id) as connection:
            return await proofs.decide(connection, org_id, color_up_id, message, datetime.now(UTC))

    async def tell_notice(self, order: NoticeOrder) -> None:
        if self.away:
            raise TemporalUnavailable("away")
        self.noticed.append(order)

    async def renew_link(self, org_id: UUID, link_id: UUID) -> None:
        self.renewed.append((org_id, link_id))


class Form(HTMLParser):
    """The fields of a page's form, as a browser would send them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.action, self.fields, self.people = "", {}, list[str]()
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        known = {name: value or "" for name, value in attributes}
        if tag == "form":
            self.action = known["action"]
        elif known.get("type") == "hidden":
            self.fields[known["name"]] = known["value"]
        elif known.get("name") == "approver_id":
            self.people.append(known["value"])


@dataclass
class Visitor:
    """Somebody with a link to version 1."""

    world: ProofWorld
    http: httpx.AsyncClient
    deciding: Deciding
    token: str

    async def get(self, path: str = "", **options: Any) -> httpx.Response:
        return await self.http.get(f"/proofs/{self.token}{path}", **{"headers": BROWSER, **options})

    async def form(self) -> Form:
        return Form((await self.get()).text)

    async def send(self, form: Form | None = None, **fields: Any) -> httpx.Response:
        shown = form or await self.form()
        said = {"decision": "approve", "approver_id": str(self.world.approvers[0]), "comment": ""}
        return await self.http.post(shown.action, data={**shown.fields, **said, **fields}, headers=BROWSER)

    async def status(self) -> str:
        (row,) = await self.world.rows(
            "SELECT status FROM color_up WHERE id = :id", id=self.world.color_up_id
        )
        return str(row["status"])

    async def change_link(self, **values: Any) -> None:
        settings = ", ".join(f"{name} = :{name}" for name in values)
        await self.world.change(f"UPDATE proof_link SET {settings}", **values)


@pytest_asyncio.fixture
async def visitor(
    app: FastAPI, rooms: Rooms, database: Database, fresh_org: TestOrg
) -> AsyncIterator[Visitor]:
    world, deciding = await proof_world(database, fresh_org.id), Deciding(database)
    fakes: Any = {"proofs": deciding, "errands": deciding}
    app.state.rooms = replace(rooms, proof_limits=ProofLimits(), **fakes)
    async with database.transaction(world.org_id) as connection:
        link = await proof_links.create(
            connection, world.org_id, world.color_up_id, world.approvers[0], datetime.now(UTC)
        )
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://api") as http:
        yield Visitor(world, http, deciding, link.token)


CHANGES: dict[str, Callable[[ProofWorld], Any]] = {
    "quantities": lambda world: world.change(
        "UPDATE draft_order_line SET decoration = jsonb_set(decoration, '{size_quantities,M}', '13')"
    ),
    "placement": lambda world: world.change(
        "UPDATE draft_order_line SET decoration = jsonb_set(decoration, '{placement}', '\"Back\"')"
    ),
    "another line": lambda world: world.line(world.color_up_id),
    "a line gone": lambda world: world.change("UPDATE draft_order_line SET status = 'New'"),
    "the logo's name": lambda world: world.change("UPDATE logo SET name = 'Other'"),
    "the design": lambda world: world.change('UPDATE logo SET design = \'{"sha256": "aa"}\''),
    "terms": lambda world: world.change(
        "INSERT INTO proof_terms VALUES (:org, 1, 'a', 'b', NULL, now())", org=world.org_id
    ),
}


# --- looking ---------------------------------------------------------------------------------------


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


# --- deciding --------------------------------------------------------------------------------------


async def test_an_approver_approves_and_the_page_and_the_trail_show_it(visitor: Visitor) -> None:
    done = await visitor.send()
    assert done.status_code == 200
    assert "Thank you" in done.text
    assert "This proof is approved." in done.text
    assert "Jo Hansen" in done.text
    assert "<form" not in done.text
    assert await visitor.status() == "Approved"
    assert "This proof is approved." in (await visitor.get()).text
    (row,) = await visitor.world.rows("SELECT * FROM audit_log WHERE action = 'PROOF_APPROVED'")
    assert (row["via"], row["actor_user_id"]) == ("customer", None)
    assert row["details"]["by_approver_id"] == str(visitor.world.approvers[0])
    assert row["ip"] == "127.0.0.1"
    assert "python-httpx" in row["user_agent"]
    (kept,) = await visitor.world.rows("SELECT * FROM proof_sheet")
    assert kept["sheet"]["lines"][0]["size_quantities"] == {"M": 12, "L": 12, "XL": 4}


async def test_changes_are_asked_for_with_a_comment(visitor: Visitor) -> None:
    without = await visitor.send(decision="request_changes")
    assert without.status_code == 422
    assert "Please write what is to be changed." in without.text
    assert await visitor.status() == "Pending Approval"
    done = await visitor.send(decision="request_changes", comment="Gold,\r\nplease <b>")
    assert "Changes were asked for" in done.text
    assert "Gold,\nplease &lt;b&gt;" in done.text
    (row,) = await visitor.world.rows("SELECT decision, decision_note FROM color_up")
    assert (row["decision"], row["decision_note"]) == ("request_changes", "Gold,\nplease <b>")


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"approver_id": ""}, "Please choose your name."),
        ({"approver_id": str(uuid4())}, "This person may not decide any more"),
        ({"decision": "superseded"}, "Please approve, or ask for changes."),
        ({"decision": ""}, "Please approve, or ask for changes."),
        ({"comment": "x" * 2001}, "at most 2,000 characters"),
        ({"comment": "a\x00b"}, "without control characters"),
    ],
)
async def test_a_form_that_does_not_fit_is_shown_again_with_what_was_written(
    visitor: Visitor, fields: dict[str, str], sentence: str
) -> None:
    answer = await visitor.send(**{"comment": "my words", **fields})
    assert answer.status_code == 422
    assert re.search(rf'<a href="#[\w-]+">[^<]*{re.escape(sentence)}', answer.text), (
        "said at the top, with a way"
    )
    if "comment" not in fields:
        assert "my words</textarea>" in answer.text
    assert await visitor.status() == "Pending Approval"


async def test_who_no_longer_may_decide_cannot(visitor: Visitor) -> None:
    form = await visitor.form()
    other = visitor.world.approvers[1]
    await visitor.world.change("UPDATE approver SET active = false WHERE id = :id", id=other)
    refused = await visitor.send(form, approver_id=str(other))
    assert refused.status_code == 422
    assert await visitor.status() == "Pending Approval"


@pytest.mark.parametrize("what", CHANGES)
async def test_a_decision_on_what_has_changed_since_is_refused_and_the_new_state_shown(
    visitor: Visitor, what: str
) -> None:
    form = await visitor.form()
    await CHANGES[what](visitor.world)
    refused = await visitor.send(form)
    assert refused.status_code == 409
    assert "Something has changed since you opened the page" in refused.text
    assert await visitor.status() == "Pending Approval"
    assert (await visitor.send(Form(refused.text))).status_code == 200
    assert await visitor.status() == "Approved"


async def test_what_changes_while_the_decision_is_under_way_is_not_decided_on(visitor: Visitor) -> None:
    """The page's own look is not the last: the rows are held while they are compared."""
    form, decide = await visitor.form(), visitor.deciding.decide

    async def late(org_id: UUID, color_up_id: UUID, message: DecideProof) -> ProofDecided:
        await CHANGES["quantities"](visitor.world)
        return await decide(org_id, color_up_id, message)

    visitor.deciding.decide = late  # type: ignore[method-assign]
    refused = await visitor.send(form)
    assert (refused.status_code, await visitor.status()) == (409, "Pending Approval")
    assert "Something has changed since you opened the page" in refused.text
    assert "M: <strong>13</strong>" in refused.text
    assert await visitor.world.rows("SELECT 1 FROM proof_sheet") == []
    visitor.deciding.decide = decide  # type: ignore[method-assign]
    assert (await visitor.send(Form(refused.text))).status_code == 200


@pytest.mark.parametrize("says_what_it_saw", [True, False])
async def test_the_trail_holds_the_hash_of_what_was_decided_on(
    visitor: Visitor, says_what_it_saw: bool
) -> None:
    headers = {"Accept": "application/json"}
    seen = (await visitor.get(headers=headers)).json()["sheet_sha256"]
    body: dict[str, Any] = {"decision": "approve", "approver_id": str(visitor.world.approvers[0])}
    body |= {"comment": None, **({"sheet": seen} if says_what_it_saw else {})}
    path = f"/proofs/{visitor.token}/decision"
    assert (await visitor.http.post(path, json=body, headers=headers)).status_code == 200
    (row,) = await visitor.world.rows("SELECT details FROM audit_log WHERE action = 'PROOF_APPROVED'")
    (kept,) = await visitor.world.rows("SELECT sha256 FROM proof_sheet")
    assert row["details"]["sheet_sha256"] == kept["sha256"] == seen


async def test_a_form_that_is_not_ours_decides_nothing(visitor: Visitor) -> None:
    form = await visitor.form()
    for wrong in ({"csrf": ""}, {"csrf": "0" * 64}, {"sheet": "0" * 64}, {"sheet": "", "csrf": ""}):
        answer = await visitor.send(form, **wrong)
        assert answer.status_code == 403, wrong
        assert "Please decide on this one." in answer.text
    assert await visitor.status() == "Pending Approval"


async def test_the_enter_key_in_a_field_decides_nothing(visitor: Visitor) -> None:
    first = re.search(r"<button[^>]*>", (await visitor.get()).text)
    assert first is not None
    assert first[0] == '<button type="submit" name="decision" value="" hidden>', "a browser presses the first"


async def test_a_form_of_one_link_does_not_serve_another(visitor: Visitor) -> None:
    form = await visitor.form()
    async with visitor.world.database.transaction(visitor.world.org_id) as connection:
        other = await proof_links.create(
            connection,
            visitor.world.org_id,
            visitor.world.color_up_id,
            visitor.world.approvers[1],
            datetime.now(UTC),
        )
    form.action = f"/proofs/{other.token}/decision"
    assert (await visitor.send(form)).status_code == 403


async def test_another_sites_page_cannot_have_a_browser_decide(visitor: Visitor) -> None:
    form = await visitor.form()
    said = {**form.fields, "decision": "approve", "approver_id": str(visitor.world.approvers[0])}
    foreign = (
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "https://test.evil.example"},
    )
    for said_by_browser in foreign:
        headers = {**BROWSER, **said_by_browser}
        assert (await visitor.http.post(form.action, data=said, headers=headers)).status_code == 403
    assert await visitor.status() == "Pending Approval"


async def test_a_program_may_send_the_three_fields_of_the_form_alone_and_a_browser_may_not(
    visitor: Visitor,
) -> None:
    said = {"decision": "approve", "approver_id": str(visitor.world.approvers[0]), "comment": ""}
    path = f"/proofs/{visitor.token}/decision"
    for browser in ({"Origin": "null"}, {"Sec-Fetch-Site": "none"}):
        assert (await visitor.http.post(path, data=said, headers=browser)).status_code == 403
    assert await visitor.status() == "Pending Approval"
    assert (await visitor.http.post(path, data=said)).status_code == 200
    assert await visitor.status() == "Approved"


async def test_a_decision_that_is_sent_again_is_shown_again(visitor: Visitor) -> None:
    form = await visitor.form()
    for _ in range(3):
        assert (await visitor.send(form)).status_code == 200
    rows = await visitor.world.rows("SELECT 1 FROM audit_log WHERE action = 'PROOF_APPROVED'")
    assert len(rows) == 1


async def test_another_decision_afterwards_changes_nothing_and_the_first_is_shown(visitor: Visitor) -> None:
    form = await visitor.form()
    await visitor.send(form)
    late = await visitor.send(form, decision="request_changes", comment="no")
    assert late.status_code == 409
    assert "was decided before" in late.text
    assert "This proof is approved." in late.text
    assert await visitor.status() == "Approved"


async def test_of_many_who_decide_at_once_one_is_first_and_all_see_it(visitor: Visitor) -> None:
    form = await visitor.form()
    wishes = [
        {"approver_id": str(person), "decision": decision, "comment": f"by {n}"}
        for n, person in enumerate(visitor.world.approvers)
        for decision in ("approve", "request_changes")
    ]
    answers = await asyncio.gather(*(visitor.send(form, **wish) for wish in wishes * 3))
    assert {answer.status_code for answer in answers} <= {200, 409}
    trail = await visitor.world.rows(
        "SELECT action FROM audit_log WHERE action IN ('PROOF_APPROVED', 'PROOF_CHANGES_REQUESTED')"
    )
    assert len(trail) == 1
    (row,) = await visitor.world.rows("SELECT decision_note FROM color_up")
    assert all(row["decision_note"] in answer.text for answer in answers)


async def test_when_nobody_answers_nothing_is_lost(visitor: Visitor) -> None:
    visitor.deciding.away = True
    answer = await visitor.send(comment="my words")
    assert answer.status_code == 503
    assert "Nothing is lost" in answer.text
    assert "my words</textarea>" in answer.text
    visitor.deciding.away = False
    assert (await visitor.send(Form(answer.text), comment="my words")).status_code == 200


async def test_what_the_team_recorded_is_said_to_be_theirs(visitor: Visitor) -> None:
    await visitor.world.change(
        "UPDATE color_up SET status = 'Approved', decision = 'approve', team_proxy = true, "
        "decided_via = 'api', decided_at = now(), decision_note = 'by phone'"
    )
    text = (await visitor.get()).text
    assert "recorded by " in text
    assert "by phone" in text


# --- as JSON ---------------------------------------------------------------------------------------


async def test_programs_read_and_decide_as_json(visitor: Visitor) -> None:
    json = {"Accept": "application/json"}
    seen = (await visitor.get(headers=json)).json()
    assert seen["sheet"]["thread_sequence"][0]["thread_name"] == "Navy"
    assert seen["approvers"][0]["name"] == "Ada <Boss>"
    body = {"decision": "approve", "approver_id": str(visitor.world.approvers[0]), "comment": None}
    path = f"/proofs/{visitor.token}/decision"
    stale = await visitor.http.post(path, json={**body, "sheet": "0" * 64})
    assert (stale.status_code, stale.json()["sheet_sha256"]) == (409, seen["sheet_sha256"])
    done = await visitor.http.post(path, json={**body, "sheet": seen["sheet_sha256"]})
    assert done.status_code == 200
    assert (done.json()["decision"], done.json()["decided_by"]) == ("approve", "Jo Hansen")
    again = await visitor.http.post(path, json=body)
    assert again.status_code == 200
    other = await visitor.http.post(path, json={**body, "decision": "request_changes", "comment": "no"})
    assert (other.status_code, other.json()["decision"]) == (409, "approve")
    assert visitor.token not in other.text


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"{}", "application/json", 422),
        (b"[]", "application/json", 422),
        (b"{", "application/json", 422),
        (b'{"decision": "approve", "approver_id": "x"}', "application/json", 422),
        (b'{"decision": "approve", "approver_id": 7, "more": 1}', "application/json", 422),
        (b"\xff", "application/json", 422),
        (b"decision=approve", "text/plain", 415),
        (b"", "", 415),
        (b"--x", "multipart/form-data", 400),
        (b"--x\r\nbroken", "multipart/form-data; boundary=x", 400),
        (b"x=1&" * 30, "application/x-www-form-urlencoded", 400),
    ],
)
async def test_a_body_that_makes_no_sense_is_refused(
    visitor: Visitor, content: bytes, kind: str, status: int
) -> None:
    headers = {"Content-Type": kind, "Accept": "application/json"}
    answer = await visitor.http.post(f"/proofs/{visitor.token}/decision", content=content, headers=headers)
    assert answer.status_code in {status, 422 if "form" in kind else status}, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert visitor.token not in answer.text
    assert await visitor.status() == "Pending Approval"


async def test_json_that_asks_for_changes_needs_a_comment(visitor: Visitor) -> None:
    body = {"decision": "request_changes", "approver_id": str(visitor.world.approvers[0])}
    answer = await visitor.http.post(f"/proofs/{visitor.token}/decision", json=body)
    assert (answer.status_code, answer.json()["errors"][0]["loc"]) == (422, ["body", "comment"])


# --- links that open nothing -----------------------------------------------------------------------


async def test_an_expired_link_offers_a_new_one_and_decides_nothing(visitor: Visitor) -> None:
    form = await visitor.form()
    await visitor.change_link(expires_at=datetime.now(UTC) - timedelta(seconds=1))
    for answer in (await visitor.get(), await visitor.send(form)):
        assert answer.status_code == 410
        assert "This link has expired" in answer.text
        assert "Crest" not in answer.text
    assert await visitor.status() == "Pending Approval"
    renewal = Form((await visitor.get()).text)
    sent = await visitor.http.post(renewal.action, headers=BROWSER)
    assert sent.status_code == 202
    assert len(visitor.deciding.renewed) == 1


async def test_a_withdrawn_link_and_that_of_somebody_who_left_open_nothing(visitor: Visitor) -> None:
    await visitor.change_link(revoked_at=datetime.now(UTC))
    revoked = await visitor.get()
    assert (revoked.status_code, "no longer valid" in revoked.text) == (410, True)
    assert "Mail me a new link" in revoked.text
    await visitor.change_link(revoked_at=None)
    await visitor.world.change("UPDATE approver SET active = false")
    left = await visitor.get()
    assert left.status_code == 410
    assert "Mail me a new link" not in left.text


async def test_the_link_to_an_older_version_says_that_there_is_a_newer_one(visitor: Visitor) -> None:
    form = await visitor.form()
    await visitor.world.new_version([NAVY, GOLD])
    for answer in (await visitor.get(), await visitor.send(form)):
        assert answer.status_code == 410
        assert "There is a newer version" in answer.text
        assert "Version 2" in answer.text
    program = await visitor.get(headers={"Accept": "application/json"})
    assert (program.status_code, program.json()["code"]) == (410, "GONE")
    assert visitor.token not in program.text


@pytest.mark.parametrize("token", ["x", "A" * 43, "A" * 5000, "%00" * 43, "..%2f..%2fetc", "ÄÖÜ"])
async def test_an_unknown_link_is_a_friendly_404(visitor: Visitor, token: str) -> None:
    answer = await visitor.http.get(f"/proofs/{token}", headers=BROWSER)
    assert answer.status_code == 404
    if "%2f" not in token:
        assert "This link is not known" in answer.text
    german = {**BROWSER, "Accept-Language": "de-DE,de;q=0.9,en;q=0.8"}
    assert '<html lang="de">' in (await visitor.http.get(f"/proofs/{token}", headers=german)).text


async def test_asking_for_a_new_link_tells_nobody_whether_there_was_one(visitor: Visitor) -> None:
    answers = [
        await visitor.http.post(f"/proofs/{token}/renewal", headers=BROWSER)
        for token in (visitor.token, "A" * 43, "x")
    ]
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.text for answer in answers}) == 1
    assert [link for _org, link in visitor.deciding.renewed] != []
    assert len(visitor.deciding.renewed) == 1


async def test_guessing_asking_and_renewing_are_limited_per_address(visitor: Visitor) -> None:
    for _ in range(Asked.UNKNOWN_LINK.value.amount):
        await visitor.http.get(f"/proofs/{'A' * 43}", headers=BROWSER)
    busy = await visitor.http.get(f"/proofs/{'A' * 43}", headers=BROWSER)
    assert busy.status_code == 429
    assert "One moment, please" in busy.text
    assert int(busy.headers["retry-after"]) > 0
    renewals = [
        (await visitor.http.post(f"/proofs/{visitor.token}/renewal", headers=BROWSER)).status_code
        for _ in range(Asked.RENEWAL.value.amount + 1)
    ]
    assert (renewals[0], renewals[-1]) == (202, 429)


async def test_errors_of_all_kinds_are_pages_for_browsers_and_never_repeat_the_link(visitor: Visitor) -> None:
    for method, path in (("PUT", ""), ("POST", ""), ("GET", "/decision"), ("GET", "/more")):
        answer = await visitor.http.request(method, f"/proofs/{visitor.token}{path}", headers=BROWSER)
        assert answer.status_code in {404, 405}
        assert answer.headers["content-type"].startswith("text/html")
        assert visitor.token not in answer.text
    program = await visitor.http.get(f"/proofs/{visitor.token}/more", headers={"Accept": "application/json"})
    assert program.json()["instance"] == "/proofs/{token}/more"


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/proofs/abc", "/proofs/{token}"),
        ("/proofs/abc/decision", "/proofs/{token}/decision"),
        ("/base/proofs/abc/x/y", "/base/proofs/{token}/x/y"),
        ("/proofs", "/proofs"),
        ("/draft-orders/1", "/draft-orders/1"),
    ],
)
def test_a_path_is_shown_without_its_token(path: str, shown: str) -> None:
    assert without_token(path) == shown
