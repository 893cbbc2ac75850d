"""Decisions: (draft, command, facts, time) -> events, or a `Refusal`. Pure; the workflow applies them.

`admit` is what can be said before anything is read from outside (update validators call it);
`decide` runs the whole rule. Source: domain.md, "Draft status" and "The gates before a push".
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from domain import events as ev
from domain.draft import Draft, Export
from domain.draft_size import size_bytes, too_long
from domain.edits import edited
from domain.export_document import delivery, storage_key, too_large
from domain.facts import Artwork, ConnectionFact, CustomerFact, Facts
from domain.four_eyes import hold_four_eyes
from domain.gates import NO_CONNECTOR, doubt, export_in_doubt, gates, held_by, may_be_in_the_erp
from domain.line_decisions import admit_line, decide_line
from domain.messages import (
    Actor,
    ApproveMessage,
    EditMessage,
    LineMessage,
    Message,
    PushMessage,
    RejectMessage,
    RetryPushMessage,
)
from domain.production_decisions import approve_production, reject_production
from domain.ready_check import check
from domain.refusals import (
    GateHeld,
    InputRefused,
    MayHaveBeenSent,
    NoActiveConnector,
    TransitionRejected,
    VersionMismatch,
)
from domain.situation import Situation
from domain.statuses import DraftStatus, ExportStatus
from domain.transitions import Command, is_allowed, refusal

NEEDS_FACTS = frozenset({Command.EDIT, Command.VALIDATE, Command.PUSH, Command.RETRY_PUSH})


def admit(draft: Draft, command: Command, message: Message) -> None:
    """Refuse what the draft alone can refuse.

    Raises:
        TransitionRejected: the status does not allow the command.
        VersionMismatch: the caller had read another version.
        MayHaveBeenSent: the ERP may already have this order, and the caller did not confirm.
        LineNotFound, InputRefused: there is no such line, or it is a plain one.
    """
    if message.expected_version is not None and message.expected_version != draft.version:
        raise VersionMismatch(
            f"The draft has changed since it was read (version {draft.version}, "
            f"not {message.expected_version}); read it again"
        )
    decorated = bool(draft.decorated_lines)
    if not is_allowed(draft.status, command, decorated=decorated):
        last = draft.last_export
        details: dict[str, object] = {"current_status": draft.status}
        if command in {Command.PUSH, Command.RETRY_PUSH} and last is not None:
            details["erp_export_id"] = str(last.id)
        raise TransitionRejected(refusal(draft.status, command, decorated=decorated), **details)
    if isinstance(message, PushMessage | RetryPushMessage) and not message.confirm_may_duplicate:
        _refuse_duplicate(draft)
    if isinstance(message, LineMessage):
        admit_line(draft, command, message)


def named_actor(actor: Actor, facts: Facts) -> Actor:
    """Who a message from Temporal names, as the org knows that person.

    Raises:
        InputRefused: the org has no such user.
    """
    if actor.user_id is None:
        return actor
    if facts.actor_email is None:
        raise InputRefused("actor_user_id names no active user of the draft's organisation")
    return Actor(user_id=actor.user_id, email=facts.actor_email)


def decide(command: Command, message: Message, situation: Situation) -> list[ev.Event]:
    """Events of one command. Calls `admit` first, so nothing stale is decided after an await."""
    admit(situation.draft, command, message)
    if isinstance(message, LineMessage):
        return decide_line(command, message, situation)
    return _RULES[command](message, situation)


def _refuse_duplicate(draft: Draft) -> None:
    export = export_in_doubt(draft)
    if export is None:
        return
    sentence = f"{doubt(export)}; look there first, then repeat with confirm_may_duplicate=true"
    if export.status is ExportStatus.ACKED:
        sentence += " if it shall get this order again"
    else:
        sentence += ", or wait for its acknowledgement"
    raise MayHaveBeenSent(sentence, may_have_been_sent=True, erp_export_id=str(export.id))


def _validate(message: Message, now: Situation) -> list[ev.Event]:
    return [_checked(now.draft, now, asked=True)]


def _checked(draft: Draft, now: Situation, *, asked: bool) -> ev.DraftValidated:
    ready_check, issues = check(draft, now.known, now.at)
    customer = now.known.customer
    return ev.DraftValidated(
        ready_check=ready_check,
        issues=issues,
        customer_name=customer.name if customer else None,
        status=DraftStatus.READY if ready_check.is_ready else DraftStatus.NEEDS_REVIEW,
        asked=asked,
    )


def outgrown(draft: Draft, happened: list[ev.Event]) -> InputRefused | None:
    """Why an edit is not taken although the rules take it: the order is too long, and it makes it longer."""
    for event in happened:
        if not isinstance(event, ev.DraftEdited):
            continue
        excess = too_long(event.header, event.lines)
        if excess and size_bytes(event.header, event.lines) > size_bytes(draft.header, draft.lines):
            return InputRefused(excess)
    return None


def _edit(message: EditMessage, now: Situation) -> list[ev.Event]:
    draft = now.draft
    change = edited(draft, message)
    happened: list[ev.Event] = [change]
    if draft.status in {DraftStatus.NEEDS_REVIEW, DraftStatus.READY}:
        after = draft.model_copy(update={"header": change.header, "lines": change.lines})
        happened.append(_checked(after, now, asked=False))
    elif draft.status in {DraftStatus.APPROVED, DraftStatus.ERROR}:
        happened.append(ev.ApprovalRevoked(by_edit=True))
    return happened


def _approve(message: ApproveMessage, now: Situation) -> list[ev.Event]:
    person, others = message.actor.user_id, {"the last editor": now.draft.last_edited_by_user_id}
    hold_four_eyes(now.policy, person, others, "approve the draft")
    for signer in (line.production_approved_by_user_id for line in now.draft.decorated_lines):
        if signer is not None:
            who = "who approved a line for production"
            hold_four_eyes(now.policy, person, {who: signer}, "approve the draft")
    return [ev.DraftApproved(by_user_id=message.actor.user_id, by_email=message.actor.email)]


def _revoke(message: Message, now: Situation) -> list[ev.Event]:
    return [ev.ApprovalRevoked(by_edit=False)]


def _push(message: PushMessage | RetryPushMessage, now: Situation) -> list[ev.Event]:
    draft, facts = now.draft, now.known
    closed = [gate for gate in gates(draft, facts.policy, has_connection=True) if not gate.passed]
    if closed:
        raise GateHeld(
            "The push is held back: " + "; ".join(gate.message for gate in closed),
            held_by=held_by(closed),
            gates=[gate.gate.value for gate in closed],
        )
    if facts.connection is None:
        raise NoActiveConnector(NO_CONNECTOR)
    if facts.customer is None:
        raise GateHeld("The order's customer is no longer known; edit the draft and validate it again")
    retry = isinstance(message, RetryPushMessage)
    export, document = new_export(draft, facts.customer, facts.connection, facts.artwork, now.at)
    excess = too_large(draft, document)
    if excess is not None:
        raise GateHeld(excess, held_by=[{"line_no": None, "status": excess}])
    return [
        ev.PushRequested(
            export=export,
            document=document,
            retry=retry,
            confirmed_may_duplicate=message.confirm_may_duplicate and may_be_in_the_erp(draft),
        )
    ]


def new_export(
    draft: Draft, customer: CustomerFact, connection: ConnectionFact, artwork: Artwork, at: datetime
) -> tuple[Export, str]:
    """The next export of `draft` and its document's text; the push preview shows the same."""
    attempt = len(draft.exports) + 1
    ready = delivery(draft, attempt, customer, artwork, at)
    export = Export(
        id=ready.export_id,
        attempt=attempt,
        status=ExportStatus.PENDING,
        connection_id=connection.id,
        connector_type=connection.connector_type,
        file_name=ready.file_name,
        sha256=ready.sha256,
        size_bytes=ready.size_bytes,
        storage_key=storage_key(draft.org_id, ready.file_name),
        ack_expected=connection.ack_expected,
        created_at=at,
    )
    return export, ready.document


def _reject(message: RejectMessage, now: Situation) -> list[ev.Event]:
    return [ev.DraftRejected(reason=message.reason)]


_RULES: dict[Command, Callable[[Any, Situation], list[ev.Event]]] = {
    Command.EDIT: _edit,
    Command.VALIDATE: _validate,
    Command.APPROVE: _approve,
    Command.REVOKE_APPROVAL: _revoke,
    Command.PRODUCTION_APPROVE: approve_production,
    Command.PRODUCTION_REJECT: reject_production,
    Command.PUSH: _push,
    Command.RETRY_PUSH: _push,
    Command.REJECT: _reject,
}
