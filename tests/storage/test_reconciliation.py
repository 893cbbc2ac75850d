"""Mending rows beside a workflow that goes on deciding: nothing is set back, and it can still record."""

from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID, uuid4

from activities.reconciliation import Reconciler
from domain.draft import Draft
from domain.pulse import Pulse
from domain.reconciliation import Difference, WorkflowState
from storage import projection
from storage.audit_log import EntryFilter, list_entries
from storage.database import Database
from storage.draft_orders import get_draft
from storage.reconciliation import rewrite
from tests.activities.test_reconciliation import NoneForgotten
from tests.storage.conftest import AT
from tests.storage.test_projection import pushed


class Asked:
    """What an open workflow says; `meanwhile` is decided and recorded after it has been asked."""

    def __init__(self, database: Database, state: WorkflowState, meanwhile: list[projection.Record]) -> None:
        self._database, self._state, self._meanwhile = database, state, meanwhile

    async def pulse(self, _org_id: UUID, _draft_id: UUID) -> Pulse:
        return Pulse(is_open=True)

    async def state(self, _org_id: UUID, _draft_id: UUID) -> WorkflowState:
        asked = self._state
        if self._meanwhile:
            await projection.record(self._database, self._meanwhile)
            newest = self._meanwhile[-1]
            self._state, self._meanwhile = WorkflowState(draft=newest.draft, recorded=newest.sequence), []
        return asked

    async def ids(self, _org_id: UUID) -> AsyncIterator[UUID]:
        for each in ():
            yield each


async def row(database: Database, draft: Draft) -> Draft:
    async with database.transaction(draft.org_id) as connection:
        stored = await get_draft(connection, draft.org_id, draft.id, "decorated")
    assert stored is not None
    return stored.draft


async def test_rows_behind_a_busy_workflow_are_left_until_it_has_recorded(
    database: Database, org: UUID
) -> None:
    records = pushed(org, uuid4()).records
    await projection.record(database, records[:2])
    state = WorkflowState(draft=records[3].draft, recorded=3)
    asked = Asked(database, state, [])
    (finding,) = await Reconciler(database, asked, NoneForgotten()).reconcile(org, "demo", dry_run=False)  # type: ignore[arg-type]
    assert (finding.difference, finding.repaired) == (Difference.ROW_BEHIND, False)
    await projection.record(database, records[3:4])  # no SequenceConflict


async def test_a_workflow_that_decided_while_it_was_looked_at_was_not_reset(
    database: Database, org: UUID
) -> None:
    records = pushed(org, uuid4()).records
    await projection.record(database, records[:2])
    state = WorkflowState(draft=records[1].draft, recorded=2)
    asked = Asked(database, state, records[2:3])
    assert await Reconciler(database, asked, NoneForgotten()).reconcile(org, "demo", dry_run=False) == []  # type: ignore[arg-type]


async def test_a_workflow_that_was_reset_is_found(database: Database, org: UUID) -> None:
    records = pushed(org, uuid4()).records
    await projection.record(database, records[:3])
    asked = Asked(database, WorkflowState(draft=records[1].draft, recorded=2), [])
    (finding,) = await Reconciler(database, asked, NoneForgotten()).reconcile(org, "demo", dry_run=False)  # type: ignore[arg-type]
    assert finding.difference is Difference.WORKFLOW_RESET


async def test_a_repair_never_sets_rows_back(database: Database, org: UUID) -> None:
    records = pushed(org, uuid4()).records
    await projection.record(database, records)
    older = WorkflowState(draft=records[2].draft, recorded=3)
    assert await rewrite(database, older, "push", "row_differs") is False
    assert (await row(database, records[-1].draft)).version == records[-1].draft.version


async def told(database: Database, draft: Draft) -> list[str]:
    async with database.transaction(draft.org_id) as connection:
        found = await list_entries(
            connection, draft.org_id, EntryFilter(entity_id=draft.id), limit=50, after=None
        )
    return [entry["action"] for entry in found if entry["action"] == "ROWS_REPAIRED"]


async def pushed_otherwise(database: Database, org: UUID, **changes: object) -> Asked:
    """A workflow that is sure of other facts about its export than it once recorded."""
    records = pushed(org, uuid4()).records
    await projection.record(database, records)
    draft = records[-1].draft
    exports = [draft.exports[0].model_copy(update=changes)]
    state = WorkflowState(draft=draft.model_copy(update={"exports": exports}), recorded=draft.version)
    return Asked(database, state, [])


async def test_a_repair_that_would_change_nothing_is_neither_made_nor_told(
    database: Database, org: UUID
) -> None:
    asked = await pushed_otherwise(database, org, file_name="another.json")
    draft = (await asked.state(org, org)).draft
    for _ in range(2):
        (finding,) = await Reconciler(database, asked, NoneForgotten()).reconcile(org, "demo", dry_run=False)  # type: ignore[arg-type]
        assert (finding.difference, finding.repaired) == (Difference.ROW_DIFFERS, False)
        assert finding.detail == "exports.1.file_name"
    assert await told(database, draft) == []
    assert (await row(database, draft)).exports[0].file_name != "another.json"


async def test_an_export_that_was_created_a_shade_later_is_mended_once(database: Database, org: UUID) -> None:
    asked = await pushed_otherwise(database, org, created_at=AT + timedelta(seconds=1, microseconds=7))
    draft = (await asked.state(org, org)).draft
    reconciler = Reconciler(database, asked, NoneForgotten())  # type: ignore[arg-type]
    (finding,) = await reconciler.reconcile(org, "demo", dry_run=False)
    assert (finding.detail, finding.repaired) == ("exports.1.created_at", True)
    assert await reconciler.reconcile(org, "demo", dry_run=False) == []
    assert await told(database, draft) == ["ROWS_REPAIRED"]
