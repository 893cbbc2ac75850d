"""The line commands as updates of a draft's workflow; a signal of the same name does the same."""

from abc import abstractmethod

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from domain import messages as msg
    from domain.messages import Message, Receipt
    from domain.transitions import Command


class LineUpdates:
    @abstractmethod
    def _admit(self, command: Command, message: Message) -> None: ...

    @abstractmethod
    async def _carry_out(self, command: Command, message: Message) -> Receipt: ...

    @workflow.update(name="link_logo", description="Say which logo a line carries.")
    async def link_logo(self, message: msg.LinkLogoMessage) -> Receipt:
        return await self._carry_out(Command.LINK_LOGO, message)

    @link_logo.validator
    def _admit_link_logo(self, message: msg.LinkLogoMessage) -> None:
        self._admit(Command.LINK_LOGO, message)

    @workflow.update(name="set_color_up", description="Say which color-up version a line gets.")
    async def set_color_up(self, message: msg.SetColorUpMessage) -> Receipt:
        return await self._carry_out(Command.SET_COLOR_UP, message)

    @set_color_up.validator
    def _admit_set_color_up(self, message: msg.SetColorUpMessage) -> None:
        self._admit(Command.SET_COLOR_UP, message)

    @workflow.update(name="submit_line", description="To our own review, or to the customer.")
    async def submit_line(self, message: msg.SubmitLineMessage) -> Receipt:
        return await self._carry_out(Command.SUBMIT_LINE, message)

    @submit_line.validator
    def _admit_submit_line(self, message: msg.SubmitLineMessage) -> None:
        self._admit(Command.SUBMIT_LINE, message)

    @workflow.update(name="review_line", description="Our own review: to the customer, or back.")
    async def review_line(self, message: msg.ReviewLineMessage) -> Receipt:
        return await self._carry_out(Command.REVIEW_LINE, message)

    @review_line.validator
    def _admit_review_line(self, message: msg.ReviewLineMessage) -> None:
        self._admit(Command.REVIEW_LINE, message)

    @workflow.update(name="move_on_floor", description="The floor starts or ends a line.")
    async def move_on_floor(self, message: msg.MoveOnFloorMessage) -> Receipt:
        return await self._carry_out(Command.MOVE_ON_FLOOR, message)

    @move_on_floor.validator
    def _admit_move_on_floor(self, message: msg.MoveOnFloorMessage) -> None:
        self._admit(Command.MOVE_ON_FLOOR, message)

    @workflow.update(name="production_reject", description="Production sends lines back; with a reason.")
    async def production_reject(self, message: msg.ProductionRejectMessage) -> Receipt:
        return await self._carry_out(Command.PRODUCTION_REJECT, message)

    @production_reject.validator
    def _admit_production_reject(self, message: msg.ProductionRejectMessage) -> None:
        self._admit(Command.PRODUCTION_REJECT, message)
