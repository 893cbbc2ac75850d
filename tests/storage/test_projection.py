"""The rows follow the records, however often and in whatever order these come."""

import itertools
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from domain import events as ev
from domain import messages as msg
from domain.draft import Draft, Header, LineInput
from domain.edits import numbered
from domain.policy import OrgPolicy
from domain.records import Record, SeenKey
from domain.statuses import DraftStatus, Via
from domain.transitions import Command
from storage import projection
from storage.database import Database
from storage.draft_orders import get_draft
from tests.domain.orders import ANNA, AT, CUSTOMER, decided, facts, line
from tests.storage.conftest import new_org
from workflows.ledger import Ledger

TABLES = ("draft_order", "draft_order_line", "erp_export", "command_receipt", "draft_record")
LINE = {"internal_sku": "INT-1", "qty": Decimal("10"), "uom": "M", "unit_price": Decimal("1.2300")}
ORIGIN = msg.Origin(via=Via.API, request_id="r-1")


class Story:
    """A draft's records in the order in which its workflow would write them."""

    def __init__(self, org_id: UUID, draft_id: UUID) -> None:
        create = msg.CreateDraft(
            org_id=org_id,
            org_slug="demo",
            draft_id=draft_id,
            number="D-000001",
            actor=ANNA,
            origin=ORIGIN,
            digest="created-by-this-body",
            token="t",
            header=Header(customer_id=CUSTOMER.id, external_order_number="PO-1", currency="EUR"),
            lines=numbered(draft_id, [LineInput(**LINE), LineInput(**LINE)]),
            customer_name="Muster GmbH",
            policy=OrgPolicy(),
        )
        self.ledger = Ledger.opened(create, AT, "a-run")

    @property
    def draft(self) -> Draft:
        return self.ledger.draft

    @property
    def records(self) -> list[Record]:
        return self.ledger.outbox

    def happened(self, *events: ev.Event) -> int:
        at = AT + timedelta(minutes=self.draft.version)
        return self.ledger.apply(list(events), at, ANNA, ORIGIN)

    def command(self, command: Command, key: str | None = None, **fields: Any) -> "Story":
        sequence = self.happened(*decided(command, self.draft, known=facts(), **fields))
        if key is not None:
            self.ledger.remember(
                answered(command, key, sequence, {"status": self.draft.status.value, "amount": "1.2300"})
            )
        return self

    def sent(self) -> "Story":
        last = self.draft.last_export
        assert last is not None
        self.happened(ev.ExportSent(export_id=last.id, dropzone_path="/orders/x.json", unconfirmed=False))
        return self

    def edited(self, qty: str) -> "Story":
        return self.command(Command.EDIT, header=None, line_no=2, change_line={"qty": qty})


def answered(command: Command, key: str, sequence: int, result: dict[str, Any]) -> SeenKey:
    return SeenKey(command=command, key=key, digest="d", token="t", sequence=sequence, result=result)


def pushed(org_id: UUID, draft_id: UUID) -> Story:
    story = Story(org_id, draft_id).command(Command.VALIDATE).command(Command.APPROVE, key="k-1")
    return story.command(Command.PUSH).sent()


def edits(org_id: UUID, draft_id: UUID) -> Story:
    story = Story(org_id, draft_id).edited("11").edited("12")
    return story.command(Command.EDIT, header=None, line_no=1, remove_line=True).command(Command.VALIDATE)


async def rows(owner: AsyncEngine, draft_id: UUID) -> dict[str, list[str]]:
    """Everything about the draft but what keeps the order of arrival: the audit trail, and positions."""
    found = {}
    async with owner.connect() as connection:
        for table in TABLES:
            column = "id" if table == "draft_order" else "draft_order_id"
            said = "to_jsonb(t) - ARRAY['org_id', 'position', 'recorded_by']"
            query = f"SELECT ({said})::text FROM {table} t WHERE {column} = :id"
            found[table] = sorted(await connection.scalars(text(query), {"id": draft_id}))
    return found


async def forget(owner: AsyncEngine, draft_id: UUID) -> None:
    async with owner.begin() as connection:
        for table in ("erp_export", "draft_order_line", "command_receipt", "draft_record", "draft_order"):
            column = "id" if table == "draft_order" else "draft_order_id"
            await connection.execute(text(f"DELETE FROM {table} WHERE {column} = :id"), {"id": draft_id})


async def trail(owner: AsyncEngine, draft_id: UUID) -> list[str]:
    query = text("SELECT action FROM audit_log WHERE entity_id = :id ORDER BY entity_seq")
    async with owner.connect() as connection:
        return list(await connection.scalars(query, {"id": draft_id}))


async def write(database: Database, records: Sequence[Record]) -> int:
    return await projection.record(database, list(records))


@pytest.mark.parametrize("story", [pushed, edits])
async def test_every_order_of_arrival_leaves_the_rows_that_the_right_order_leaves(
    database: Database, owner: AsyncEngine, org: UUID, story: Any
) -> None:
    draft_id = uuid4()
    records = story(org, draft_id).records
    assert len(records) == 5
    assert await write(database, records) == 5
    expected = await rows(owner, draft_id)
    assert [len(expected[table]) for table in ("draft_order", "draft_record")] == [1, 5]
    # creation comes first or last here: the rest in every order
    for middle in itertools.permutations(records[1:]):
        for order in ([records[0], *middle], [*middle, records[0]]):
            await forget(owner, draft_id)
            for record in order:
                assert await write(database, [record]) == 1
            assert await rows(owner, draft_id) == expected, [record.sequence for record in order]


async def test_a_repeat_writes_nothing(database: Database, owner: AsyncEngine, org: UUID) -> None:
    draft_id = uuid4()
    records = pushed(org, draft_id).records
    assert await write(database, records[:2]) == 2
    assert await write(database, records[:2]) == 0
    assert await write(database, records) == 3  # a batch that is partly known adds the rest
    before = (await rows(owner, draft_id), await trail(owner, draft_id))
    for record in (*records, *reversed(records)):
        assert await write(database, [record]) == 0
    assert await write(database, records) == 0
    assert (await rows(owner, draft_id), await trail(owner, draft_id)) == before
    assert before[1] == ["DRAFT_CREATED", "DRAFT_VALIDATED", "DRAFT_APPROVED", "DRAFT_PUSHED", "EXPORT_SENT"]


async def test_a_sequence_recorded_with_other_content_is_a_conflict_and_nothing_is_written(
    database: Database, owner: AsyncEngine, org: UUID
) -> None:
    draft_id = uuid4()
    story = Story(org, draft_id).command(Command.VALIDATE)
    fork = Story(org, draft_id).edited("99").edited("98")
    await write(database, story.records)
    before = (await rows(owner, draft_id), await trail(owner, draft_id))
    for batch in ([fork.records[1]], fork.records, [fork.records[2], fork.records[1]]):
        with pytest.raises(projection.SequenceConflict, match="reset or forked"):
            await write(database, batch)
        assert (await rows(owner, draft_id), await trail(owner, draft_id)) == before


async def test_a_late_record_does_not_bring_old_lines_back(
    database: Database, owner: AsyncEngine, org: UUID
) -> None:
    draft_id = uuid4()
    records = Story(org, draft_id).edited("11").edited("12").command(Command.VALIDATE).records
    for record in (records[0], records[3], records[2], records[1]):
        await write(database, [record])
    query = text("SELECT qty FROM draft_order_line WHERE draft_order_id = :id ORDER BY line_no")
    async with owner.connect() as connection:
        assert list(await connection.scalars(query, {"id": draft_id})) == [Decimal(10), Decimal(12)]


async def test_lines_are_rewritten_only_by_records_that_changed_them(
    database: Database, owner: AsyncEngine, org: UUID
) -> None:
    draft_id = uuid4()
    records = Story(org, draft_id).command(Command.VALIDATE).edited("11").records
    written = []
    for record in records:
        await write(database, [record])
        async with owner.connect() as connection:
            query = text("SELECT DISTINCT xmin::text FROM draft_order_line WHERE draft_order_id = :id")
            written.append((await connection.scalars(query, {"id": draft_id})).one())
    assert written[0] == written[1] != written[2]


async def test_amounts_and_texts_are_read_back_as_they_were_given(database: Database, org: UUID) -> None:
    draft_id = uuid4()
    story = pushed(org, draft_id)
    await write(database, story.records)
    async with database.transaction(org) as connection:
        stored = await get_draft(connection, org, draft_id, "decorated")
    assert stored is not None
    assert stored.draft == story.draft
    assert str(stored.draft.lines[0].unit_price) == "1.2300"
    assert stored.creation_digest == "created-by-this-body"
    assert stored.draft.status is DraftStatus.PUSHED


async def test_an_export_keeps_its_document_and_its_newest_status(
    database: Database, owner: AsyncEngine, org: UUID
) -> None:
    draft_id = uuid4()
    story = pushed(org, draft_id)
    push, sent = story.records[3:]
    await write(database, [*story.records[:3], sent])
    await write(database, [push])
    query = text("SELECT status, document, version FROM erp_export WHERE draft_order_id = :id")
    async with owner.connect() as connection:
        (row,) = (await connection.execute(query, {"id": draft_id})).all()
    assert tuple(row) == ("SENT", push.document, 5)


async def test_a_key_is_found_with_its_answer_after_the_workflow_has_ended(
    database: Database, org: UUID
) -> None:
    draft_id = uuid4()
    await write(database, pushed(org, draft_id).records)
    answer = {
        "digest": "d",
        "token": "t",
        "sequence": 3,
        "result": {"status": "APPROVED", "amount": "1.2300"},
    }
    assert await projection.seen_key(database, org, draft_id, "approve", "k-1") == answer
    assert await projection.seen_key(database, org, draft_id, "push", "k-1") is None
    assert await projection.seen_key(database, org, draft_id, "approve", "k-2") is None
    assert await projection.seen_key(database, org, uuid4(), "approve", "k-1") is None
    other = await new_org(database)
    assert await projection.seen_key(database, other, draft_id, "approve", "k-1") is None


async def test_a_draft_cannot_be_written_into_another_org(
    database: Database, owner: AsyncEngine, org: UUID
) -> None:
    draft_id = uuid4()
    await write(database, Story(org, draft_id).records)
    other = await new_org(database)
    story = Story(other, draft_id).edited("11")
    with pytest.raises(projection.SequenceConflict):
        await write(database, story.records)
    before = await rows(owner, draft_id)
    await write(database, story.records[1:])  # a sequence that the draft has not had yet
    now = await rows(owner, draft_id)
    assert now | {"draft_record": []} == before | {"draft_record": []}
    async with database.transaction(other) as connection:
        assert await get_draft(connection, other, draft_id, "decorated") is None


def test_the_haystack_holds_what_people_search_for_once_and_in_lower_case() -> None:
    story = Story(uuid4(), uuid4())
    draft = story.draft.model_copy(
        update={"lines": [line(1, customer_sku_raw="Ab-1"), line(2, internal_sku="INT-1")]}
    )
    assert projection.haystack(draft) == "d-000001\npo-1\nint-1\nab-1"
