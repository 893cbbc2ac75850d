"""A draft that only notes what it is told. Apart: the workflow sandbox imports this file again."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from domain.color_ups import ColorUpDecided
    from domain.messages import COLOR_UP_DECIDED, DRAFT_ORDER_WORKFLOW

HEARD = "heard"
END = "end"


@workflow.defn(name=DRAFT_ORDER_WORKFLOW)
class StandInDraft:
    def __init__(self) -> None:
        self._heard: list[ColorUpDecided] = []
        self._ended = False

    @workflow.run
    async def run(self) -> None:
        await workflow.wait_condition(lambda: self._ended)

    @workflow.signal(name=COLOR_UP_DECIDED)
    def decided(self, decided: ColorUpDecided) -> None:
        self._heard.append(decided)

    @workflow.signal(name=END)
    def end(self) -> None:
        self._ended = True

    @workflow.query(name=HEARD)
    def heard(self) -> list[ColorUpDecided]:
        return self._heard
