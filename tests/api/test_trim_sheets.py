"""`GET /production/batches/{key}/trim-sheet.pdf`: the batch of the moment on paper."""

from typing import Any

import httpx
import pytest

from api.rooms import Rooms
from domain.statuses import Role
from drawings.refusals import DrawingFailed
from storage.database import Database
from tests.api.conftest import ClientFor, TestOrg
from tests.api.floor_ground import approve, decorated, make_order
from tests.api.test_batches import BATCHES, approved
from tests.api.test_designs import upload

HOSTILE = '#import "@preview/x:1.0.0" #panic() $ #read("/etc/passwd") \\ ``` <a> [ ] { } \' äöüß €'


async def batch_key(client: httpx.AsyncClient) -> str:
    (batch,) = (await client.get(BATCHES)).json()["data"]
    key: str = batch["key"]
    return key


async def sheet(client: httpx.AsyncClient, key: str, **query: str) -> httpx.Response:
    return await client.get(f"{BATCHES}/{key}/trim-sheet.pdf", params=query)


@pytest.mark.parametrize(("paper", "box"), [("a4", b"595"), ("letter", b"612")])
async def test_a_batch_is_printed_on_the_paper_asked_for(
    client_for: ClientFor, database: Database, fresh_org: TestOrg, paper: str, box: bytes
) -> None:
    color_up, customer = await approved(client_for, database, fresh_org)
    await upload(client_for(Role.OPS, fresh_org), color_up["logo_id"])
    await make_order(database, fresh_org, customer, [decorated(color_up)])
    floor = client_for(Role.PRODUCTION, fresh_org)
    key = await batch_key(floor)
    answer = await sheet(floor, key, paper=paper)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/pdf"
    assert f"trim-sheet-{key[:8]}.pdf" in answer.headers["content-disposition"]
    assert answer.content.startswith(b"%PDF")
    assert b"/MediaBox[0 0 " + box in answer.content
    assert (await sheet(floor, key, paper="napkin")).status_code == 422


async def test_hostile_text_in_every_field_is_printed_and_not_run(
    client_for: ClientFor, database: Database, fresh_org: TestOrg
) -> None:
    """Without a design as well: then there is a placeholder."""
    color_up, customer = await approved(client_for, database, fresh_org)
    fields = {name: HOSTILE[:90] for name in ("style_number", "style_name", "color_code", "placement")}
    line = decorated(color_up, notes=HOSTILE * 20, size_quantities={HOSTILE[:60]: 3, "M": 2}, **fields)
    await make_order(database, fresh_org, customer, [line], header={"notes": HOSTILE * 40})
    floor = client_for(Role.PRODUCTION, fresh_org)
    answer = await sheet(floor, await batch_key(floor))
    assert answer.status_code == 200, answer.text


async def test_a_key_that_is_no_batch_any_more_is_404_with_a_sentence(
    client_for: ClientFor, database: Database, fresh_org: TestOrg
) -> None:
    color_up, customer = await approved(client_for, database, fresh_org)
    await make_order(database, fresh_org, customer, [decorated(color_up)])
    floor = client_for(Role.PRODUCTION, fresh_org)
    key = await batch_key(floor)
    assert (await sheet(client_for(Role.PRODUCTION, "other"), key)).status_code == 404
    await approve(database, fresh_org, color_up, "Retired")
    for gone in (key, "nothing", "0" * 32):
        answer = await sheet(floor, gone)
        assert answer.status_code == 404
        assert "read GET /production/batches again" in answer.json()["detail"]


async def test_a_batch_too_large_for_one_sheet_is_refused_with_a_sentence(
    client_for: ClientFor, database: Database, fresh_org: TestOrg, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.trim_sheets.MAX_ROWS", 2)
    color_up, customer = await approved(client_for, database, fresh_org)
    await make_order(database, fresh_org, customer, [decorated(color_up)] * 3)
    floor = client_for(Role.PRODUCTION, fresh_org)
    answer = await sheet(floor, await batch_key(floor))
    assert answer.status_code == 409
    assert "3 rows of garments" in answer.json()["detail"]


async def test_a_sheet_that_cannot_be_drawn_is_503(
    client_for: ClientFor,
    database: Database,
    fresh_org: TestOrg,
    rooms: Rooms,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def fail(*_: Any) -> None:
        raise DrawingFailed("too long")

    monkeypatch.setattr(rooms.studio, "trim_sheet", fail)
    color_up, customer = await approved(client_for, database, fresh_org)
    await make_order(database, fresh_org, customer, [decorated(color_up)])
    floor = client_for(Role.PRODUCTION, fresh_org)
    answer = await sheet(floor, await batch_key(floor))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
