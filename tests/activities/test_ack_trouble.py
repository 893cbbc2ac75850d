"""Ack folders that are missing or locked, servers that are away: said, waited for, and heard once."""

from typing import Any

import pytest
from sqlalchemy import text

from activities.ack_round import Problem
from connectors import filesystem_acks
from domain import events as ev
from domain.transitions import Command
from tests.activities.ack_world import AckWorld


async def problem_of(world: AckWorld) -> dict[str, Any] | None:
    (row,) = await world.rows("SELECT last_ack_poll_at, last_ack_poll_error FROM erp_connection")
    assert row["last_ack_poll_at"] is not None
    error: dict[str, Any] | None = row["last_ack_poll_error"]
    return error


async def test_a_missing_folder_is_said_at_the_connection_until_it_is_back(anywhere: AckWorld) -> None:
    draft = await anywhere.draft("SENT")
    anywhere.acks.rmdir()
    with pytest.raises(Problem):
        await anywhere.poll()
    error = await problem_of(anywhere)
    assert error is not None
    assert error["code"] == "FOLDER_NOT_FOUND"
    assert "ack path" in error["message"]
    assert await anywhere.state_of(draft) == ("PUSHED", "SENT")
    anywhere.acks.mkdir()
    anywhere.answer(draft.export)
    await anywhere.poll()
    assert await problem_of(anywhere) is None
    assert await anywhere.state_of(draft) == ("PUSHED", "ACKED")


async def test_answers_are_heard_although_their_files_cannot_be_moved(world: AckWorld) -> None:
    (world.acks / "processed").write_text("in the way")
    drafts = [await world.draft("SENT") for _ in range(2)]
    for number in range(2):
        world.answer(drafts[number].export)
        with pytest.raises(Problem):
            await world.poll()
    assert [await world.state_of(draft) for draft in drafts] == [("PUSHED", "ACKED")] * 2
    assert len(world.names()["acks"]) == 2
    (world.acks / "processed").unlink()
    await world.poll()
    assert len(world.names()["processed"]) == 2
    assert [len(draft.heard) for draft in drafts] == [1, 1]


async def test_while_temporal_is_away_files_stay_and_are_told_later(world: AckWorld) -> None:
    draft = await world.draft("SENT")
    name = world.answer(draft.export)
    world.drafts.away = True
    with pytest.raises(Problem) as caught:
        await world.poll()
    assert caught.value.code == "TEMPORAL_UNAVAILABLE"
    assert world.names()["acks"] == [name]
    world.drafts.away = False
    await world.poll()
    assert await world.state_of(draft) == ("PUSHED", "ACKED")
    assert len(await world.ledger()) == 1


async def test_an_answer_to_an_open_draft_without_workflow_is_kept_and_told_again(world: AckWorld) -> None:
    draft = await world.draft("SENT")
    draft.terminated = True
    world.answer(draft.export)
    with pytest.raises(Problem) as caught:
        await world.poll()
    assert caught.value.code == "WORKFLOW_MISSING"
    (row,) = await world.ledger()
    assert (row["status"], row["outcome"]) == ("RECEIVED", None)
    draft.terminated = False
    async with world.database.transaction(world.org) as connection:
        await connection.execute(text("UPDATE erp_ack SET told_at = told_at - interval '11 minutes'"))
    await world.poll()
    assert await world.state_of(draft) == ("PUSHED", "ACKED")


async def test_a_late_answer_to_a_rejected_draft_says_that_the_erp_may_have_the_order(
    world: AckWorld,
) -> None:
    draft = await world.draft("FAILED, may have been sent")
    draft.command(Command.EDIT).command(Command.VALIDATE)
    await draft.then(ev.DraftRejected(reason="ordered twice"))
    world.answer(draft.export)
    await world.poll()
    (row,) = await world.ledger()
    assert row["outcome"] == "LATE"
    assert "the ERP may have its order" in row["message"]
    assert await world.trail(draft) == [("EXPORT_ACKED", False)]


async def test_a_file_with_wrong_rights_is_said_and_does_not_stop_the_others(
    world: AckWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    drafts = [await world.draft("SENT") for _ in range(2)]
    names = [world.answer(draft.export) for draft in drafts]
    read = filesystem_acks._read

    def refusing(folder: int, name: str) -> Any:
        if name == names[0]:
            raise PermissionError(13, "no")
        return read(folder, name)

    monkeypatch.setattr(filesystem_acks, "_read", refusing)
    with pytest.raises(Problem) as caught:
        await world.poll()
    assert names[0] in caught.value.sentence
    assert [await world.state_of(draft) for draft in drafts] == [("PUSHED", "SENT"), ("PUSHED", "ACKED")]
    assert world.names()["acks"] == [names[0]]


async def test_every_end_is_counted_once(world: AckWorld) -> None:
    draft = await world.draft("SENT")
    world.answer(draft.export)
    world.put("ack_x.json", {"status": "ACKED"})
    world.put("ack_y.json", "{")
    for _ in range(2):
        await world.poll()
    counted = {
        sample.labels["outcome"]: sample.value
        for metric in world.counted.ack_files.collect()
        for sample in metric.samples
        if sample.name.endswith("_total")
    }
    assert counted == {"ACKED": 1, "UNKNOWN_EXPORT": 1, "MALFORMED": 1}
