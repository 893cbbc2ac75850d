"""Whatever people do in whatever order: every step is in the table, and no signature is stale.

The model keeps its own book of who has signed what since the line was last changed. Lines begin anywhere, so
that no way is too long to be walked.
"""

from typing import Any
from uuid import UUID

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from domain import events as ev
from domain.color_ups import Decision
from domain.decisions import decide
from domain.draft import Draft, Line
from domain.evolution import evolve
from domain.gates import allowed_actions, gates
from domain.line_facts import LineFact, LineFacts
from domain.line_history import steps
from domain.line_looks import found, phoned, waits_outside
from domain.line_transitions import LINE_ALLOWED, moves
from domain.messages import Actor
from domain.policy import OrgPolicy
from domain.records import RecordedMove
from domain.refusals import Refusal
from domain.situation import Situation
from domain.statuses import CUSTOMER_SIGNED, PRODUCTION_SIGNED, LineStatus
from domain.statuses import DraftStatus as S
from domain.transitions import Command
from tests.domain.lines import NEWER, decision, fact, line_of
from tests.domain.orders import ANNA, BEN, COLOR_UP, LATER, decorated, decoration, draft, facts, line, message

WAITS_FOR_PRODUCTION = LineStatus.PENDING_PRODUCTION_APPROVAL
WITHOUT_COLOR_UP = {LineStatus.NEW, LineStatus.AWAITING_LOGO}
LINE_NOS = st.integers(1, 3)
PEOPLE = st.sampled_from([ANNA, BEN])
FACTS = st.builds(
    lambda approver, review, made, repeat, newer: LineFacts(
        has_active_approver=approver,
        customer_internal_review=review,
        lines={
            n: fact(decision=made and decision(made), approved_color_up_id=repeat, newer_color_up_id=newer)
            for n in (1, 2)
        },
    ),
    st.booleans(),
    st.booleans(),
    st.sampled_from([None, *Decision]),
    st.sampled_from([None, COLOR_UP]),
    st.sampled_from([None, NEWER]),
)


def standing(number: int, status: LineStatus) -> Line:
    fields: dict[str, Any] = {"color_up_id": None if status in WITHOUT_COLOR_UP else COLOR_UP}
    if status in PRODUCTION_SIGNED:
        fields |= {"production_approved_at": LATER, "production_approved_by_user_id": BEN.user_id}
    return decorated(number, status, **fields)


class Lines(RuleBasedStateMachine):
    @initialize(
        status=st.sampled_from([S.EXTRACTED, S.READY, S.APPROVED]),
        stood=st.lists(
            st.sampled_from(LineStatus) | st.just(LineStatus.PRODUCTION_READY), min_size=2, max_size=2
        ),
    )
    def begin(self, status: S, stood: list[LineStatus]) -> None:
        lines = [standing(number, each) for number, each in enumerate(stood, 1)]
        self.draft: Draft = draft(status, version=1, lines=[*lines, line(3)])
        self.book: dict[UUID, list[LineStatus | None]] = {each.id: [each.status] for each in lines}
        # lines that production has signed since they were changed
        self.signed = {each.id for each in lines if each.status in PRODUCTION_SIGNED}

    def happens(self, happened: list[ev.Event], actor: Actor = ANNA, known: LineFacts | None = None) -> None:
        for event in happened:
            before = self.draft
            self.draft = evolve(before, event, LATER, actor.user_id)
            for step in steps(before, self.draft, event):
                stood = self.book.setdefault(step.line_id, [None])
                assert step.from_status == stood[-1]
                if not isinstance(event, ev.DraftEdited):
                    assert step.from_status is not None
                    assert moves(step.from_status, step.to_status), step
                    assert self.customer_agreed(step, known or LineFacts())
                stood.append(step.to_status)
                if step.to_status is LineStatus.PRODUCTION_READY:
                    self.signed.add(step.line_id)
                elif step.to_status not in PRODUCTION_SIGNED:
                    self.signed.discard(step.line_id)
        self.draft = self.draft.model_copy(update={"version": self.draft.version + 1})

    def customer_agreed(self, step: RecordedMove, known: LineFacts) -> bool:
        """Whether the step is none that needs the customer's word, or the word was there: now or before."""
        fact = known.lines.get(step.line_no, LineFact())
        if step.to_status is LineStatus.APPROVED:
            return fact.decision is not None and fact.decision.decision is Decision.APPROVE
        if (step.from_status, step.to_status) == (LineStatus.AWAITING_LOGO, WAITS_FOR_PRODUCTION):
            return fact.approved_color_up_id is not None
        return True

    def send(self, command: Command, actor: Actor, known: LineFacts, **fields: Any) -> None:
        now = Situation(self.draft, LATER, OrgPolicy(), facts(), known)
        try:
            happened = decide(command, message(command, actor=actor, **fields), now)
        except Refusal:
            return
        self.happens(happened, actor, known)

    @rule(line_no=st.integers(1, 2), actor=PEOPLE, known=FACTS, said=st.data())
    def a_command_that_the_line_takes(
        self, line_no: int, actor: Actor, known: LineFacts, said: st.DataObject
    ) -> None:
        status = line_of(self.draft, line_no).status
        taken = sorted(each for each, where in LINE_ALLOWED.items() if status in where)
        if taken:
            self.command_line(said.draw(st.sampled_from(taken)), line_no, actor, known, said)

    @rule(
        command=st.sampled_from(sorted(LINE_ALLOWED)),
        line_no=LINE_NOS,
        actor=PEOPLE,
        known=FACTS,
        said=st.data(),
    )
    def a_line_command(
        self, command: Command, line_no: int, actor: Actor, known: LineFacts, said: st.DataObject
    ) -> None:
        self.command_line(command, line_no, actor, known, said)

    def command_line(
        self, command: Command, line_no: int, actor: Actor, known: LineFacts, said: st.DataObject
    ) -> None:
        fields: dict[str, Any] = {"line_no": line_no}
        if command in {Command.PRODUCTION_APPROVE, Command.PRODUCTION_REJECT}:
            others = said.draw(st.sampled_from([[], [1, 2], [3]]))
            fields = {"line_nos": [line_no, *others]}
        if command is Command.MOVE_ON_FLOOR:
            fields["to"] = said.draw(st.sampled_from(["In Production", "Complete"]))
        if command is Command.REVIEW_LINE:
            fields["decision"] = said.draw(st.sampled_from(["approve", "send_back"]))
        self.send(command, actor, known, **fields)

    @rule(actor=PEOPLE)
    def production_approves_all(self, actor: Actor) -> None:
        self.send(Command.PRODUCTION_APPROVE, actor, LineFacts())

    @rule(known=FACTS)
    def a_look(self, known: LineFacts) -> None:
        for each in found(self.draft, waits_outside(self.draft), known):
            self.happens([ev.LinesMoved(moves=each.moves)], each.actor, known)

    @rule()
    def a_phone_call(self) -> None:
        made = phoned(self.draft, COLOR_UP)
        if made:
            self.happens([ev.LinesMoved(moves=made)])

    @rule(
        command=st.sampled_from([Command.VALIDATE, Command.APPROVE, Command.REVOKE_APPROVAL, Command.PUSH]),
        actor=PEOPLE,
    )
    def a_command_on_the_draft(self, command: Command, actor: Actor) -> None:
        self.send(command, actor, LineFacts())
        if self.draft.status is S.PUSHING:
            assert all(each.id in self.signed for each in self.draft.decorated_lines)
            assert self.draft.approved_at is not None
            self.happens([self._failed()])

    def _failed(self) -> ev.ExportFailed:
        last = self.draft.last_export
        assert last is not None
        error = {"code": "X", "message": "x", "at": LATER}
        return ev.ExportFailed.model_validate(
            {"export_id": last.id, "error": error, "may_have_been_sent": False}
        )

    @rule(line_no=LINE_NOS, color=st.sampled_from(["NAVY", "RED"]), note=st.booleans())
    def an_edit_of_a_line(self, line_no: int, color: str, note: bool) -> None:
        change: dict[str, Any] = {"notes": "call first"}
        if not note:
            change = {"decoration": decoration(color_code=color).model_dump(mode="json")}
        self.send(Command.EDIT, ANNA, LineFacts(), header=None, line_no=line_no, change_line=change)

    @rule(customer=st.sampled_from([UUID(int=4), facts().customer.id if facts().customer else None]))
    def another_customer(self, customer: UUID | None) -> None:
        header = {"customer_id": str(customer)}
        before = self.draft.header.customer_id
        self.send(Command.EDIT, ANNA, LineFacts(), header=header)
        if self.draft.header.customer_id != before:
            assert all(each.status is LineStatus.NEW for each in self.draft.decorated_lines)
            assert all(each.decoration and not each.decoration.logo_id for each in self.draft.decorated_lines)

    @invariant()
    def the_history_leads_to_the_state(self) -> None:
        for each in self.draft.decorated_lines:
            assert self.book[each.id][-1] is each.status

    @invariant()
    def no_line_is_past_the_gate_unsigned(self) -> None:
        for each in self.draft.decorated_lines:
            assert (each.status in PRODUCTION_SIGNED) is (each.id in self.signed)
            assert (each.production_approved_at is not None) is (each.id in self.signed)

    @invariant()
    def what_the_customer_signed_names_its_color_up(self) -> None:
        for each in self.draft.decorated_lines:
            if each.status in CUSTOMER_SIGNED | {LineStatus.SENT_FOR_APPROVAL, LineStatus.PHONE_CALL}:
                assert each.color_up_id is not None
            if each.status in WITHOUT_COLOR_UP:
                assert each.color_up_id is None

    @invariant()
    def a_push_is_offered_only_when_all_have_signed(self) -> None:
        if Command.PUSH in allowed_actions(self.draft, OrgPolicy(), has_connection=True):
            assert all(gate.passed for gate in gates(self.draft, OrgPolicy(), has_connection=True))
            assert all(each.id in self.signed for each in self.draft.decorated_lines)


TestLines = Lines.TestCase
TestLines.settings = settings(max_examples=80, stateful_step_count=40)
