"""Drafts with decorated lines on a bench, and what their looks find."""

import asyncio
from collections.abc import Callable
from typing import Any
from uuid import UUID

from domain import messages as msg
from domain.color_ups import ColorUpDecided, ColorUpStatus, Decision
from domain.draft import Decoration, LineInput
from domain.line_facts import ColorUpFact, LineFact, LineQuestion
from domain.statuses import LineStatus, Via
from domain.transitions import Command
from tests.workflows.harness import CUSTOMER, GOOD_LINES, Bench, DraftRun
from tests.workflows.resting import rests

LOGO = UUID(int=77)
COLOR_UP = UUID(int=88)
KEY = {"style_number": "14728", "color_code": "NAVY"}
WITH_CABINET = Decoration(netsuite_file_cabinet_id="F-1", **KEY)
ANNA = UUID(int=5)
WITH_LOGO = {"logo_id": LOGO, "logo_customer_id": CUSTOMER}
WANTED = ColorUpFact(id=COLOR_UP, logo_id=LOGO, version=1, status=ColorUpStatus.DRAFT, **KEY)


def decorated(decoration: Decoration = WITH_CABINET, count: int = 1) -> list[LineInput]:
    return [GOOD_LINES[0].model_copy(update={"decoration": decoration}) for _ in range(count)]


def knows(**facts: Any) -> Callable[[LineQuestion], LineFact]:
    return lambda asked: LineFact(**facts)


def moves(run: DraftRun) -> list[str]:
    return [move.to_status.value for record in run.records for move in record.moves]


async def stands(run: DraftRun, status: LineStatus, line_no: int = 1) -> None:
    for _ in range(400):
        line = run.records[-1].draft.line(line_no) if run.records else None
        if line is not None and line.status is status:
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"still {moves(run)}, not {status}")


async def sent(drafts: Bench, run: DraftRun) -> None:
    """Line 1 is sent to the customer."""
    drafts.world.has_active_approver = True
    drafts.world.found = knows(**WITH_LOGO, wanted=WANTED)
    await rests(run.handle)
    await run.handle.signal(msg.LOOK_AGAIN)
    await stands(run, LineStatus.COLOR_UP_IN_PROGRESS)
    await run.send(Command.SET_COLOR_UP, line_no=1, color_up_id=COLOR_UP)
    await run.send(Command.SUBMIT_LINE, line_no=1)
    await stands(run, LineStatus.SENT_FOR_APPROVAL)


def decided(decision: Decision, **fields: Any) -> ColorUpDecided:
    good = {"color_up_id": COLOR_UP, "team_proxy": True, "by_user_id": ANNA, "via": Via.API}
    return ColorUpDecided.model_validate(
        {**good, "decision": decision, "decided_at": "2026-11-21T10:00:00Z", **fields}
    )
