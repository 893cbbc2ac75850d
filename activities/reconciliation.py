"""Hold every open draft's workflow against its rows; report, and mend the rows where that is safe."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import TypeVar
from uuid import UUID

import structlog
from temporalio import activity

from activities import names
from activities.forgotten_exports import ForgottenExports
from activities.open_tries import find_open_tries
from commands.open_drafts import OpenDrafts, Silent
from domain.draft import Draft
from domain.gates import waiting_for
from domain.policy import OrgPolicy
from domain.pulse import Trouble, trouble
from domain.reconciliation import RULES, Difference, Finding, WorkflowState, compare, needs_workflow
from storage.database import Database
from storage.draft_orders import get_draft
from storage.reconciliation import open_rows, rewrite

log = structlog.get_logger(__name__)

# A look costs the worker a replay when it does not hold the draft any more: few at a time leave it room.
AT_ONCE = 4
# More would not fit into what Temporal carries; each one is in the log.
MOST_RETURNED = 500

# Not a delivery that is tried again: its draft says that itself.
_STUCK = frozenset({Trouble.TASK_FAILS, Trouble.NOT_RECORDED, Trouble.PAUSED, Trouble.NO_WORKER})

T = TypeVar("T")


class Reconciler:
    """For the CLI and, on a schedule, for `ReconcileWorkflow`."""

    def __init__(self, database: Database, open_drafts: OpenDrafts, forgotten: ForgottenExports) -> None:
        self._database = database
        self._open_drafts = open_drafts
        self._forgotten = forgotten

    @activity.defn(name=names.RECONCILE)
    async def run(self) -> list[Finding]:
        """All organisations, mending what may be mended; returns the first 500 findings."""
        found: list[Finding] = []
        for row in await self._database.call("SELECT * FROM list_orgs()", {}):
            activity.heartbeat(row["slug"])
            found += await self.reconcile(row["org_id"], row["slug"], dry_run=False)
        for finding in found:
            log.warning("draft_differs", **finding.model_dump(mode="json"))
        return found[:MOST_RETURNED]

    async def reconcile(self, org_id: UUID, slug: str, *, dry_run: bool) -> list[Finding]:
        """What differs in one organisation; with `dry_run` nothing is written."""
        seen: set[UUID] = set()

        async def of_row(given: tuple[Draft, str | None]) -> Finding | None:
            draft, waits = given
            seen.add(draft.id)
            if activity.in_activity():
                activity.heartbeat(str(draft.id))
            return await self._of_row(slug, draft, waits, dry_run=dry_run)

        async def of_workflow(draft_id: UUID) -> Finding | None:
            if draft_id in seen:
                return None
            return await self._of_workflow(org_id, slug, draft_id, dry_run=dry_run)

        found = await _some_at_once(open_rows(self._database, org_id), of_row)
        found += await _some_at_once(self._open_drafts.ids(org_id), of_workflow)
        known = {finding.draft_id for finding in found}
        held = await self._forgotten.find(org_id, slug, dry_run=dry_run)
        held += await find_open_tries(self._database, org_id, slug, dry_run=dry_run)
        return found + [finding for finding in held if finding.draft_id not in known]

    async def _of_row(self, slug: str, row: Draft, waits: str | None, *, dry_run: bool) -> Finding | None:
        found: tuple[Trouble, str] | None = None
        try:
            pulse = await self._open_drafts.pulse(row.org_id, row.id)
            found = trouble(pulse, row.updated_at, datetime.now(UTC))
            if found and found[0] is Trouble.ENDED:
                # it may have ended while we looked: only what its newest row still calls open is missing
                current = await self._row(row.org_id, row.id)
                if current is None or not needs_workflow(current, waits) or current != row:
                    return None
                return self._finding(slug, row, Difference.WORKFLOW_MISSING, row.status)
            if found and found[0] is Trouble.CONFLICT:
                return self._finding(slug, row, Difference.WORKFLOW_RESET, found[1])
            differs = await self._judged(slug, row.org_id, row.id, dry_run=dry_run)
        except Silent as error:
            return self._finding(
                slug, row, Difference.WORKFLOW_SILENT, found[1] if found else str(error)[:200]
            )
        if differs is None and found and found[0] in _STUCK:
            return self._finding(slug, row, Difference.WORKFLOW_STUCK, found[1])
        return differs

    async def _of_workflow(self, org_id: UUID, slug: str, draft_id: UUID, *, dry_run: bool) -> Finding | None:
        try:
            if not (await self._open_drafts.pulse(org_id, draft_id)).is_open:
                return None
            return await self._judged(slug, org_id, draft_id, dry_run=dry_run)
        except Silent:
            return None

    async def _row(self, org_id: UUID, draft_id: UUID) -> Draft | None:
        async with self._database.transaction(org_id) as connection:
            stored = await get_draft(connection, org_id, draft_id, "decorated")
        return stored.draft if stored else None

    async def _compared(
        self, org_id: UUID, draft_id: UUID
    ) -> tuple[WorkflowState, tuple[Difference, str]] | None:
        state = await self._open_drafts.state(org_id, draft_id)
        difference = None if state is None else compare(state, await self._row(org_id, draft_id))
        return None if state is None or difference is None else (state, difference)

    async def _judged(self, slug: str, org_id: UUID, draft_id: UUID, *, dry_run: bool) -> Finding | None:
        first = await self._compared(org_id, draft_id)
        if first is None:
            return None
        # a decision between the two looks makes the row newer than the state: what differs, differs again
        again = await self._compared(org_id, draft_id)
        if again is None or again[1][0] is not first[1][0]:
            return None
        state, (kind, detail) = again
        finding = self._finding(slug, state.draft, kind, detail)
        # A busy workflow still has to record its newest decision, which a repair would record differently.
        if RULES[kind].repairable and state.recorded == state.draft.version and not dry_run:
            waits = waiting_for(state.draft, OrgPolicy())
            finding.repaired = await rewrite(
                self._database, state, waits.value if waits else None, kind.value
            )
        return finding

    @staticmethod
    def _finding(slug: str, draft: Draft, kind: Difference, detail: str) -> Finding:
        return Finding(org=slug, draft_id=str(draft.id), number=draft.number, difference=kind, detail=detail)


async def _some_at_once(
    given: AsyncIterator[T], look: Callable[[T], Awaitable[Finding | None]]
) -> list[Finding]:
    """The findings, in no order; the next one is taken when a place is free."""
    found: list[Finding] = []
    places = asyncio.Semaphore(AT_ONCE)

    async def one(each: T) -> None:
        try:
            finding = await look(each)
        finally:
            places.release()
        if finding is not None:
            found.append(finding)

    try:
        async with asyncio.TaskGroup() as group:
            async for each in given:
                await places.acquire()
                group.create_task(one(each))
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return found
