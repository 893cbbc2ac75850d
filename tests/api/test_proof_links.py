"""Links to a proof that open nothing, and how a new one is asked for."""

from datetime import UTC, datetime, timedelta

import pytest

from api.customer_pages import without_token
from api.proof_limits import Asked
from tests.activities.proof_world import GOLD, NAVY
from tests.api.visitor import BROWSER, Form, Visitor


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
