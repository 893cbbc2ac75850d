"""Each record writes its lines' moves: rows of the history, and rows of the trail. They are never changed."""

from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from domain import events as ev
from domain import messages as msg
from domain.draft import Decoration, Header, LineInput
from domain.edits import numbered
from domain.policy import OrgPolicy
from domain.records import Record
from domain.statuses import LineStatus, Via
from domain.transitions import Command
from storage import projection
from storage.audit_log import Broken, verify
from storage.database import Database
from tests.domain.lines import answer
from tests.domain.orders import ANNA, AT, BEN, COLOR_UP, CUSTOMER, LOGO, decided, facts
from workflows.ledger import Ledger

ORIGIN = msg.Origin(via=Via.API, request_id="r-1")
SIZES = {"XS": 10, "S": 20, "M": 40, "L": 40, "XL": 20}
NAVY = Decoration(
    netsuite_file_cabinet_id="F-1",
    style_number="14728",
    style_name="Olympic Polo",
    color_code="NAVY",
    placement="Left Chest",
    size_quantities=SIZES,
)


def opened(org_id: UUID, draft_id: UUID, count: int = 1) -> Ledger:
    """A draft of `count` decorated lines and a plain one."""
    plain = LineInput(internal_sku="INT-1", qty=10, uom="M", description="Polo, with a pocket, long")
    create = msg.CreateDraft(
        org_id=org_id,
        org_slug="demo",
        draft_id=draft_id,
        number="D-000001",
        actor=ANNA,
        origin=ORIGIN,
        digest="d",
        token="t",
        header=Header(customer_id=CUSTOMER.id, external_order_number="PO-1", currency="EUR"),
        lines=numbered(draft_id, [*[plain.model_copy(update={"decoration": NAVY})] * count, plain]),
        customer_name="Muster GmbH",
        policy=OrgPolicy(),
    )
    return Ledger.opened(create, AT, "a-run")


def happens(ledger: Ledger, *events: ev.Event, actor: msg.Actor = ANNA) -> Record:
    ledger.apply(list(events), AT, actor, ORIGIN)
    return ledger.outbox[-1]


def to(*steps: LineStatus, line_no: int = 1, **fields: object) -> ev.LinesMoved:
    moves = [ev.LineMove.model_validate({"line_no": line_no, "to": step, **fields}) for step in steps]
    return ev.LinesMoved(moves=moves)


async def history(owner: AsyncEngine, draft_id: UUID) -> list[tuple[object, ...]]:
    query = (
        "SELECT sequence, n, line_no, from_status, to_status, actor_user_id, team_proxy, note "
        "FROM line_status_history WHERE draft_order_id = :id ORDER BY sequence, n"
    )
    async with owner.connect() as connection:
        return [tuple(row) for row in await connection.execute(text(query), {"id": draft_id})]


async def trail(owner: AsyncEngine, draft_id: UUID) -> list[tuple[str, dict[str, object]]]:
    query = "SELECT action, details FROM audit_log WHERE entity_id = :id ORDER BY entity_seq"
    async with owner.connect() as connection:
        return [(row.action, row.details) for row in await connection.execute(text(query), {"id": draft_id})]


async def test_every_move_is_in_history_and_in_the_trail_in_its_order(
    database: Database, owner: AsyncEngine, org: UUID
) -> None:
    draft_id = uuid4()
    ledger = opened(org, draft_id)
    happens(ledger, to(LineStatus.AWAITING_LOGO, LineStatus.COLOR_UP_IN_PROGRESS, logo_id=LOGO))
    happens(
        ledger,
        to(LineStatus.APPROVED, note="fine", team_proxy=True, color_up_id=COLOR_UP),
        to(LineStatus.PENDING_PRODUCTION_APPROVAL, team_proxy=True),
        actor=BEN,
    )
    assert await projection.record(database, ledger.outbox) == 3
    assert await history(owner, draft_id) == [
        (1, 1, 1, None, "New", ANNA.user_id, False, None),
        (2, 1, 1, "New", "Awaiting Logo", ANNA.user_id, False, None),
        (2, 2, 1, "Awaiting Logo", "Color-Up In Progress", ANNA.user_id, False, None),
        (3, 1, 1, "Color-Up In Progress", "Approved", BEN.user_id, True, "fine"),
        (3, 2, 1, "Approved", "Pending Production Approval", BEN.user_id, True, None),
    ]
    said = await trail(owner, draft_id)
    assert [action for action, _details in said] == ["DRAFT_CREATED", *["LINE_STATUS_CHANGED"] * 4]
    line_id = str(ledger.draft.lines[0].id)
    assert said[3][1] == {
        "line_no": 1,
        "line_id": line_id,
        "from": "Color-Up In Progress",
        "to": "Approved",
        "note": "fine",
        "team_proxy": True,
        "color_up_id": str(COLOR_UP),
    }
    async with database.transaction(org) as connection:
        checked = [each async for each in verify(connection, org)]
    assert not [each for each in checked if isinstance(each, Broken)]


async def test_a_repeat_and_a_late_record_write_each_move_once(
    database: Database, owner: AsyncEngine, org: UUID
) -> None:
    draft_id = uuid4()
    ledger = opened(org, draft_id)
    happens(ledger, to(LineStatus.AWAITING_LOGO))
    happens(ledger, to(LineStatus.COLOR_UP_IN_PROGRESS, logo_id=LOGO))
    first, second, third = ledger.outbox
    for batch in ([first], [third], [second], [first, second, third]):
        await projection.record(database, batch)
    assert [row[4] for row in await history(owner, draft_id)] == [
        "New",
        "Awaiting Logo",
        "Color-Up In Progress",
    ]


async def test_a_record_with_other_moves_under_the_same_number_is_a_conflict(
    database: Database, org: UUID
) -> None:
    draft_id = uuid4()
    ledger = opened(org, draft_id)
    await projection.record(database, ledger.outbox)
    one, other = opened(org, draft_id), opened(org, draft_id)
    await projection.record(database, [happens(one, to(LineStatus.AWAITING_LOGO))])
    with pytest.raises(projection.SequenceConflict):
        await projection.record(database, [happens(other, to(LineStatus.AWAITING_LOGO, note="else"))])


async def test_an_edit_that_takes_signatures_back_is_in_the_lines_history(
    database: Database, owner: AsyncEngine, org: UUID
) -> None:
    draft_id = uuid4()
    ledger = opened(org, draft_id)
    happens(ledger, to(LineStatus.PENDING_PRODUCTION_APPROVAL, color_up_id=COLOR_UP))
    happens(ledger, to(LineStatus.PRODUCTION_READY))
    other = NAVY.model_copy(update={"color_code": "RED"}).model_dump(mode="json")
    edit = decided(
        Command.EDIT,
        ledger.draft,
        header=None,
        line_no=1,
        change_line={"decoration": other},
        known=facts(),
    )
    happens(ledger, *edit)
    await projection.record(database, ledger.outbox)
    assert (await history(owner, draft_id))[-1][3:5] == ("Production Ready", "New")
    async with owner.connect() as connection:
        row = (
            await connection.execute(
                text(
                    "SELECT status, color_up_id, production_approved_at FROM draft_order_line "
                    "WHERE draft_order_id = :id AND line_no = 1"
                ),
                {"id": draft_id},
            )
        ).one()
    assert tuple(row) == ("New", None, None)


async def test_a_signature_is_in_the_lines_row(database: Database, owner: AsyncEngine, org: UUID) -> None:
    draft_id = uuid4()
    ledger = opened(org, draft_id)
    happens(ledger, to(LineStatus.PENDING_PRODUCTION_APPROVAL, color_up_id=COLOR_UP))
    happens(ledger, to(LineStatus.PRODUCTION_READY), actor=BEN)
    await projection.record(database, ledger.outbox)
    async with owner.connect() as connection:
        row = (
            await connection.execute(
                text(
                    "SELECT color_up_id, production_approved_at, production_approved_by_user_id "
                    "FROM draft_order_line WHERE draft_order_id = :id AND line_no = 1"
                ),
                {"id": draft_id},
            )
        ).one()
    assert tuple(row) == (COLOR_UP, AT, BEN.user_id)


async def test_the_application_may_not_change_a_lines_history(database: Database, org: UUID) -> None:
    draft_id = uuid4()
    await projection.record(database, opened(org, draft_id).outbox)
    for statement in ("UPDATE line_status_history SET note = 'x'", "DELETE FROM line_status_history"):
        with pytest.raises(DBAPIError, match="permission denied"):
            async with database.transaction(org) as connection:
                await connection.execute(text(statement))


async def test_a_draft_of_a_thousand_lines_fits_what_temporal_takes(
    database: Database, owner: AsyncEngine, org: UUID
) -> None:
    draft_id = uuid4()
    ledger = opened(org, draft_id, count=999)
    numbers = range(1, 1000)
    for start in range(0, 999, 200):
        share = [to(LineStatus.PENDING_PRODUCTION_APPROVAL, line_no=n) for n in numbers[start : start + 200]]
        happens(ledger, *share)
    happens(ledger, *decided(Command.PRODUCTION_APPROVE, ledger.draft, actor=BEN, lines=answer()))
    other = {"customer_id": str(UUID(int=9))}
    happens(ledger, *decided(Command.EDIT, ledger.draft, header=other, known=facts()))
    written, batches = 0, 0
    assert max(len(record.moves) for record in ledger.outbox[1:]) == 200
    assert [record.sequence for record in ledger.outbox] == list(range(1, ledger.draft.version + 1))
    while ledger.outbox:
        batch = ledger.next_batch()
        size = sum(len(record.model_dump_json().encode()) for record in batch)
        assert size < 1_700_000, f"{len(batch)} records of {size} bytes"
        written += await projection.record(database, batch)
        ledger.recorded(batch[-1].sequence)
        batches += 1
    assert (written, batches) == (16, 16)
    assert len(await history(owner, draft_id)) == 999 * 4
    assert len(await trail(owner, draft_id)) == 999 * 3 + 3


def test_records_of_short_drafts_travel_together() -> None:
    ledger = opened(uuid4(), uuid4())
    for _ in range(9):
        happens(ledger, to(LineStatus.AWAITING_LOGO))
    assert ledger.next_batch() == ledger.outbox
