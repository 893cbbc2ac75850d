"""One log line per decision: ids and words of our own, no customer's data. Silent while a history replays."""

from collections.abc import Sequence

from temporalio import workflow

from domain import events as ev
from domain.draft import Draft
from domain.messages import Actor, Origin

# the ids are fields of their own; the SDK would put them into the text as well
workflow.logger.workflow_info_on_message = False


def note(
    draft: Draft, sequence: int, happened: Sequence[ev.Event], actor: Actor, origin: Origin, command: str
) -> None:
    fields = {
        "org_id": str(draft.org_id),
        "draft_id": str(draft.id),
        "sequence": sequence,
        "command": command,
        "decided": [type(event).__name__ for event in happened],
        "status": draft.status.value,
        "via": origin.via.value,
        "request_id": origin.request_id,
        "user_id": None if actor.user_id is None else str(actor.user_id),
        "run_id": workflow.info().run_id,
    }
    said = {name: value for name, value in fields.items() if value not in (None, "")}
    workflow.logger.info("decided", extra=said)
