"""Take a draft up again from its rows, when its workflow was reset, terminated, or cannot go on.

Safe to repeat and to interrupt: in between the draft has no workflow, which `reconcile` reports.
"""

import asyncio
from uuid import UUID

from commands.open_drafts import OpenDrafts, Silent
from commands.restarts import Restarts
from domain.draft import Draft
from domain.messages import Actor, CreateDraft, Origin
from domain.policy import OrgPolicy
from domain.pulse import Pulse, Trouble, trouble
from domain.reconciliation import Difference, compare, needs_workflow
from domain.records import INTERRUPTED, DraftOrderInput
from domain.statuses import Via
from storage.database import Database
from storage.restoration import Known, close_push_log, find, known

# An activity of the replaced run may still write for so long: the limit of `record`, and a little.
SETTLE_S = 6.0
_WHY = "countersign restore: taken up again from what is recorded"


class NotRestored(Exception):
    """The draft stays as it is; the text says why and what to do instead."""


class Restorer:
    """`settle_s`: how long an activity of the replaced run may still write; its own time limit."""

    def __init__(
        self, database: Database, open_drafts: OpenDrafts, restarts: Restarts, settle_s: float
    ) -> None:
        self._database = database
        self._open_drafts = open_drafts
        self._restarts = restarts
        self._settle_s = settle_s

    async def restore(self, org_id: UUID, number: str, *, silent_too: bool) -> Draft:
        """The draft as its new workflow begins.

        Raises:
            NotRestored: there is nothing to restore, or it would throw decisions away.
        """
        draft_id = await find(self._database, org_id, number)
        before = None if draft_id is None else await known(self._database, org_id, draft_id)
        if draft_id is None or before is None:
            raise NotRestored(f"There is no draft {number} in this organisation.")
        if not needs_workflow(before.stored.draft, before.stored.waiting_for):
            raise NotRestored(f"{number} is {before.stored.draft.status}: it needs no workflow any more.")
        await self._refuse_when_well(org_id, draft_id, before, silent_too=silent_too)
        ended = await self._restarts.end(org_id, draft_id, _WHY)
        if ended is not None:
            await asyncio.sleep(self._settle_s)
        now = await known(self._database, org_id, draft_id)
        if now is None:
            raise NotRestored(f"The rows of {number} are gone.")
        await close_push_log(
            self._database, org_id, now, {"code": INTERRUPTED, "message": _WHY, "retryable": False}
        )
        now.carried.replaces = ended or now.stored.run_id or "an earlier run"
        if not await self._restarts.begin(
            DraftOrderInput.opening(_created(now, now.carried.policy)).continued(now.carried)
        ):
            raise NotRestored(f"Somebody else has just taken {number} up again.")
        return now.stored.draft

    async def _refuse_when_well(self, org_id: UUID, draft_id: UUID, rows: Known, *, silent_too: bool) -> None:
        try:
            pulse = await self._open_drafts.pulse(org_id, draft_id)
            if not pulse.is_open or _contradicts(pulse, rows.stored.draft):
                return
            state = await self._open_drafts.state(org_id, draft_id)
            if state is None:
                return
        except Silent as error:
            if silent_too:
                return
            raise NotRestored(
                "The workflow does not answer, so nobody knows what it has decided and not recorded. Start "
                "workers, or mend them. If that cannot be done, --silent-too gives those decisions up; their "
                f"callers were told 503. ({str(error)[:100]})"
            ) from error
        difference = compare(state, rows.stored.draft)
        if difference is None or difference[0] is not Difference.WORKFLOW_RESET:
            raise NotRestored("The workflow does not contradict its rows; nothing to restore.")


def _contradicts(pulse: Pulse, row: Draft) -> bool:
    found = trouble(pulse, row.updated_at, row.updated_at)
    return found is not None and found[0] is Trouble.CONFLICT


def _created(rows: Known, policy: OrgPolicy) -> CreateDraft:
    """As the draft stands; a workflow that begins with `carried` reads none of it."""
    draft = rows.stored.draft
    return CreateDraft(
        org_id=draft.org_id,
        org_slug=draft.org_slug,
        draft_id=draft.id,
        number=draft.number,
        actor=Actor(user_id=draft.created_by_user_id),
        origin=Origin(via=Via.SYSTEM),
        digest=rows.stored.creation_digest or "",
        token="",
        header=draft.header,
        lines=draft.lines,
        customer_name=draft.customer_name,
        policy=policy,
    )
