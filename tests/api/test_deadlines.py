"""A deadline is for the answer: 503 when there is none by then; what follows an answer takes its own time."""

import asyncio
from typing import Any

import httpx
import pytest
from fastapi import BackgroundTasks, FastAPI

from api.requests import RequestGuard

DEADLINE_S = 0.1


class Served:
    """An app of one route that takes `before_s` to answer and whose task takes `after_s`."""

    def __init__(self, *, before_s: float = 0, after_s: float = 0) -> None:
        self.app, self.done = FastAPI(), False

        @self.app.get("/")
        async def answer(tasks: BackgroundTasks) -> dict[str, Any]:
            await asyncio.sleep(before_s)
            tasks.add_task(self._task, after_s)
            return {}

        self.app.add_middleware(RequestGuard, answer_within_s=DEADLINE_S, exempt=())

    async def _task(self, after_s: float) -> None:
        await asyncio.sleep(after_s)
        self.done = True

    async def asked(self) -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="http://api") as http:
            return await http.get("/")


async def test_no_answer_by_the_deadline_is_503() -> None:
    served = Served(before_s=60)
    assert (await served.asked()).status_code == 503
    assert not served.done


@pytest.mark.parametrize("after_s", [0, 3 * DEADLINE_S])
async def test_a_task_after_the_answer_ends_however_late_that_is(after_s: float) -> None:
    served = Served(after_s=after_s)
    assert (await served.asked()).status_code == 200
    assert served.done
