"""A crowd at one draft: five at a time, in order; other drafts do not notice."""

import asyncio
from uuid import UUID, uuid4

import pytest

from commands.turns import Turns

PLACES = 5


class Crowd:
    def __init__(self) -> None:
        self.turns = Turns(PLACES)
        self.inside = self.most = 0
        self.order: list[int] = []
        self.go_on = asyncio.Event()

    async def comes(self, number: int, draft: UUID, within_s: float = 5) -> None:
        async with self.turns.turn(draft, within_s):
            self.order.append(number)
            self.inside += 1
            self.most = max(self.most, self.inside)
            await self.go_on.wait()
            await asyncio.sleep(0)
            self.inside -= 1


async def test_five_at_a_time_in_the_order_of_their_coming() -> None:
    crowd, draft = Crowd(), uuid4()
    all_of_them = [asyncio.create_task(crowd.comes(number, draft)) for number in range(40)]
    await asyncio.sleep(0.01)
    assert crowd.order == list(range(PLACES))
    crowd.go_on.set()
    await asyncio.gather(*all_of_them)
    assert crowd.order == list(range(40))
    assert crowd.most == PLACES


async def test_who_gets_no_turn_in_time_has_sent_nothing_and_holds_nobody_up() -> None:
    crowd, draft = Crowd(), uuid4()
    first = [asyncio.create_task(crowd.comes(number, draft)) for number in range(PLACES)]
    await asyncio.sleep(0.01)
    with pytest.raises(TimeoutError):
        await crowd.comes(99, draft, within_s=0.01)
    await asyncio.wait_for(_one_turn(crowd, uuid4()), 1)  # another draft has places of its own
    crowd.go_on.set()
    await asyncio.gather(*first, crowd.comes(6, draft))
    assert 99 not in crowd.order


async def test_a_cancelled_request_gives_its_place_back() -> None:
    crowd, draft = Crowd(), uuid4()
    first = [asyncio.create_task(crowd.comes(number, draft)) for number in range(PLACES)]
    await asyncio.sleep(0.01)
    for task in first:
        task.cancel()
    await asyncio.gather(*first, return_exceptions=True)
    await asyncio.wait_for(_one_turn(crowd, draft), 1)


async def _one_turn(crowd: Crowd, draft: UUID) -> None:
    async with crowd.turns.turn(draft, 1):
        pass
