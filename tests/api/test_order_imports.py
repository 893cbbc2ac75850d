import asyncio
from dataclasses import dataclass, field
from uuid import UUID

import pytest
from sqlalchemy import text

from api.caller import Caller
from api.rooms import Rooms
from domain.draft import Header, LineInput
from domain.messages import draft_id_for_key
from storage.database import Database
from tests.api.conftest import TestOrg
from tests.api.importer import Importer, faults, make_customer

ORDERS = "external_order_number,erp_customer_number,currency,order_date,line_no,internal_sku,qty,uom\n"


@dataclass
class Made:
    """Stands in for `create_draft`: notes each draft, and writes its row as the projection would."""

    drafts: dict[UUID, tuple[Header, list[LineInput]]] = field(default_factory=dict)
    fail_on: str | None = None

    async def __call__(
        self, rooms: Rooms, caller: Caller, header: Header, lines: list[LineInput], *, key: str, digest: str
    ) -> tuple[None, bool]:
        if header.external_order_number == self.fail_on:
            raise TimeoutError
        draft_id = draft_id_for_key(caller.org_id, key)
        if draft_id in self.drafts:
            return None, False
        self.drafts[draft_id] = (header, lines)
        async with caller.transaction() as connection:
            await connection.execute(
                text(
                    "INSERT INTO draft_order (id, org_id, number, status, version, decorated, "
                    "customer_signed, production_signed, search, snapshot, created_at, updated_at) "
                    "VALUES (:id, :org, 'D', 'EXTRACTED', 1, false, false, false, '', '{}', now(), now())"
                ),
                {"id": draft_id, "org": caller.org_id},
            )
        return None, True


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Made:
    made = Made()
    monkeypatch.setattr("api.order_imports.create_draft", made)
    return made


TWO_ORDERS = ORDERS + "PO-1,C-1,EUR,2026-11-20,1,A,10,PCE\nPO-2,,,,,,,\nPO-1,C-1,,,2,B,0.5,M\n"


async def test_rows_are_grouped_into_drafts(importer: Importer, made: Made) -> None:
    customer = await make_customer(importer, "Hansen", "C-1")
    report = await importer("draft-orders", TWO_ORDERS)
    assert report == {
        "rows": 3,
        "created": 2,
        "updated": 0,
        "errors": [],
        "dry_run": False,
        "passed_over": [],
    }
    by_number = {header.external_order_number: (header, lines) for header, lines in made.drafts.values()}
    header, lines = by_number["PO-1"]
    assert (str(header.customer_id), header.currency, str(header.order_date)) == (
        customer,
        "EUR",
        "2026-11-20",
    )
    assert [(line.line_no, line.internal_sku, str(line.qty), line.uom) for line in lines] == [
        (1, "A", "10", "PCE"),
        (2, "B", "0.5", "M"),
    ]
    assert by_number["PO-2"][0].customer_id is None
    assert by_number["PO-2"][1] == [LineInput()]


async def test_a_repeated_import_makes_no_second_draft(importer: Importer, made: Made) -> None:
    await make_customer(importer, "Hansen", "C-1")
    await importer("draft-orders", TWO_ORDERS)
    assert (await importer("draft-orders", TWO_ORDERS, dry_run=True))["created"] == 0
    more = TWO_ORDERS + "PO-3,C-1,,,,,,\n"
    assert (await importer("draft-orders", TWO_ORDERS))["created"] == 0
    assert (await importer("draft-orders", more))["created"] == 1
    assert len(made.drafts) == 3


async def test_what_is_passed_over_is_named_until_its_draft_was_rejected(
    importer: Importer, made: Made, database: Database, fresh_org: TestOrg
) -> None:
    await importer("draft-orders", TWO_ORDERS.replace("C-1", ""))
    content = TWO_ORDERS.replace("C-1", "")

    async def reject(draft_id: object) -> None:
        async with database.transaction(fresh_org.id) as connection:
            query = text("UPDATE draft_order SET status = 'REJECTED' WHERE id = :id")
            await connection.execute(query, {"id": draft_id})

    for _ in range(3):
        first = next(id for id, (header, _) in made.drafts.items() if header.external_order_number == "PO-1")
        again = await importer("draft-orders", content)
        assert (again["created"], len(made.drafts)) == (0, 2)
        assert [each["external_order_number"] for each in again["passed_over"]] == ["PO-1", "PO-2"]
        assert [each["status"] for each in again["passed_over"]] == ["EXTRACTED"] * 2
        assert again["passed_over"][0]["draft_order_id"] == str(first)
        await reject(first)
        del made.drafts[first]
        assert (await importer("draft-orders", content, dry_run=True))["created"] == 1
        assert (await importer("draft-orders", content))["created"] == 1


async def test_a_keys_draft_stays_its_answer_when_it_was_rejected(
    importer: Importer, made: Made, database: Database, fresh_org: TestOrg
) -> None:
    made.fail_on = "PO-2"
    headers = {"Idempotency-Key": "orders"}
    assert (
        await importer.send("draft-orders", ORDERS + "PO-1,,,,,,,\nPO-2,,,,,,,\n", headers)
    ).status_code == 503
    made.fail_on = None
    async with database.transaction(fresh_org.id) as connection:
        await connection.execute(text("UPDATE draft_order SET status = 'REJECTED'"))
    report = (await importer.send("draft-orders", ORDERS + "PO-1,,,,,,,\nPO-2,,,,,,,\n", headers)).json()
    assert (report["created"], [each["status"] for each in report["passed_over"]]) == (1, ["REJECTED"])


async def test_a_key_makes_its_own_drafts_once(importer: Importer, made: Made) -> None:
    await make_customer(importer, "Hansen", "C-1")
    await importer("draft-orders", TWO_ORDERS)
    headers = {"Idempotency-Key": "orders"}
    answers = [(await importer.send("draft-orders", TWO_ORDERS, headers)).json() for _ in range(2)]
    assert answers[0] == answers[1]
    assert answers[0]["created"] == 2
    assert len(made.drafts) == 4
    assert (await importer.send("draft-orders", TWO_ORDERS + "PO-9,,,,,,,\n", headers)).status_code == 422


async def test_a_key_used_twice_at_once_gets_one_answer(importer: Importer, made: Made) -> None:
    await make_customer(importer, "Hansen", "C-1")
    headers = {"Idempotency-Key": "orders"}
    answers = await asyncio.gather(*(importer.send("draft-orders", TWO_ORDERS, headers) for _ in range(4)))
    assert len({answer.text for answer in answers}) == 1
    assert len(made.drafts) == 2


async def test_an_import_that_broke_off_is_finished_by_a_repeat(importer: Importer, made: Made) -> None:
    await make_customer(importer, "Hansen", "C-1")
    headers = {"Idempotency-Key": "orders"}
    made.fail_on = "PO-2"
    broken = await importer.send("draft-orders", TWO_ORDERS, headers)
    assert (broken.status_code, len(made.drafts)) == (503, 1)
    made.fail_on = None
    assert (await importer.send("draft-orders", TWO_ORDERS, headers)).json()["created"] == 1
    assert len(made.drafts) == 2


async def test_a_dry_run_makes_no_draft(importer: Importer, made: Made) -> None:
    await make_customer(importer, "Hansen", "C-1")
    assert (await importer("draft-orders", TWO_ORDERS, dry_run=True))["created"] == 2
    assert made.drafts == {}


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ("PO-1,C-9,,,,,,\n", [(2, "erp_customer_number")]),
        (",C-1,,,,,,\n", [(2, "external_order_number")]),
        ("PO-1,C-1,EURO,,,,,\n", [(2, "currency")]),
        ("PO-1,C-1,,,0,,,\n", [(2, "line_no")]),
        ("PO-1,C-1,,,,,NaN,\n", [(2, "qty")]),
        ("PO-1,C-1,,,1,A,NaN,\nPO-1,C-1,,,2,A,1,PCE\n", [(2, "qty")]),
        ("PO-1,C-1,,20.11.2026,,,,\n", [(2, "order_date")]),
        ("PO-1,C-1,,,1,,,\nPO-1,C-1,,,1,,,\n", [(3, "line_no")]),
        ("PO-1,C-1,EUR,,,,,\nPO-1,C-1,USD,,,,,\n", [(3, "currency")]),
        ("PO-1,C-1,,,,,,\nPO-1,C-2,,,,,,\n", [(3, "erp_customer_number")]),
    ],
)
async def test_an_order_that_does_not_fit_is_left_out_as_a_whole(
    importer: Importer, made: Made, rows: str, expected: list[tuple[int, str]]
) -> None:
    for number in ("C-1", "C-2"):
        await make_customer(importer, "Hansen", number)
    content = ORDERS + rows + "PO-5,C-1,,,,,,\n"
    assert faults(await importer("draft-orders", content)) == expected
    assert made.drafts == {}
    assert (await importer("draft-orders", content, partial=True))["created"] == 1
    assert [header.external_order_number for header, _lines in made.drafts.values()] == ["PO-5"]


async def test_decoration_columns_make_a_decorated_line(importer: Importer, made: Made) -> None:
    header = "external_order_number,erp_customer_number,style_number,placement,size_quantities_json\n"
    await importer("draft-orders", header + 'PO-1,,14728,Left Chest,"{""M"":12,""L"":12}"\nPO-1,,,,\n')
    ((_header, lines),) = made.drafts.values()
    assert lines[0].decoration is not None
    assert lines[0].decoration.size_quantities == {"M": 12, "L": 12}
    assert lines[0].decoration.style_number == "14728"
    assert lines[1].decoration is None
    wrong = await importer("draft-orders", header + 'PO-2,,,,"{""M"":-1}"\n')
    assert faults(wrong) == [(2, "size_quantities_json")]
