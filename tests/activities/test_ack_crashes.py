"""A poll that dies between two of its steps, and two polls at once: the next goes on, nothing is twice."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, ClassVar

import asyncssh
import pytest

from activities import ack_intake, ack_poll
from activities.ack_intake import chosen
from connectors.ack_folder import AckFile, from_seconds
from storage import acks
from storage.database import Database
from tests.activities.ack_world import AckWorld, ack_world


class Killed(Exception):
    """The process ends here."""


@pytest.fixture(params=["filesystem", "sftp"])
async def world(
    request: pytest.FixtureRequest, database: Database, tmp_path: Path
) -> AsyncIterator[AckWorld]:
    async with ack_world(database, tmp_path, request.param) as made:
        yield made


# Each step of a poll that leaves something behind, and whether it dies before it or after it.
STEPS = [
    (step, when)
    for step in (
        "in_folder",
        "answered",
        "receive",
        "untold",
        "tell",
        "told",
        "to_move",
        "moved",
        "save_poll",
    )
    for when in ("before", "after")
]


class Death:
    """Comes once, before a step or when its transaction is committed."""

    def __init__(self) -> None:
        self._came = False

    def __call__(self) -> None:
        if not self._came:
            self._came = True
            raise Killed


def die_once(world: AckWorld, patch: pytest.MonkeyPatch, step: str, when: str) -> None:
    die = Death()
    if step == "tell":
        setattr(world.drafts, when, die)
        return
    real, transaction = getattr(acks, step), world.database.transaction
    ran: list[str] = []

    async def doomed(*given: Any, **named: Any) -> Any:
        if when == "before":
            die()
        answer = await real(*given, **named)
        ran.append(step)
        if step == "receive" and when == "after":  # a statement that commits by itself
            die()
        return answer

    class Committing:
        def __init__(self, org: Any) -> None:
            self._inner = transaction(org)

        async def __aenter__(self) -> Any:
            return await self._inner.__aenter__()

        async def __aexit__(self, *error: Any) -> None:
            await self._inner.__aexit__(*error)
            if ran and when == "after":
                die()

    patch.setattr(acks, step, doomed)
    patch.setattr(world.database, "transaction", Committing)


@pytest.mark.parametrize(("step", "when"), STEPS)
async def test_a_poll_that_dies_anywhere_is_gone_on_with(
    world: AckWorld, monkeypatch: pytest.MonkeyPatch, step: str, when: str
) -> None:
    good, refused, closed = [await world.draft(state) for state in ("SENT", "SENT", "ACKED")]
    before = await world.trail(closed)
    names = [world.answer(good.export), world.answer(refused.export, "FAILED"), world.answer(closed.export)]
    unknown, bad = world.put("ack_x.json", {"status": "ACKED"}), world.put("ack_y.json", "{")
    with monkeypatch.context() as patch:
        die_once(world, patch, step, when)
        with pytest.raises((Killed, ExceptionGroup)):
            await world.poll()
    world.drafts.before = world.drafts.after = None
    await world.poll()
    outcomes = {row["file_name"]: row["outcome"] for row in await world.ledger()}
    assert outcomes == dict(
        zip([*names, unknown.name, bad.name], ENDS, strict=True),
    )
    assert len(await world.ledger()) == 5
    assert all(row["moved_to"] is not None for row in await world.ledger())
    assert world.names() == {
        "acks": [],
        "processed": sorted(names),
        "error": [unknown.name, bad.name],
    }
    assert await world.trail(good) == [("EXPORT_ACKED", True)]
    assert await world.trail(refused) == [("EXPORT_REJECTED", True)]
    assert await world.trail(closed) == [*before, ("EXPORT_ACKED", False)]


ENDS = ["ACKED", "REJECTED", "DUPLICATE", "UNKNOWN_EXPORT", "MALFORMED"]


async def test_a_poll_that_dies_between_moving_and_noting_it_moves_nothing_twice(
    world: AckWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    draft = await world.draft("SENT")
    name = world.answer(draft.export)
    with monkeypatch.context() as patch:
        die_once(world, patch, "moved", "before")
        with pytest.raises((Killed, ExceptionGroup)):
            await world.poll()
    assert world.names()["processed"] == [name]
    assert (await world.ledger())[0]["moved_at"] is None
    await world.poll()
    assert (await world.ledger())[0]["moved_to"] == f"processed/{name}"
    assert world.names()["processed"] == [name]


async def test_a_file_that_somebody_takes_after_it_was_written_down_is_told_all_the_same(
    world: AckWorld,
) -> None:
    draft = await world.draft("SENT")
    name = world.answer(draft.export)
    world.drafts.away = True
    with pytest.raises(ack_poll.Problem):
        await world.poll()
    (world.acks / name).unlink()
    world.drafts.away = False
    await world.poll()
    assert await world.state_of(draft) == ("PUSHED", "ACKED")


async def test_two_polls_at_once_do_everything_once(world: AckWorld) -> None:
    drafts = [await world.draft("SENT") for _ in range(12)]
    closed = [await world.draft("ACKED") for _ in range(6)]
    former = [await world.trail(draft) for draft in closed]
    names = sorted(world.answer(draft.export) for draft in [*drafts, *closed])
    world.put("ack_x.json", {"status": "ACKED"})
    await asyncio.gather(world.poll(), world.poll(), world.poll())
    assert world.names() == {"acks": [], "processed": names, "error": ["ack_x.json"]}
    assert len(await world.ledger()) == 19
    for draft in drafts:
        assert await world.trail(draft) == [("EXPORT_ACKED", True)]
    for draft, before in zip(closed, former, strict=True):
        assert await world.trail(draft) == [*before, ("EXPORT_ACKED", False)]


async def test_a_slow_poll_that_read_a_file_before_another_put_it_away_does_not_count_it_twice(
    world: AckWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    draft = await world.draft("SENT")
    world.answer(draft.export)
    has_read, go_on = asyncio.Event(), asyncio.Event()
    real = acks.answered

    async def slow(*given: Any) -> Any:
        if not has_read.is_set():
            has_read.set()
            await go_on.wait()
        return await real(*given)

    monkeypatch.setattr(acks, "answered", slow)
    slowpoke = asyncio.create_task(world.poll())
    await has_read.wait()
    await world.poll()
    go_on.set()
    await slowpoke
    assert len(await world.ledger()) == 1
    assert await world.trail(draft) == [("EXPORT_ACKED", True)]
    assert len(draft.heard) == 1


# --- many files ------------------------------------------------------------------------------------


class Counting(asyncssh.SFTPServer):
    """Counts what it is asked for."""

    listings: ClassVar[list[bytes]] = []
    opened: ClassVar[list[bytes]] = []
    renamed: ClassVar[list[bytes]] = []

    def scandir(self, path: bytes) -> Any:
        self.listings.append(path)
        return super().scandir(path)

    def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> Any:
        self.opened.append(path)
        return super().open(path, pflags, attrs)

    def rename(self, oldpath: bytes, newpath: bytes) -> Any:
        self.renamed.append(oldpath)
        return super().rename(oldpath, newpath)


async def test_ten_thousand_files_cost_one_listing_and_a_bounded_number_of_reads(
    database: Database, tmp_path: Path
) -> None:
    async with ack_world(database, tmp_path, "sftp", sftp_class=Counting) as world:
        for number in range(10_000):
            path = world.put(f"ack_{number:05}.json", {"status": "ACKED"})
            os.utime(path, (1_700_000_000 + number, 1_700_000_000 + number))
        for count in (Counting.listings, Counting.opened, Counting.renamed):
            count.clear()
        report = await world.poll()
        asked = len(Counting.listings), len(Counting.opened), len(Counting.renamed)
        assert asked[0] == 1
        assert asked[1] == report.read <= ack_poll.READS_A_POLL
        assert asked[2] == report.moved <= ack_poll.READS_A_POLL
        assert (report.listed, report.left) == (10_000, 10_000 - report.read)
        assert world.names()["error"] == [f"ack_{number:05}.json" for number in range(report.read)]
        await world.poll()
        assert len(Counting.listings) == 2


async def test_a_poll_begins_no_file_after_its_time(world: AckWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ack_poll, "WORK_S", -1.0)
    draft = await world.draft("SENT")
    world.answer(draft.export)
    report = await world.poll()
    assert (report.read, report.left) == (0, 1)


def listed(name: str, at: int = 0) -> AckFile:
    return AckFile(name, 1, from_seconds(at), True)


def known(name: str, status: str, at: int = 0) -> Any:
    return {"file_name": name, "size_bytes": 1, "modified_at": from_seconds(at), "status": status}


def test_unreadable_files_do_not_keep_new_ones_from_their_turn_nor_the_other_way_round() -> None:
    bad = [f"ack_bad{number}" for number in range(100)]
    new = [f"ack_new{number}" for number in range(100)]
    listing = [listed(name) for name in [*bad, *new]]
    picked = chosen(listing, [known(name, "WAITING") for name in bad], 40)
    assert len(picked.now) == 40
    assert len(picked.left) == 160
    assert sum(file.name in new for file in picked.now) == 30


def test_a_file_that_is_written_down_is_not_read_again_unless_it_changed() -> None:
    rows = [known("ack_a", "RECEIVED"), known("ack_b", "SETTLED", at=5)]
    picked = chosen([listed("ack_a"), listed("ack_b", at=6), listed("ack_c")], rows, 10)
    assert [file.name for file in picked.now] == ["ack_b", "ack_c"]


def test_the_cap_on_answers_is_above_what_an_honest_erp_sends() -> None:
    assert ack_intake._TOLD_AT_MOST >= 10
