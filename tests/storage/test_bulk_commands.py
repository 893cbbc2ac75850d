"""Retry by cause: which drafts it is about, and one result for each, whatever happens on the way."""

import asyncio
import itertools
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities import bulk as bulk_commands
from activities.bulk import BulkCommands
from commands.draft_orders import TemporalUnavailable, WorkflowGone
from domain.bulk import BulkOrder, BulkOutcome, BulkProgress
from domain.draft import Draft, ExportError
from domain.gates import may_be_in_the_erp
from domain.messages import Message, Origin, Receipt
from domain.records import Record
from domain.refusals import FactsUnavailable, MayHaveBeenSent, TransitionRejected
from domain.statuses import DraftStatus, ExportStatus, Via
from domain.transitions import Command
from storage import bulk, failed_exports, projection
from storage.database import Database
from tests.domain.orders import ANNA, AT, draft, export
from tests.storage.conftest import new_org

CODE = "AUTHENTICATION_FAILED"


def failure(code: str = CODE, **fields: Any) -> dict[str, Any]:
    return {"status": ExportStatus.FAILED, "error": ExportError(code=code, message="…", at=AT), **fields}


@pytest.fixture
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk_commands, "_PAUSES_S", (0, 0, 0, 0))


async def stored(database: Database, org: UUID, *exports: dict[str, Any], **fields: Any) -> Draft:
    """A draft in ERROR, as its rows hold it; `exports` oldest first."""
    fields.setdefault("status", DraftStatus.ERROR)
    made = [export(attempt, **{"id": uuid4(), **given}) for attempt, given in enumerate(exports, 1)]
    of = draft(**{"org_id": org, "id": uuid4(), "exports": made, **fields})
    await projection.record(
        database,
        [
            Record(
                org_id=org,
                draft_id=of.id,
                sequence=of.version,
                draft=of,
                customer_signed=True,
                production_signed=True,
                waiting_for="retry",
                lines_changed=False,
                audit=[],
                exports=[each.id for each in made],
            )
        ],
    )
    return of


async def found(database: Database, org: UUID, code: str = CODE, connection: UUID | None = None) -> list[Any]:
    async with database.transaction(org) as open_connection:
        return await failed_exports.by_cause(open_connection, org, code, connection)


async def test_only_drafts_whose_last_export_failed_with_the_cause_are_meant(
    database: Database, org: UUID
) -> None:
    elsewhere = uuid4()
    meant = await stored(database, org, failure("DISK_FULL"), failure())
    other = await stored(database, org, failure(), failure(connection_id=elsewhere))
    await stored(database, org, failure(), failure("DISK_FULL"))
    await stored(database, org, failure(), status=DraftStatus.NEEDS_REVIEW)
    await stored(database, org, failure(), {"status": ExportStatus.PENDING}, status=DraftStatus.PUSHING)
    await stored(database, await new_org(database), failure())
    assert {row["draft_order_id"] for row in await found(database, org)} == {meant.id, other.id}
    assert [row["draft_order_id"] for row in await found(database, org, connection=elsewhere)] == [other.id]
    last = meant.last_export
    assert last is not None
    assert last.id in {row["erp_export_id"] for row in await found(database, org)}


KINDS: dict[str, dict[str, Any]] = {
    "not sent": failure(),
    "in doubt": failure(may_have_been_sent=True),
    "refused": failure(refused_by_erp=True),
    "acked": {"status": ExportStatus.ACKED},
    "sent": {"status": ExportStatus.SENT},
}


@pytest.mark.parametrize("kinds", [*itertools.product(KINDS, ["not sent", "in doubt", "refused"])])
async def test_the_doubt_in_sql_is_the_doubt_of_the_rules(
    database: Database, org: UUID, kinds: tuple[str, str]
) -> None:
    of = await stored(database, org, *(KINDS[kind] for kind in kinds))
    (row,) = await found(database, org)
    assert row["in_doubt"] == may_be_in_the_erp(of)


class Drafts:
    """Stands where commands to workflows go: answers by draft, and counts what it was told."""

    def __init__(self, sequence: int = 7, digest: str = "") -> None:
        self.answers: dict[UUID, list[Exception | UUID]] = {}
        self.decided = {"sequence": sequence, "digest": digest}
        self.sent: list[tuple[UUID, Message]] = []

    async def send(self, command: Command, org: UUID, draft_id: UUID, message: Message) -> Receipt:
        self.sent.append((draft_id, message))
        answers = self.answers[draft_id]
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, Exception):
            raise answer
        result = {"erp_export_id": str(answer)}
        return Receipt(command=command, token=message.token, result=result, **self.decided)


async def opened(database: Database, org: UUID, **fields: Any) -> BulkOrder:
    order = BulkOrder(
        org_id=org,
        bulk_id=uuid4(),
        command=Command.RETRY_PUSH,
        actor=ANNA,
        origin=Origin(via=Via.API, request_id="r-1"),
        **fields,
    )
    async with database.transaction(org) as connection:
        await bulk.open_retry(connection, order, CODE, None, datetime.now(UTC))
    return order


async def stepped(database: Database, drafts: Drafts, order: BulkOrder, attempt: int = 1) -> BulkProgress:
    environment = ActivityEnvironment()
    environment.info = replace(environment.info, attempt=attempt)
    commands: Any = drafts
    progress: BulkProgress = await environment.run(BulkCommands(database, commands).step, order)
    return progress


async def results(database: Database, order: BulkOrder) -> dict[UUID, tuple[str | None, UUID | None]]:
    async with database.transaction(order.org_id) as connection:
        rows = await bulk.items(connection, order.org_id, order.bulk_id)
    return {row["draft_order_id"]: (row["outcome"], row["erp_export_id"]) for row in rows}


async def test_each_draft_has_its_own_result_and_none_holds_up_another(database: Database, org: UUID) -> None:
    answers: list[Exception | UUID] = [
        uuid4(),
        MayHaveBeenSent("look first"),
        TransitionRejected("Draft must be ERROR"),
        WorkflowGone(),
    ]
    drafts = Drafts()
    for answer in answers:
        drafts.answers[(await stored(database, org, failure())).id] = [answer]
    order = await opened(database, org)
    progress = await stepped(database, drafts, order)
    assert (progress.total, progress.left) == (4, 0)
    wanted = [
        (BulkOutcome.DONE, answers[0]),
        (BulkOutcome.MAY_HAVE_BEEN_SENT, None),
        (BulkOutcome.REFUSED, None),
        (BulkOutcome.FAILED, None),
    ]
    assert await results(database, order) == dict(zip(drafts.answers, wanted, strict=True))
    async with database.transaction(org) as connection:
        row = await bulk.get(connection, org, order.bulk_id)
    assert row is not None
    assert row["finished_at"] is not None


async def test_a_step_that_died_is_repeated_with_the_same_key_and_takes_only_what_is_left(
    database: Database, org: UUID
) -> None:
    drafts, first, second = Drafts(), uuid4(), uuid4()
    done = await stored(database, org, failure())
    away = await stored(database, org, failure())
    drafts.answers = {done.id: [first], away.id: [FactsUnavailable("no answer"), second]}
    order = await opened(database, org, confirm_may_duplicate=True)
    with pytest.raises(ApplicationError, match="no answer"):
        await stepped(database, drafts, order)
    assert await results(database, order) == {done.id: (BulkOutcome.DONE, first), away.id: (None, None)}
    assert (await stepped(database, drafts, order, attempt=2)).left == 0
    assert [draft_id for draft_id, _message in drafts.sent].count(done.id) == 1
    assert {message.key for _draft, message in drafts.sent} == {order.key}
    assert all(message.model_dump()["confirm_may_duplicate"] for _draft, message in drafts.sent)


async def test_one_draft_that_never_answers_does_not_hold_the_others_for_ever(
    database: Database, org: UUID, no_pauses: None
) -> None:
    drafts = Drafts()
    stuck = await stored(database, org, failure())
    drafts.answers = {stuck.id: [TemporalUnavailable("no answer")]}
    order = await opened(database, org)
    assert (await stepped(database, drafts, order)).outcomes == {BulkOutcome.FAILED: 1}
    assert len(drafts.sent) == 5
    assert len({message.token for _draft, message in drafts.sent}) == 1


@pytest.mark.parametrize("attempt", [1, 9])
async def test_a_slow_answer_is_no_failure_however_often_the_step_was_tried_before(
    database: Database, org: UUID, no_pauses: None, attempt: int
) -> None:
    drafts, began = Drafts(), uuid4()
    slow = await stored(database, org, failure())
    drafts.answers = {slow.id: [*[TemporalUnavailable("no answer")] * 4, began]}
    order = await opened(database, org)
    assert (await stepped(database, drafts, order, attempt)).outcomes == {BulkOutcome.DONE: 1}
    assert await results(database, order) == {slow.id: (BulkOutcome.DONE, began)}


async def test_a_database_that_is_away_is_nobodys_result(database: Database, org: UUID) -> None:
    drafts = Drafts()
    of = await stored(database, org, failure())
    drafts.answers = {of.id: [FactsUnavailable("away")]}
    order = await opened(database, org)
    with pytest.raises(ApplicationError):
        await stepped(database, drafts, order, attempt=9)
    assert await results(database, order) == {of.id: (None, None)}


@pytest.mark.parametrize(
    "decided",
    [{"sequence": 8}, {"sequence": 7, "digest": "of the decision of a reset workflow"}],
    ids=["not on record yet", "another decision is on record"],
)
async def test_a_decision_that_is_not_on_record_is_no_result(
    database: Database, org: UUID, monkeypatch: pytest.MonkeyPatch, no_pauses: None, decided: dict[str, Any]
) -> None:
    monkeypatch.setattr(bulk_commands, "_RECORDED_WITHIN_S", 0.05)
    drafts = Drafts(**decided)
    of = await stored(database, org, failure())
    drafts.answers = {of.id: [uuid4()]}
    order = await opened(database, org)
    assert (await stepped(database, drafts, order)).outcomes == {BulkOutcome.FAILED: 1}
    assert len(drafts.sent) == 5


async def test_a_result_is_shown_as_soon_as_its_decision_is_on_record(database: Database, org: UUID) -> None:
    drafts, began = Drafts(sequence=8), uuid4()
    of = await stored(database, org, failure())
    drafts.answers = {of.id: [began]}
    order = await opened(database, org)
    step = asyncio.create_task(stepped(database, drafts, order))
    while not drafts.sent:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.1)
    assert await results(database, order) == {of.id: (None, None)}
    await stored(database, org, id=of.id, version=8)
    assert (await step).outcomes == {BulkOutcome.DONE: 1}
    assert await results(database, order) == {of.id: (BulkOutcome.DONE, began)}


async def test_hundreds_of_drafts_are_taken_in_steps(database: Database, org: UUID) -> None:
    drafts = Drafts()
    for _ in range(60):
        drafts.answers[(await stored(database, org, failure())).id] = [uuid4()]
    order = await opened(database, org)
    left = [(await stepped(database, drafts, order)).left for _ in range(3)]
    assert left == [35, 10, 0]
    assert len(drafts.sent) == 60


async def test_another_org_sees_no_bulk_command_even_without_the_filter(
    database: Database, org: UUID
) -> None:
    await stored(database, org, failure())
    order = await opened(database, org)
    other = await new_org(database)
    async with database.transaction(other) as connection:
        assert await bulk.get(connection, org, order.bulk_id) is None
        assert await bulk.items(connection, org, order.bulk_id) == []
