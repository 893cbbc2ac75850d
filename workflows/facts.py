"""What a decision needs of the rows, read while somebody waits for it.

Raises:
    FactsUnavailable: by each of them; nothing was decided.
"""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities import names
    from domain import messages as msg
    from domain.draft import Draft
    from domain.edits import edited
    from domain.facts import Facts, facts_request
    from domain.line_decisions import asked
    from domain.line_facts import LineFacts
    from domain.messages import Message
    from domain.records import ReceiptFound, ReceiptRequest, SeenKey
    from domain.transitions import Command
    from workflows.steps import ask


async def read_facts(draft: Draft, message: Message) -> Facts:
    """A bad edit is refused before anything is read."""
    if isinstance(message, msg.EditMessage):
        change = edited(draft, message)  # facts about the draft as it will be
        draft = draft.model_copy(update={"header": change.header, "lines": change.lines})
    pushes = isinstance(message, msg.PushMessage | msg.RetryPushMessage)
    request = facts_request(draft, message.actor.user_id, for_document=pushes)
    return await ask(names.READ_FACTS, request, gives=Facts, summary="read catalog, customer, connection")


async def read_line_facts(draft: Draft, message: Message) -> LineFacts | None:
    if not isinstance(message, msg.LineMessage):
        return None
    request = asked(draft, message)
    return await ask(
        names.READ_LINE_FACTS, request, gives=LineFacts, summary="read logo, color-up, approvers"
    )


async def read_receipt(draft: Draft, command: Command, key: str) -> SeenKey | None:
    """What the key was answered, in whichever run."""
    request = ReceiptRequest(org_id=draft.org_id, draft_id=draft.id, command=command.value, key=key)
    found = await ask(names.READ_RECEIPT, request, gives=ReceiptFound, summary="look an older key up")
    return found.seen
