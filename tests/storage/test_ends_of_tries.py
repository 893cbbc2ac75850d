"""An export that is over has no try that looks as if it ran, whatever was lost of the tries' own notes."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from activities.open_tries import find_open_tries
from domain import events as ev
from domain.draft import ExportError
from domain.reconciliation import Difference
from storage import projection, push_log
from storage.database import Database, Row
from storage.push_log import Publishing
from tests.domain.orders import AT
from tests.storage.test_projection import Story, pushed

STAGED_AS = "sales_order_1.json.0123456789abcdef.tmp"


class Pushed:
    """A push on record, whose export's end is not yet."""

    def __init__(self, database: Database, org: UUID) -> None:
        self.database, self.org = database, org
        self.story: Story = pushed(org, uuid4())
        self.story.ledger.outbox.pop()  # the end that it comes with
        last = self.story.draft.last_export
        assert last is not None
        self.export_id = last.id

    async def recorded(self) -> "Pushed":
        await projection.record(self.database, self.story.records)
        return self

    async def ends(self, *, sent: bool) -> None:
        story = pushed(self.org, self.story.draft.id)
        if not sent:
            story.ledger.outbox.pop()
            story.ledger.draft = story.records[-1].draft
            error = ExportError(code="CONNECTION_LOST", message="…", at=AT)
            failed = ev.ExportFailed(export_id=self.export_id, error=error, may_have_been_sent=True)
            story.happened(failed)
        await projection.record(self.database, story.records)

    async def opens(self, publishing: str | None = None, ago: timedelta = timedelta()) -> int:
        at = datetime.now(UTC) - ago
        # a publish whose own row is lost gets a new one
        again = None if publishing is None else Publishing(publishing, 99)
        return await self._begins(at, again)

    async def begins_to_publish(self, row: int) -> None:
        assert await self._begins(datetime.now(UTC), Publishing(STAGED_AS, row)) == row

    async def _begins(self, at: datetime, publishing: Publishing | None) -> int:
        unknown = uuid4()
        begun = await push_log.begin_try(
            self.database.call, self.org, self.export_id, unknown, {}, at, publishing
        )
        return begun.row

    async def succeeds(self, row: int) -> None:
        await push_log.end_try(
            self.database.call,
            self.org,
            self.export_id,
            row,
            "SUCCESS",
            duration_ms=1,
            response={"outcome": "x"},
        )

    async def rows(self) -> list[Row]:
        async with self.database.transaction(self.org) as connection:
            return await push_log.rows(connection, self.org, self.export_id)

    async def statuses(self) -> list[str]:
        return [row["status"] for row in await self.rows()]


async def test_a_success_that_was_lost_with_the_server_is_known_from_the_export(
    database: Database, org: UUID
) -> None:
    push = await Pushed(database, org).recorded()
    await push.begins_to_publish(await push.opens())
    await push.ends(sent=True)
    (row,) = await push.rows()
    assert (row["status"], row["error"]) == ("SUCCESS", None)
    assert row["response"] == {"publishing": STAGED_AS, "dropzone_path": "/orders/x.json"}


async def test_the_newest_try_that_began_to_publish_is_the_one_that_succeeded(
    database: Database, org: UUID
) -> None:
    push = await Pushed(database, org).recorded()
    await push.begins_to_publish(await push.opens())
    await push.opens(publishing=STAGED_AS)
    await push.opens()  # a stage that hung
    await push.ends(sent=True)
    assert await push.statuses() == ["RETRYING", "SUCCESS", "RETRYING"]


async def test_a_success_that_is_known_stays_the_only_one(database: Database, org: UUID) -> None:
    push = await Pushed(database, org).recorded()
    await push.succeeds(await push.opens(publishing=STAGED_AS))
    await push.opens(publishing=STAGED_AS)
    await push.ends(sent=True)
    assert await push.statuses() == ["SUCCESS", "RETRYING"]


async def test_a_try_that_stood_still_until_its_export_had_failed_has_failed(
    database: Database, org: UUID
) -> None:
    push = await Pushed(database, org).recorded()
    await push.opens()
    await push.ends(sent=False)
    (row,) = await push.rows()
    assert (row["status"], row["error"]["code"]) == ("FAILED", "WORKER_LOST")


@pytest.mark.parametrize("publishing", [None, STAGED_AS])
async def test_no_try_begins_for_an_export_that_failed_before_it_had_any(
    database: Database, org: UUID, publishing: str | None
) -> None:
    push = await Pushed(database, org).recorded()
    await push.ends(sent=False)
    with pytest.raises(push_log.ExportOver):
        await push.opens(publishing)
    assert await push.rows() == []


async def test_no_stage_begins_for_an_export_that_is_sent(database: Database, org: UUID) -> None:
    push = await Pushed(database, org).recorded()
    await push.ends(sent=True)
    with pytest.raises(push_log.ExportOver):
        await push.opens()


async def test_the_reconciler_ends_a_try_that_began_after_its_export_was_over(
    database: Database, org: UUID
) -> None:
    push = await Pushed(database, org).recorded()
    await push.succeeds(await push.opens(publishing=STAGED_AS))
    await push.ends(sent=True)
    await push.opens(publishing=STAGED_AS)
    assert await find_open_tries(database, org, "demo", dry_run=False) == []  # it may still run
    await push.opens(publishing=STAGED_AS, ago=timedelta(minutes=6))
    for dry_run, status in ((True, "PENDING"), (False, "RETRYING")):
        (found,) = await find_open_tries(database, org, "demo", dry_run=dry_run)
        assert (found.difference, found.repaired) == (Difference.TRY_LEFT_OPEN, not dry_run)
        assert (found.draft_id, found.number) == (str(push.story.draft.id), push.story.draft.number)
        assert (await push.statuses())[-1] == status
    assert await find_open_tries(database, org, "demo", dry_run=False) == []


async def test_the_reconciler_leaves_the_tries_of_a_running_export_alone(
    database: Database, org: UUID
) -> None:
    push = await Pushed(database, org).recorded()
    await push.opens(ago=timedelta(hours=1))
    assert await find_open_tries(database, org, "demo", dry_run=False) == []
    assert await push.statuses() == ["PENDING"]
