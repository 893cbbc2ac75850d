"""What a decorated line waits for, in words that an operator can act on."""

from collections.abc import Sequence

from domain.asked_proofs import AskedProof
from domain.draft import Line
from domain.statuses import LineStatus as S

_WORDS: dict[S, str | None] = {
    S.NEW: "Waits to be taken up",
    S.AWAITING_LOGO: "Waits for a logo: link one",
    S.COLOR_UP_IN_PROGRESS: "Waits for a color-up: choose one, then submit the line",
    S.INTERNAL_REVIEW: "Waits for our own review",
    S.NEEDS_APPROVER: "Waits for an approver: the customer has no active one",
    S.SENT_FOR_APPROVAL: "Waits for the customer's decision on the color-up",
    S.PHONE_CALL: "Waits for a call: the customer did not answer; record the decision as proxy",
    S.APPROVED: "Approved by the customer",
    S.REVISION_IN_PROGRESS: "Waits for a new version of the color-up",
    S.PENDING_PRODUCTION_APPROVAL: "Waits for production's approval",
    S.PRODUCTION_READY: "Waits for the floor to start",
    S.IN_PRODUCTION: "In production: waits for the floor to end",
    S.COMPLETE: None,
}


def line_waiting(line: Line, asked: Sequence[AskedProof] = ()) -> str | None:
    """One sentence; None for plain lines and complete ones. `asked`: what the draft's lines wait for."""
    if line.status is None or line.decoration is None:
        return None
    cabinet = line.decoration.netsuite_file_cabinet_id
    if line.status is S.AWAITING_LOGO and cabinet is not None:
        return f"Waits for a logo: none has the file-cabinet id {cabinet} yet; link one, or make it"
    if line.status is S.COLOR_UP_IN_PROGRESS and line.color_up_id is not None:
        return "Waits to be submitted"
    if line.status is S.SENT_FOR_APPROVAL:
        proof = next((each for each in asked if each.color_up_id == line.color_up_id), None)
        if proof is not None:
            return f"Waits for {proof.words}"
    return _WORDS[line.status]
