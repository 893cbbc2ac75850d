"""Why a command is not carried out. The tree:

Refusal
├── TransitionRejected      the status does not allow it                      409
├── ProofChanged            it is no longer what the customer was shown       409
├── GateHeld                something that must be signed first is not        409
├── MayHaveBeenSent         the ERP may already have an earlier document      409
├── NoActiveConnector       nothing to push to                                400
├── FourEyesBroken          the same person signed or edited before           403
├── VersionMismatch         `If-Match` names another version                  412
├── KeyReused               the idempotency key came with another body        422
├── InputRefused            a value that only the draft can judge             422
├── LineNotFound            the draft has no such line                        404
├── ReferenceNotFound       the org has no such logo or color-up              404
└── FactsUnavailable        the database did not answer; nothing was decided  503

`type` travels through Temporal as `ApplicationError.type`; the API turns it into the status.
"""

from typing import ClassVar


class Refusal(Exception):
    """The command changed nothing. `details` holds JSON values for the problem document."""

    http_status: ClassVar[int] = 409
    code: ClassVar[str] = "CONFLICT"

    def __init__(self, sentence: str, **details: object) -> None:
        self.sentence = sentence
        self.details = details
        super().__init__(sentence)


class TransitionRejected(Refusal):
    pass


class ProofChanged(Refusal):
    pass


class GateHeld(Refusal):
    pass


class MayHaveBeenSent(Refusal):
    pass


class NoActiveConnector(Refusal):
    http_status = 400
    code = "NO_ACTIVE_CONNECTOR"


class FourEyesBroken(Refusal):
    http_status = 403
    code = "FORBIDDEN"


class VersionMismatch(Refusal):
    http_status = 412
    code = "PRECONDITION_FAILED"


class KeyReused(Refusal):
    http_status = 422
    code = "VALIDATION_ERROR"


class InputRefused(Refusal):
    http_status = 422
    code = "VALIDATION_ERROR"


class LineNotFound(Refusal):
    http_status = 404
    code = "NOT_FOUND"


class ReferenceNotFound(Refusal):
    http_status = 404
    code = "NOT_FOUND"


class FactsUnavailable(Refusal):
    http_status = 503
    code = "DEPENDENCY_ERROR"


REFUSALS: dict[str, type[Refusal]] = {
    refusal.__name__: refusal
    for refusal in (
        TransitionRejected,
        ProofChanged,
        GateHeld,
        MayHaveBeenSent,
        NoActiveConnector,
        FourEyesBroken,
        VersionMismatch,
        KeyReused,
        InputRefused,
        LineNotFound,
        ReferenceNotFound,
        FactsUnavailable,
    )
}
