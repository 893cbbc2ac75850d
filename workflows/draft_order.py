"""One draft order, from creation until the ERP has it: the single writer of everything about it.

Updates and signals decide at once (`domain.decisions`) and put a record into the outbox; the run loop
alone writes the outbox to PostgreSQL, in order. Source: design.md, "How one approve flows".
"""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from uuid import UUID

from temporalio import workflow
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from activities import names
    from domain import events as ev
    from domain import messages as msg
    from domain.acknowledgements import acknowledged, delivered_meanwhile, heard
    from domain.decisions import NEEDS_FACTS, admit, decide, named_actor, outgrown
    from domain.draft import Export
    from domain.facts import Facts
    from domain.line_decisions import NEEDS_LINE_FACTS
    from domain.line_looks import phoned
    from domain.messages import Actor, Message, Origin, Receipt
    from domain.reconciliation import WorkflowState
    from domain.records import (
        CONTINUES,
        DraftOrderInput,
        Revision,
        SeenKey,
    )
    from domain.refusals import KeyReused, Refusal
    from domain.restoration import restored
    from domain.situation import Situation
    from domain.statuses import DraftStatus, ExportStatus, Via, WaitingFor
    from domain.transitions import Command
    from workflows import policies
    from workflows.export import hand_over
    from workflows.facts import read_facts, read_line_facts, read_receipt
    from workflows.journal import note
    from workflows.ledger import Ledger, receipt_result
    from workflows.line_looks import LineLooks
    from workflows.signals import (
        read_acknowledgement,
        read_color_up_decided,
        read_command,
        read_phone_call,
        read_release,
    )
    from workflows.steps import step
    from workflows.updates import Updates
    from workflows.visibility import show

_SYSTEM = Origin(via=Via.SYSTEM)
_BY_SIZE = "records-that-fit-into-one-piece"
_KEPT_SHORT = "edits-that-keep-a-draft-short"
_DELIVERED_MEANWHILE = "a-failed-export-beside-an-acknowledged-one"
_CONTINUES = "The draft is moving on to a new run; nothing was changed, send it again"
_KEY_REUSED = "This Idempotency-Key was used before with another body; use a new key for a new request"


def _refused(refusal: Refusal) -> ApplicationError:
    return ApplicationError(
        refusal.sentence, refusal.details, type=type(refusal).__name__, non_retryable=True
    )


def _same(seen: SeenKey | None, message: Message) -> SeenKey | None:
    if seen is not None and seen.digest != message.digest:
        raise KeyReused(_KEY_REUSED)
    return seen


@workflow.defn(name=msg.DRAFT_ORDER_WORKFLOW)
class DraftOrderWorkflow(Updates):
    """Made before the first message is handled, so that none is lost over continue-as-new."""

    @workflow.init
    def __init__(self, given: DraftOrderInput) -> None:
        carried, run_id = given.carried, workflow.info().run_id
        self._answers_at_once = given.revision >= Revision.ANSWERS_AT_ONCE
        self._minds_size = given.revision >= Revision.LINES
        if carried is None:
            self._ledger = Ledger.opened(given.create, workflow.now(), run_id)
        else:
            self._ledger = Ledger.resumed(carried, run_id)
        self._ledger.minds_bytes = partial(workflow.patched, _BY_SIZE)
        self._looks = LineLooks(self._ledger, on=given.revision >= Revision.LINES)
        self._look: asyncio.Task[None] | None = None
        self._export: asyncio.Task[None] | None = None
        self._acks: list[msg.Acknowledgement] = []
        self._released: set[UUID] = set()
        if carried is not None and carried.replaces is not None:
            self._decided(restored(self._ledger.draft, carried.replaces, workflow.now()), Actor(), _SYSTEM)
        show(self._ledger)

    @workflow.run
    async def run(self, given: DraftOrderInput) -> DraftStatus:
        self._look_lines_up()
        while True:
            try:
                await workflow.wait_condition(
                    self._has_work,
                    timeout=self._until_the_wait_ends(),
                    timeout_summary="end of the wait for the ERP's acknowledgement"
                    if self._ledger.waiting_for is WaitingFor.ACK
                    else "end of the wait for the floor",
                )
            except TimeoutError:
                self._end_the_wait()
            for task in self._broken():
                task.result()  # a bug in it must stop the workflow task, where it is seen
            if self._ledger.outbox:
                await self._record()
            elif self._may_leave():
                # nothing may be awaited between this check and leaving
                if self._is_finished():
                    return self._ledger.draft.status
                workflow.continue_as_new(given.continued(self._ledger.carried()))

    def _has_work(self) -> bool:
        return bool(self._ledger.outbox) or bool(self._broken()) or self._may_leave()

    def _broken(self) -> list[asyncio.Task[None]]:
        """Tasks that ended by an error; one that ends well is forgotten at its end."""
        return [task for task in (self._export, self._look) if task is not None and task.done()]

    def _may_leave(self) -> bool:
        due = self._is_finished() or self._shall_continue()
        idle = self._export is None and self._look is None and not self._acks
        return due and idle and workflow.all_handlers_finished()

    def _shall_continue(self) -> bool:
        return self._export is None and workflow.info().is_continue_as_new_suggested()

    def _is_finished(self) -> bool:
        draft = self._ledger.draft
        if draft.status is DraftStatus.PUSHED:
            return self._ledger.waiting_for not in {WaitingFor.ACK, WaitingFor.FLOOR}
        return draft.status is DraftStatus.REJECTED

    def _until_the_wait_ends(self) -> timedelta | None:
        until = self._ledger.ack_until or self._ledger.floor_until
        return None if until is None else max(until - workflow.now(), timedelta(0))

    def _end_the_wait(self) -> None:
        last = self._ledger.draft.last_export
        if self._ledger.waiting_for is WaitingFor.FLOOR:
            self._decided([ev.FloorClosed()], Actor(), _SYSTEM)
        elif last is not None:
            self._decided([ev.AckWindowEnded(export_id=last.id)], Actor(), _SYSTEM)

    async def _record(self) -> None:
        """Write the outbox, for as long as that takes; a pending activity shows what the draft waits for."""
        # Never a local activity: the server may drop a workflow task after its local activities have run.
        # A regular one is scheduled by the same commit that keeps the decisions (ADR 0008).
        batch = self._ledger.next_batch() if self._minds_size else list(self._ledger.outbox)
        await step(
            names.RECORD,
            batch,
            gives=int,
            policy=policies.RECORD,
            summary=f"record decision {batch[0].sequence} to {batch[-1].sequence}",
        )
        self._ledger.recorded(batch[-1].sequence)
        show(self._ledger)

    # --- decisions -------------------------------------------------------------------------------

    def _admit(self, command: Command, message: Message) -> None:
        """Update validators: what is refused here leaves no trace in history."""
        if self._shall_continue() and self._ledger.outbox:
            # Under steady load there would never be a moment without a message in hand. Only while a record
            # is under way: its end brings the task that leaves, which a refused update alone does not.
            raise ApplicationError(_CONTINUES, type=CONTINUES, non_retryable=True)
        try:
            if self._repeat_of(command, message) is None and not self._may_be_older(message):
                admit(self._ledger.draft, command, message)
        except Refusal as refusal:
            raise _refused(refusal) from None

    def _repeat_of(self, command: Command, message: Message) -> SeenKey | None:
        return _same(self._ledger.seen(command, message), message)

    def _may_be_older(self, message: Message) -> bool:
        """Only the rows may still know its key; then it must not be refused before they are asked."""
        return self._ledger.older_on_record and message.key is not None

    async def _on_record(self, command: Command, message: Message) -> SeenKey | None:
        """What a key was answered in a run so long ago that it is carried no more."""
        if message.key is None or not self._may_be_older(message):
            return None
        seen = await read_receipt(self._ledger.draft, command, message.key)
        # another request with this key may have been decided while the rows were read
        return _same(seen, message) or self._repeat_of(command, message)

    async def _carry_out(self, command: Command, message: Message) -> Receipt:
        """Decide and answer; the record follows, and whoever promised it to somebody waits for the row.

        Only `ApplicationError` may leave.
        """
        try:
            seen = (
                self._repeat_of(command, message)
                or await self._on_record(command, message)
                or await self._decide(command, message)
            )
        except Refusal as refusal:
            raise _refused(refusal) from None
        if not self._answers_at_once:
            await self._is_recorded(seen.sequence)
        return Receipt(
            command=command,
            sequence=seen.sequence,
            token=seen.token,
            result=seen.result,
            digest=self._ledger.digest_of(seen.sequence),
        )

    async def _decide(self, command: Command, message: Message) -> SeenKey:
        facts, policy = None, message.policy or self._ledger.policy
        if command in NEEDS_FACTS or message.policy is None:
            facts = await read_facts(self._ledger.draft, message)
            policy = facts.policy
            if message.origin.via is Via.TEMPORAL:
                message.actor = named_actor(message.actor, facts)
        lines = await read_line_facts(self._ledger.draft, message) if command in NEEDS_LINE_FACTS else None
        if facts is not None or lines is not None:
            # another request with this key may have been decided while the facts were read
            seen = self._repeat_of(command, message)
            if seen is not None:
                return seen
        self._ledger.policy = policy
        if isinstance(message, msg.LineMessage):
            self._looks.switch_on()
        situation = Situation(self._ledger.draft, workflow.now(), policy, facts, lines)
        happened = decide(command, message, situation)
        refused = outgrown(self._ledger.draft, happened)
        if refused is not None and workflow.patched(_KEPT_SHORT):
            raise refused
        return self._decided(happened, message.actor, message.origin, command, message, facts)

    def _decided(
        self,
        happened: list[ev.Event],
        actor: Actor,
        origin: Origin,
        command: Command | None = None,
        message: Message | None = None,
        facts: Facts | None = None,
    ) -> SeenKey:
        """Apply events now; whoever awaits anything before this must decide again."""
        before = self._ledger.draft
        seen = self._ledger.apply(happened, workflow.now(), actor, origin)
        note(self._ledger.draft, seen, happened, actor, origin, command or "")
        for event in happened:
            if isinstance(event, ev.PushRequested):
                window = timedelta(seconds=facts.delivery_window_s if facts else 1800)
                self._export = asyncio.create_task(
                    self._run_export(event.export, event.document, window, seen, origin.request_id)
                )
        answered = SeenKey(
            command=command or "",
            key=(message.key if message else None) or "",
            digest=message.digest if message else "",
            token=message.token if message else "",
            sequence=seen,
            result=receipt_result(command, self._ledger.draft, before),
        )
        if answered.key or answered.token:
            self._ledger.remember(answered)
        show(self._ledger)
        self._look_lines_up()
        return answered

    # --- lines -----------------------------------------------------------------------------------

    def _look_lines_up(self) -> None:
        if self._look is None and self._looks.due():
            self._look = asyncio.create_task(self._run_look())

    async def _run_look(self) -> None:
        """Until nothing moves any more. A run that shall end leaves the rest to the next one."""
        while (lines := self._looks.due()) and not self._shall_continue():
            for each in await self._looks.look(lines):
                self._decided([ev.LinesMoved(moves=each.moves)], each.actor, each.origin)
        self._look = None

    def _phone_call(self, call: msg.PhoneCall) -> None:
        moves = phoned(self._ledger.draft, call.color_up_id)
        if moves:
            self._decided([ev.LinesMoved(moves=moves)], Actor(), _SYSTEM)

    # --- export ----------------------------------------------------------------------------------

    async def _run_export(
        self, export: Export, document: str, window: timedelta, sequence: int, request_id: str | None
    ) -> None:
        # The push must be in PostgreSQL before anything is staged: that row is the lasting guard.
        # Staging itself waits for it, which saves a workflow task.
        if not self._answers_at_once:
            await self._is_recorded(sequence)
        outcome = await hand_over(
            self._ledger.draft, export, document, window, partial(self._hold, export.id), request_id
        )
        self._decided([self._beside_the_others(outcome)], Actor(), _SYSTEM)
        acks, self._acks = self._acks, []
        for ack in acks:
            self._acknowledge(ack)
        self._export = None

    def _beside_the_others(self, outcome: ev.Event) -> ev.Event:
        """An earlier export may have been acknowledged while this one was under way."""
        if not isinstance(outcome, ev.ExportFailed):
            return outcome
        other = delivered_meanwhile(self._ledger.draft, outcome.export_id)
        # a run from before this waited for a retry that was refused; only its history says so
        if other is None or not workflow.patched(_DELIVERED_MEANWHILE):
            return outcome
        return outcome.model_copy(update={"delivered_by": other})

    async def _hold(self, export_id: UUID, sentence: str) -> None:
        """Wait until somebody says that the pause is over; no timer, so that it may take days for nothing."""
        self._ledger.held = sentence
        show(self._ledger)
        # a word that came before the activity's answer counts: the pause may have ended in between
        await workflow.wait_condition(lambda: export_id in self._released)
        self._released.discard(export_id)
        self._ledger.held = None
        show(self._ledger)

    async def _is_recorded(self, sequence: int) -> None:
        await workflow.wait_condition(lambda: self._ledger.recorded_sequence >= sequence)

    def _acknowledge(self, ack: msg.Acknowledgement) -> None:
        if ack.ack_id is not None and ack.ack_id in self._ledger.heard_acks:
            return
        known = self._ledger.draft.export(ack.export_id)
        if known is not None and known.status is ExportStatus.PENDING:
            # a quick ERP answers before our own publish has returned: heard once the outcome is known
            self._acks.append(ack)
            return
        happened = acknowledged(self._ledger.draft, ack, workflow.now())
        seen = self._decided(happened, Actor(), _SYSTEM)
        if ack.ack_id is not None:
            self._ledger.hear(heard(ack.ack_id, happened[0]), seen.sequence)

    @workflow.signal(dynamic=True, description="A command by its name, the ERP's acknowledge, or release")
    async def signalled(self, name: str, arguments: Sequence[RawValue]) -> None:
        """Every signal, with whatever it carries: a named handler fails on one argument too many."""
        try:
            if name == msg.ACKNOWLEDGE:
                self._acknowledge(read_acknowledgement(arguments))
            elif name == msg.RELEASE:
                self._released.add(read_release(arguments).export_id)
            elif name in {msg.LOOK_AGAIN, msg.COLOR_UP_DECIDED}:
                if name == msg.COLOR_UP_DECIDED:
                    read_color_up_decided(arguments)  # the row says the same, and is what counts
                self._looks.again()
                self._look_lines_up()
            elif name == msg.PHONE_CALL:
                self._looks.switch_on()
                self._phone_call(read_phone_call(arguments))
            else:
                command = Command(name)
                await self._carry_out(command, read_command(command, arguments))
        except Exception as error:  # noqa: BLE001 - an error that leaves a signal handler fails the draft
            self._refuse_signal(name, error)

    def _refuse_signal(self, name: str, error: Exception) -> None:
        if isinstance(error, ApplicationError):
            reason, code = error.message, error.type or "REFUSED"
        else:
            reason, code = "There is no such command, or its argument cannot be read", "ARGUMENT_INVALID"
        event = ev.CommandRefused(command=name[:100], reason=reason, code=code)
        self._decided([event], Actor(), Origin(via=Via.TEMPORAL))

    @workflow.query(name=msg.STATE, description="What this workflow knows, and how much of it is recorded")
    def state(self) -> WorkflowState:
        run_id = workflow.info().run_id
        return WorkflowState(draft=self._ledger.draft, recorded=self._ledger.recorded_sequence, run_id=run_id)
