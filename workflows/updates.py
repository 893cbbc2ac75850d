"""A draft's commands as updates of its workflow: what HTTP sends; a signal of the same name does the same."""

from abc import abstractmethod
from collections.abc import Callable
from typing import Any

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from domain.messages import MESSAGES, Message, Receipt
    from domain.transitions import Command


def _update(command: Command, description: str) -> Callable[..., Any]:
    async def carry_out(self: "Updates", message: Message) -> Receipt:
        return await self._carry_out(command, message)

    def admit(self: "Updates", message: Message) -> None:
        self._admit(command, message)

    # what the SDK reads: no type for the first parameter of a method, and of the message the command's own
    carry_out.__annotations__ = {"message": MESSAGES[command], "return": Receipt}
    admit.__annotations__ = {"message": MESSAGES[command], "return": None}
    update = workflow.update(name=command.value, description=description)(carry_out)
    update.validator(admit)
    return update


class Updates:
    @abstractmethod
    def _admit(self, command: Command, message: Message) -> None: ...

    @abstractmethod
    async def _carry_out(self, command: Command, message: Message) -> Receipt: ...

    edit = _update(Command.EDIT, "Change header or lines; takes approvals back.")
    validate = _update(Command.VALIDATE, "Check against catalog and customers; READY or NEEDS_REVIEW.")
    approve = _update(Command.APPROVE, "The operator's signature.")
    revoke_approval = _update(Command.REVOKE_APPROVAL, "Take the operator's signature back.")
    production_approve = _update(Command.PRODUCTION_APPROVE, "Production's signature.")
    production_reject = _update(Command.PRODUCTION_REJECT, "Production sends lines back; with a reason.")
    push = _update(Command.PUSH, "Hand the order to the ERP.")
    retry_push = _update(Command.RETRY_PUSH, "A new export after a failed one.")
    reject = _update(Command.REJECT, "Close the draft for good.")

    link_logo = _update(Command.LINK_LOGO, "Say which logo a line carries.")
    set_color_up = _update(Command.SET_COLOR_UP, "Say which color-up version a line gets.")
    submit_line = _update(Command.SUBMIT_LINE, "To our own review, or to the customer.")
    review_line = _update(Command.REVIEW_LINE, "Our own review: to the customer, or back.")
    move_on_floor = _update(Command.MOVE_ON_FLOOR, "The floor starts or ends a line.")
