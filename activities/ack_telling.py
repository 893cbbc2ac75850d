"""Tell drafts what the ERP answered: by signal while they are open, in the trail when they have closed."""

from datetime import UTC, datetime
from uuid import UUID

from activities.ack_round import Problem, Round
from activities.few_at_once import few_at_once
from commands.draft_orders import DraftOrders, TemporalUnavailable, WorkflowGone
from domain.ack_files import AckContent
from domain.acknowledgements import heard, unheard
from domain.audit import entry, said
from domain.messages import Acknowledgement, Actor, Origin
from domain.reconciliation import needs_workflow
from domain.statuses import Via
from storage import acks, changes
from storage.database import Row
from storage.draft_orders import StoredDraft, get_draft

_TOLD_A_STEP = 500


class Telling:
    def __init__(self, this: Round, drafts: DraftOrders) -> None:
        self._round = this
        self._drafts = drafts
        self._temporal_away = False

    async def tell(self) -> None:
        async with self._round.database.transaction(self._round.org_id) as connection:
            rows = await acks.untold(connection, self._round.org_id, self._round.connection_id, _TOLD_A_STEP)
        done = [each for each in await few_at_once(rows, self._tell_one) if each is not None]
        self._round.report.told += len(done)
        if done:
            async with self._round.database.transaction(self._round.org_id) as connection:
                await acks.told(connection, self._round.org_id, done)

    async def _tell_one(self, row: Row) -> UUID | None:
        ack_id: UUID = row["id"]
        if self._temporal_away:
            return None
        content = AckContent.model_validate(row["content"])
        ack = Acknowledgement(
            ack_id=ack_id,
            file_name=row["file_name"],
            export_id=row["export_id"],
            status=content.status,
            erp_order_id=content.erp_order_id,
            error_code=content.error_code,
            message=content.message,
            processed_at=content.processed_at,
        )
        try:
            await self._drafts.acknowledge(self._round.org_id, row["draft_order_id"], ack)
        except WorkflowGone:
            await self._settle_closed(row["draft_order_id"], ack_id, ack)
        except TemporalUnavailable:
            self._temporal_away = True
            sentence = "Temporal did not answer; the drafts will be told by one of the next polls"
            self._round.note(Problem("TEMPORAL_UNAVAILABLE", sentence))
            return None
        return ack_id

    async def _settle_closed(self, draft_id: UUID, ack_id: UUID, ack: Acknowledgement) -> None:
        """The draft's workflow has ended: its rows say what the answer means, and nothing of them changes."""
        now = datetime.now(UTC)
        async with self._round.database.transaction(self._round.org_id) as connection:
            stored = await get_draft(connection, self._round.org_id, draft_id, "decorated")
            event = None if stored is None else unheard(stored.draft, ack, now, is_open=_is_open(stored))
            if stored is None or event is None:
                sentence = (
                    "An answer came for a draft that is open and has no workflow; run countersign reconcile"
                )
                self._round.note(Problem("WORKFLOW_MISSING", sentence))
                return
            draft = stored.draft
            what = said(draft, draft, event)
            trail = [] if what is None else [entry(draft, what, Actor(), Origin(via=Via.SYSTEM), now)]
            settled = await acks.settle(connection, self._round.org_id, [heard(ack_id, event)], trail)
            if settled and trail:
                actions = (entry.action for entry in trail)
                await changes.add_note(
                    connection, draft, changes.change_of(draft, stored.waiting_for, now, actions)
                )
        self._round.count([end.outcome for end in settled])


def _is_open(stored: StoredDraft) -> bool:
    return needs_workflow(stored.draft, stored.waiting_for)
