"""What a draft's workflow hands to Temporal in one piece fits, however long the draft is that was taken."""

from typing import Any
from uuid import UUID, uuid4

import pytest
from temporalio.contrib.pydantic import pydantic_data_converter

from domain.draft import Header, Line, LineInput
from domain.draft_size import MOST_BYTES, size_bytes, too_long
from domain.edits import numbered
from domain.messages import CreateDraft, Origin
from domain.policy import OrgPolicy
from domain.records import KEYLESS_REMEMBERED, KEYS_REMEMBERED, DraftOrderInput, Record, SeenKey
from domain.statuses import Via
from domain.transitions import Command
from tests.domain.orders import ANNA, AT, DRAFT, NOT_READY, ORG, decided
from tests.workflows.harness import Bench, dev_bench
from tests.workflows.test_long_life import continues_at, runs_of
from workflows.ledger import Ledger

TEMPORAL_TAKES = 2 * 1024 * 1024
ORIGIN = Origin(via=Via.API, request_id="r-1")


def lines(count: int, notes: str) -> list[Line]:
    return numbered(DRAFT, [LineInput(notes=notes, internal_sku="X" * 50, uom="Y" * 20)] * count)


def longest(count: int) -> list[Line]:
    """As many lines, with notes of the length that is just taken."""
    letters = (MOST_BYTES - size_bytes(Header(), lines(count, ""))) // count - 3  # null takes two more
    found = lines(count, "n" * letters)
    assert MOST_BYTES - 10 * count < size_bytes(Header(), found) <= MOST_BYTES
    return found


def created(of: list[Line]) -> CreateDraft:
    return CreateDraft(
        org_id=ORG,
        org_slug="demo",
        draft_id=DRAFT,
        number="D-000001",
        actor=ANNA,
        origin=ORIGIN,
        digest="d" * 64,
        token="t" * 32,
        header=Header(),
        lines=of,
        customer_name="Muster GmbH",
        policy=OrgPolicy(),
    )


async def bytes_of(value: Any) -> int:
    (payload,) = await pydantic_data_converter.encode([value])
    return len(payload.data)


@pytest.mark.parametrize("count", [300, 1000])
async def test_the_longest_draft_that_is_taken_is_recorded_and_carried(count: int) -> None:
    create = created(longest(count))
    given = DraftOrderInput.opening(create)
    ledger = Ledger.opened(create, AT, "a-run")
    ledger.apply(decided(Command.VALIDATE, ledger.draft, known=NOT_READY), AT, ANNA, ORIGIN)
    assert len(ledger.draft.issues) > 3 * count
    assert await bytes_of(given) < TEMPORAL_TAKES
    for record in ledger.outbox:
        assert await bytes_of([record]) < TEMPORAL_TAKES
    for number in range(KEYS_REMEMBERED + KEYLESS_REMEMBERED):
        key = f"key-{number}" if number % 4 else ""
        ledger.remember(
            SeenKey(
                command="edit",
                key=key,
                digest="d" * 64,
                token=uuid4().hex,
                sequence=number,
                result={"x": "y" * 2000},
            )
        )
    ledger.heard_acks = [UUID(int=number) for number in range(2000)]
    assert await bytes_of(given.continued(ledger.carried())) < TEMPORAL_TAKES
    assert ledger.carried().older_on_record


async def test_records_that_do_not_fit_together_are_written_one_after_the_other() -> None:
    ledger = Ledger.opened(created(lines(100, "n" * 3500)), AT, "a-run")
    for _ in range(5):
        ledger.apply(decided(Command.VALIDATE, ledger.draft, known=NOT_READY), AT, ANNA, ORIGIN)
    ledger.minds_bytes = lambda: False
    assert ledger.next_batch() == ledger.outbox  # by their lines alone
    ledger.minds_bytes = lambda: True
    assert ledger.next_batch() == ledger.within_size(ledger.outbox)
    left, batches = list(ledger.outbox), 0
    while left:
        batch = ledger.within_size(left)
        assert await bytes_of(batch) < TEMPORAL_TAKES
        left, batches = left[len(batch) :], batches + 1
    assert batches == 2
    short: list[Record] = Ledger.opened(created(lines(3, "short")), AT, "a-run").outbox * 3
    assert ledger.within_size(short) == short


def test_an_order_is_too_long_from_one_byte_on_and_says_what_to_do() -> None:
    fits = longest(300)
    assert too_long(Header(), fits) is None
    room = MOST_BYTES - size_bytes(Header(), fits)
    notes = (fits[0].notes or "") + "n" * (room + 1)
    longer = [fits[0].model_copy(update={"notes": notes}), *fits[1:]]
    assert size_bytes(Header(), longer) == MOST_BYTES + 1
    said = too_long(Header(), longer)
    assert said is not None
    assert "900 kB are the most; shorten notes" in said


def test_what_an_older_version_continued_with_is_read_and_not_carried_on() -> None:
    create = created(lines(2, "n"))
    carried = Ledger.opened(create, AT, "a-run").carried()
    older = DraftOrderInput(create=create, carried=carried).model_dump_json()
    again = DraftOrderInput.model_validate_json(older)
    assert (again.create.lines, again.carried) == (create.lines, carried)
    next_one = again.continued(carried)
    assert next_one.create.lines == []
    assert next_one.carried is not None
    assert next_one.carried.draft.lines == create.lines


async def test_an_edit_that_makes_an_order_too_long_is_refused_and_one_that_shortens_it_taken(
    drafts: Bench,
) -> None:
    full = [LineInput.model_validate(line.content().model_dump()) for line in longest(300)]
    run = await drafts.draft(Header(), full)
    longer = {"line_no": 1, "change_line": {"notes": "n" * 4000}}
    refused = await run.refused(Command.EDIT, **longer)
    assert (refused.type, "too long" in refused.message) == ("InputRefused", True)
    await run.send(Command.EDIT, line_no=2, change_line={"notes": "short"})
    await run.send(Command.EDIT, **longer)
    assert [len(line.notes or "") for line in run.world.row.lines[:2]] == [4000, 5]
    await run.replay()


@pytest.mark.soak
async def test_the_longest_draft_goes_on_to_its_next_run() -> None:
    async with dev_bench(continues_at(30)) as running:
        full = [LineInput.model_validate(line.content().model_dump()) for line in longest(1000)]
        run = await running.draft(Header(), full)
        for number in range(6):
            await run.send(Command.VALIDATE, key=f"key-{number}")
        assert len(run.world.row.issues) > 3000
        assert await runs_of(run) > 1
        assert await run.handle.query("state") is not None
