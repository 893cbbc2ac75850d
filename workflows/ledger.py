"""What a draft's workflow knows: the draft, what it has answered, and what is not yet on record.

One serialisable state; all of it travels through continue-as-new.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from pydantic import BaseModel

from domain import events as ev
from domain.acknowledgements import HeardAck
from domain.audit import LINE_MOVED, entry, said
from domain.draft import Draft, Export
from domain.evolution import evolve
from domain.gates import production_signed, waiting_for
from domain.line_history import steps
from domain.messages import Actor, CreateDraft, Message, Origin
from domain.policy import OrgPolicy
from domain.records import (
    KEYLESS_REMEMBERED,
    KEYS_REMEMBERED,
    MOST_AT_ONCE,
    Carried,
    Record,
    RecordedMove,
    SeenKey,
    newest,
    room_for_keys,
)
from domain.reopening import reopened
from domain.statuses import CUSTOMER_SIGNED, DraftStatus, WaitingFor
from domain.transitions import Command

# After a push the floor goes on; a draft that nobody finishes there is not held open for ever.
FLOOR_WINDOW = timedelta(days=90)
_LINES_AT_ONCE = 1200
_MOVES_AT_ONCE = 200


class Ledger:
    """The draft and its outbox. `recorded_sequence` is how far PostgreSQL has followed."""

    def __init__(
        self, draft: Draft, policy: OrgPolicy, seen: list[SeenKey], recorded: int, run_id: str
    ) -> None:
        self.draft = draft
        self.policy = policy
        self.outbox: list[Record] = []
        self.recorded_sequence = recorded
        self.held: str | None = None  # what the export under way waits for; no run ends meanwhile
        self.waits_since = draft.updated_at
        self._run_id = run_id
        self._seen = {_place(each): each for each in seen}
        self.older_on_record = False  # a key that is not among these may have been answered in an earlier run
        self.heard_acks: list[UUID] = []
        self.minds_bytes: Callable[[], bool] = lambda: True  # asked once records do not fit into one piece

    @classmethod
    def opened(cls, create: CreateDraft, at: datetime, run_id: str) -> "Ledger":
        draft = Draft(
            org_id=create.org_id,
            org_slug=create.org_slug,
            id=create.draft_id,
            number=create.number,
            customer_name=create.customer_name,
            created_at=at,
            updated_at=at,
        )
        ledger = cls(draft, create.policy, [], 0, run_id)
        created = ev.DraftCreated(header=create.header, lines=create.lines)
        ledger.apply([created], at, create.actor, create.origin)
        ledger.outbox[0].creation_digest = create.digest
        return ledger

    @classmethod
    def resumed(cls, carried: Carried, run_id: str) -> "Ledger":
        ledger = cls(carried.draft, carried.policy, carried.seen, carried.draft.version, run_id)
        ledger.older_on_record = carried.older_on_record
        ledger.heard_acks = list(carried.heard_acks)
        ledger.waits_since = carried.waits_since or ledger.waits_since
        return ledger

    def carried(self) -> Carried:
        """For the next run. Only with an empty outbox: a key that is dropped here is looked up in its row."""
        keyed = [each for each in self._seen.values() if each.key]
        keyless = [each for each in self._seen.values() if not each.key]
        room = room_for_keys(self.draft, self.heard_acks)
        kept = newest(keyed, KEYS_REMEMBERED, room)
        room -= sum(_bytes(each) for each in kept)
        return Carried(
            draft=self.draft,
            policy=self.policy,
            seen=kept + newest(keyless, KEYLESS_REMEMBERED, room),
            older_on_record=self.older_on_record or len(kept) < len(keyed),
            heard_acks=self.heard_acks,
            waits_since=self.waits_since,
        )

    @property
    def waiting_for(self) -> WaitingFor | None:
        return waiting_for(self.draft, self.policy)

    @property
    def ack_until(self) -> datetime | None:
        """When the wait for the ERP's ack ends; None while nothing waits for one."""
        if self.waiting_for is not WaitingFor.ACK:
            return None
        last = self.draft.last_export
        if last is None or last.sent_at is None:
            return None
        return last.sent_at + timedelta(days=self.policy.ack_window_days)

    def seen(self, command: Command, message: Message) -> SeenKey | None:
        """What the same message was answered before: by its key, or by its token when it has no key."""
        return self._seen.get((command.value, message.key or "", "" if message.key else message.token))

    def remember(self, answered: SeenKey) -> None:
        """Keep the answer for repeats, in this run and later ones; a key's also beside the decision's record.

        Without a key only the same message can come again, sent once more by a client that got no answer.
        """
        self._seen[_place(answered)] = answered
        if not answered.key:
            return
        for record in self.outbox:
            if record.sequence == answered.sequence:
                record.seen = answered

    def hear(self, heard: HeardAck, sequence: int) -> None:
        """Keep that this ack file has had its end, here and beside the decision's record."""
        self.heard_acks.append(heard.ack_id)
        for record in self.outbox:
            if record.sequence == sequence:
                record.acks.append(heard)

    def apply(self, happened: list[ev.Event], at: datetime, actor: Actor, origin: Origin) -> int:
        """Change the draft and put the record of it into the outbox; return its sequence number.

        A decision that moves hundreds of lines makes several records; then it is the last one's.
        """
        sequence = self.draft.version + 1
        audit, before, waited_for = [], self.draft, self.waiting_for
        moves: list[RecordedMove] = []
        for event in happened:
            old = self.draft
            new = evolve(old, event, at, actor.user_id)
            self.draft = new.model_copy(update={"version": sequence})
            what = said(old, self.draft, event)
            if what is not None:
                audit.append(entry(self.draft, what, actor, origin, at))
            moves += steps(old, self.draft, event)
        if self.waiting_for != waited_for:
            self.waits_since = at
        pushed = next((event for event in happened if isinstance(event, ev.PushRequested)), None)
        now, *later = _shares(moves)
        record = Record(
            org_id=self.draft.org_id,
            draft_id=self.draft.id,
            sequence=sequence,
            draft=self.draft,
            customer_signed=all(line.status in CUSTOMER_SIGNED for line in self.draft.decorated_lines),
            production_signed=production_signed(self.draft),
            waiting_for=self.waiting_for,
            lines_changed=self.draft.lines is not before.lines,
            audit=audit,
            moves=now,
            moved_by=entry(self.draft, LINE_MOVED, actor, origin, at) if moves else None,
            exports=[new.id for new in self.draft.exports if not _unchanged(new, before)],
            document=pushed.document if pushed else None,
            run_id=self._run_id,
        )
        self.outbox.append(record)
        for share in later:
            self._add_moves(record, share)
        return self.draft.version

    def _add_moves(self, of: Record, moves: list[RecordedMove]) -> None:
        """More of a decision's moves, as a record of their own; the first one says all the rest."""
        self.draft = self.draft.model_copy(update={"version": self.draft.version + 1})
        nothing_new = {"audit": [], "lines_changed": False, "exports": [], "document": None}
        rest = {"sequence": self.draft.version, "draft": self.draft, "moves": moves}
        self.outbox.append(of.model_copy(update={**nothing_new, **rest}))

    @property
    def floor_until(self) -> datetime | None:
        """Until when the workflow waits for the floor; None while the floor is not what it waits for."""
        if self.waiting_for is not WaitingFor.FLOOR:
            return None
        last = self.draft.last_export
        return (last.sent_at if last and last.sent_at else self.waits_since) + FLOOR_WINDOW

    def next_batch(self) -> list[Record]:
        """As many of the oldest records as one activity may carry: Temporal takes 2 MB."""
        batch, room = self.outbox[:1], _LINES_AT_ONCE - _size(self.outbox[0])
        for record in self.outbox[1:]:
            room -= _size(record)
            if room < 0:
                break
            batch.append(record)
        fitting = self.within_size(batch)
        return fitting if len(fitting) < len(batch) and self.minds_bytes() else batch

    @staticmethod
    def within_size(batch: list[Record]) -> list[Record]:
        """As many of the first of them as fit into one piece; one in any case, which the limits let fit."""
        kept, room = batch[:1], MOST_AT_ONCE
        if len(batch) > 1:
            room -= _bytes(batch[0])
        for record in batch[1:]:
            room -= _bytes(record)
            if room < 0:
                break
            kept.append(record)
        return kept

    def digest_of(self, sequence: int) -> str:
        """Of a record that is still in the outbox; empty when it is on record."""
        return next((record.digest() for record in self.outbox if record.sequence == sequence), "")

    def recorded(self, sequence: int) -> None:
        self.outbox = [record for record in self.outbox if record.sequence > sequence]
        self.recorded_sequence = max(self.recorded_sequence, sequence)


def _place(seen: SeenKey) -> tuple[str, str, str]:
    return seen.command, seen.key, "" if seen.key else seen.token


def _shares(moves: list[RecordedMove]) -> list[list[RecordedMove]]:
    """At least one; PostgreSQL has two seconds for a record. New lines are cheap: the trail omits them."""
    if sum(move.from_status is not None for move in moves) <= _MOVES_AT_ONCE:
        return [moves]
    return [moves[start : start + _MOVES_AT_ONCE] for start in range(0, len(moves), _MOVES_AT_ONCE)]


def _bytes(value: BaseModel) -> int:
    return len(value.model_dump_json().encode())


def _size(record: Record) -> int:
    return len(record.draft.lines) + len(record.moves)


def _unchanged(export: Export, before: Draft) -> bool:
    return any(export is old for old in before.exports)


def receipt_result(command: Command | None, draft: Draft, before: Draft) -> dict[str, Any]:
    """What a command's caller is told, in JSON values; the same again for a repeat."""
    result: dict[str, Any] = {"id": str(draft.id), "status": draft.status.value}
    if command is Command.EDIT:
        return result | {"reopened": reopened(before, draft).model_dump(mode="json")}
    dumped = draft.model_dump(
        mode="json", include={"approved_at", "approved_by_user_id", "production_approved_at"}
    )
    if command is Command.APPROVE:
        del dumped["production_approved_at"]
        return result | dumped
    if command in {Command.PRODUCTION_APPROVE, Command.PRODUCTION_REJECT}:
        lines = [{"line_no": line.line_no, "status": line.status} for line in draft.decorated_lines]
        return result | {"production_approved_at": dumped["production_approved_at"], "lines": lines}
    if command in {Command.PUSH, Command.RETRY_PUSH} and draft.last_export is not None:
        return {"erp_export_id": str(draft.last_export.id), "status": DraftStatus.PUSHING.value}
    return result
