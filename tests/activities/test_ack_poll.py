"""Every kind of ack file against every state of an export: one end each, recorded, exactly once."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from activities.ack_round import Problem
from connectors import filesystem_acks
from domain import events as ev
from domain.statuses import ExportStatus
from domain.transitions import Command
from storage.database import Database
from storage.restoration import known
from tests.activities.ack_world import STATES, AckWorld, ack_world
from tests.storage.conftest import new_org


@pytest.fixture
async def world(database: Database, tmp_path: Path) -> AsyncIterator[AckWorld]:
    async with ack_world(database, tmp_path) as made:
        yield made


@pytest.fixture(params=["filesystem", "sftp"])
async def anywhere(
    request: pytest.FixtureRequest, database: Database, tmp_path: Path
) -> AsyncIterator[AckWorld]:
    async with ack_world(database, tmp_path, request.param) as made:
        yield made


# state of the export, status of the ack: outcome, and the draft's and the export's status afterwards
TABLE = {
    ("PENDING", "ACKED"): (None, "PUSHING", "PENDING"),
    ("PENDING", "FAILED"): (None, "PUSHING", "PENDING"),
    ("SENT", "ACKED"): ("ACKED", "PUSHED", "ACKED"),
    ("SENT", "FAILED"): ("REJECTED", "ERROR", "FAILED"),
    ("SENT, window over", "ACKED"): ("LATE", "PUSHED", "SENT"),
    ("SENT, window over", "FAILED"): ("LATE", "PUSHED", "SENT"),
    ("ACKED", "ACKED"): ("DUPLICATE", "PUSHED", "ACKED"),
    ("ACKED", "FAILED"): ("CONTRADICTING", "PUSHED", "ACKED"),
    ("FAILED, not sent", "ACKED"): ("UNEXPECTED", "ERROR", "FAILED"),
    ("FAILED, not sent", "FAILED"): ("UNEXPECTED", "ERROR", "FAILED"),
    ("FAILED, may have been sent", "ACKED"): ("ACKED", "PUSHED", "ACKED"),
    ("FAILED, may have been sent", "FAILED"): ("REJECTED", "ERROR", "FAILED"),
    ("FAILED, refused", "ACKED"): ("CONTRADICTING", "ERROR", "FAILED"),
    ("FAILED, refused", "FAILED"): ("DUPLICATE", "ERROR", "FAILED"),
}
CHANGES = {"ACKED": "EXPORT_ACKED", "REJECTED": "EXPORT_REJECTED"}


def test_the_table_is_whole() -> None:
    assert set(TABLE) == {(state, status) for state in STATES for status in ("ACKED", "FAILED")}


@pytest.mark.parametrize(("state", "status"), sorted(TABLE))
async def test_a_readable_ack_ends_as_the_table_says_and_is_put_away(
    anywhere: AckWorld, state: str, status: str
) -> None:
    outcome, *after = TABLE[state, status]
    draft = await anywhere.draft(state)
    before = await anywhere.trail(draft)
    name = anywhere.answer(draft.export, status)
    report = await anywhere.poll()
    assert (report.listed, report.read, report.told, report.moved, report.left) == (1, 1, 1, 1, 0)
    assert await anywhere.state_of(draft) == tuple(after)
    (row,) = await anywhere.ledger()
    assert (row["outcome"], row["export_id"], row["moved_to"]) == (
        outcome,
        draft.export.id,
        f"processed/{name}",
    )
    assert row["content"]["status"] == status
    assert anywhere.names() == {"acks": [], "processed": [name], "error": []}
    added = (await anywhere.trail(draft))[len(before) :]
    if outcome is None:
        assert added == []
    else:
        action = "EXPORT_ACKED" if status == "ACKED" else "EXPORT_REJECTED"
        assert added == [(action, outcome in CHANGES)]


@pytest.mark.parametrize("status", ["ACKED", "FAILED"])
async def test_an_early_ack_is_heard_once_the_outcome_is_known(world: AckWorld, status: str) -> None:
    draft = await world.draft("PENDING")
    world.answer(draft.export, status)
    await world.poll()
    assert (await world.ledger())[0]["status"] == "RECEIVED"
    await draft.then(STATES["SENT"][0](draft.export))
    (row,) = await world.ledger()
    assert row["outcome"] == ("ACKED" if status == "ACKED" else "REJECTED")
    assert await world.state_of(draft) == (("PUSHED", "ACKED") if status == "ACKED" else ("ERROR", "FAILED"))


async def test_a_refusal_shows_the_erps_code_and_words_on_the_export(world: AckWorld) -> None:
    draft = await world.draft("SENT")
    world.answer(draft.export, "FAILED", error_code=4711, message="SKU\x00 unknown")
    await world.poll()
    (row,) = await world.rows("SELECT error, refused_by_erp FROM erp_export")
    assert row["refused_by_erp"]
    assert (row["error"]["code"], row["error"]["message"]) == ("4711", "SKU\ufffd unknown")


async def test_a_draft_that_begins_with_its_rows_has_heard_what_was_settled(world: AckWorld) -> None:
    draft = await world.draft()
    other = await world.draft()
    for of in (draft, other):
        world.answer(of.export)
        await world.poll()
    rows = await world.ledger()
    found = await known(world.database, world.org, draft.draft.id)
    assert found is not None
    assert found.carried.heard_acks == draft.ledger.heard_acks
    assert found.carried.heard_acks == [row["id"] for row in rows if row["export_id"] == draft.export.id]


async def test_an_ack_is_recorded_with_its_erp_order(world: AckWorld) -> None:
    draft = await world.draft("SENT")
    world.answer(draft.export, erp_order_id=4711)
    await world.poll()
    (row,) = await world.rows("SELECT erp_order_id, acked_at FROM erp_export")
    assert row["erp_order_id"] == "4711"
    assert row["acked_at"] is not None


# --- unreadable ------------------------------------------------------------------------------------

UNREADABLE: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "not JSON"),
    "half written": (b'{"status": "ACK', "not JSON"),
    "no JSON": (b"ok", "not JSON"),
    "not an object": (b'["ACKED"]', "no object"),
    "no UTF-8": (b'{"status": "ACKED", "erp_order_id": "\xff"}', "not UTF-8"),
    "UTF-16": ('{"status": "ACKED"}'.encode("utf-16"), "not UTF-8"),
    "NUL": (b"\x00" * 40, "not JSON"),
    "deep": (b"[" * 60_000, "nested too deeply"),
    "huge": (b'{"status": "ACKED", "x": "' + b"x" * 2_000_000 + b'"}', "longer than 64 KiB"),
    "huge number": (b'{"status": "ACKED", "erp_order_id": ' + b"9" * 10_000 + b"}", "not JSON"),
    "no status": (b"{}", 'no "status"'),
    "other status": (b'{"status": "OK"}', 'no "status"'),
    "status is a list": (b'{"status": ["ACKED"]}', 'no "status"'),
    "contradicts its name": (b'{"status": "FAILED"}', "its name says ACKED"),
    "two statuses": (b'{"status": "FAILED", "status": "ACKED"}', "names a field twice"),
    "order id is an object": (b'{"status": "ACKED", "erp_order_id": {}}', "no text"),
    "order id is true": (b'{"status": "ACKED", "erp_order_id": true}', "no text"),
    "order id is too long": (b'{"status": "ACKED", "erp_order_id": "%s"}' % (b"x" * 201), "longer than 200"),
    "order id has lines": (b'{"status": "ACKED", "erp_order_id": "a\\nb"}', "than a line"),
}


@pytest.mark.parametrize("kind", list(UNREADABLE))
async def test_what_cannot_be_read_goes_to_error_and_changes_nothing(world: AckWorld, kind: str) -> None:
    content, why = UNREADABLE[kind]
    draft = await world.draft("SENT")
    name = f"ack_{draft.export.file_name}"
    world.put(name, content)
    await world.poll()
    assert world.names() == {"acks": [], "processed": [], "error": [name]}
    (row,) = await world.ledger()
    assert (row["outcome"], row["export_id"], row["moved_to"]) == (
        "MALFORMED",
        draft.export.id,
        f"error/{name}",
    )
    assert why in row["message"]
    assert draft.heard == []
    assert await world.state_of(draft) == ("PUSHED", "SENT")


@pytest.mark.parametrize(
    "fields",
    [
        {"processed_at": "yesterday"},
        {"processed_at": 17},
        {"processed_at": "0001-01-01T00:00:00+14:00"},
        {"processed_at": None},
        {"erp_order_id": None},
        {"erp_order_id": "   "},
        {"unknown": {"deep": [1, 2, {"x": None}]}},
        {"message": "x" * 5000},
        {"erp_order_id": "Größe \ud83d"},
    ],
)
async def test_an_answer_counts_although_some_of_it_is_strange(world: AckWorld, fields: Any) -> None:
    draft = await world.draft("SENT")
    world.answer(draft.export, **fields)
    await world.poll()
    assert await world.state_of(draft) == ("PUSHED", "ACKED")


async def test_a_byte_order_mark_is_no_mistake(world: AckWorld) -> None:
    draft = await world.draft("SENT")
    world.put(f"ack_{draft.export.file_name}", b"\xef\xbb\xbf" + b'{"status": "ACKED"}')
    await world.poll()
    assert await world.state_of(draft) == ("PUSHED", "ACKED")


async def test_a_half_written_file_is_waited_for_and_then_read(world: AckWorld) -> None:
    world.settle_s = 600
    draft = await world.draft("SENT")
    whole = json.dumps({"status": "ACKED", "erp_order_id": "SO-1"})
    for length in (0, 10, 20):
        world.put(f"ack_{draft.export.file_name}", whole[:length])
        await world.poll()
        (row,) = await world.ledger()
        assert (row["status"], row["outcome"], row["moved_at"]) == ("WAITING", None, None)
    world.put(f"ack_{draft.export.file_name}", whole)
    await world.poll()
    (row,) = await world.ledger()
    assert row["outcome"] == "ACKED"
    assert world.names()["acks"] == []


async def test_a_file_that_grows_is_given_its_time_again(world: AckWorld) -> None:
    world.settle_s = 0.6
    draft = await world.draft("SENT")
    name = f"ack_{draft.export.file_name}"
    for length in range(1, 5):
        world.put(name, "{" * length)
        await world.poll()
        await asyncio.sleep(0.25)
    assert world.names()["acks"] == [name]
    await asyncio.sleep(0.6)
    await world.poll()
    assert world.names()["error"] == [name]
    assert [row["outcome"] for row in await world.ledger()] == ["MALFORMED"]


async def test_an_old_file_that_is_seen_for_the_first_time_is_given_its_time_too(world: AckWorld) -> None:
    world.settle_s = 600
    world.put("ack_old.json", "{", at=1_000_000_000)
    await world.poll()
    assert world.names()["acks"] == ["ack_old.json"]


async def test_an_unreadable_file_that_goes_away_is_recorded_as_gone(world: AckWorld) -> None:
    world.settle_s = 600
    path = world.put("ack_half.json", "{")
    await world.poll()
    path.unlink()
    await world.poll()
    (row,) = await world.ledger()
    assert (row["outcome"], row["moved_to"]) == ("GONE", None)


@pytest.mark.parametrize("what", ["link", "folder", "pipe"])
async def test_what_is_no_file_is_never_opened_and_put_away(anywhere: AckWorld, what: str) -> None:
    draft = await anywhere.draft("SENT")
    name = f"ack_{draft.export.file_name}"
    secret = anywhere.root / "secret"
    secret.write_text('{"status": "ACKED"}')
    path = anywhere.acks / name
    if what == "link":
        path.symlink_to(secret)
    elif what == "folder":
        path.mkdir()
    else:
        os.mkfifo(path)
    await anywhere.poll()
    assert anywhere.names()["error"] == [name]
    assert (await anywhere.ledger())[0]["message"] == "The file is no regular file"
    assert await anywhere.state_of(draft) == ("PUSHED", "SENT")
    assert secret.exists()


# --- whose it is -----------------------------------------------------------------------------------


async def test_a_readable_ack_of_an_unknown_export_goes_to_error(anywhere: AckWorld) -> None:
    anywhere.put("ack_sales_order_x.json", {"status": "ACKED"})
    await anywhere.poll()
    assert anywhere.names()["error"] == ["ack_sales_order_x.json"]
    (row,) = await anywhere.ledger()
    assert (row["outcome"], row["export_id"]) == ("UNKNOWN_EXPORT", None)


async def test_another_organisations_export_is_unknown_and_stays_as_it_is(world: AckWorld) -> None:
    other = await new_org(world.database)
    theirs = await world.draft("SENT", org=other, connection=await world.connect(other))
    name = world.answer(theirs.export)
    await world.poll()
    assert (await world.ledger())[0]["outcome"] == "UNKNOWN_EXPORT"
    assert await world.ledger(other) == []
    assert theirs.heard == []
    assert await world.state_of(theirs) == ("PUSHED", "SENT")
    assert world.names()["error"] == [name]


async def test_an_export_of_another_connection_is_not_confirmed_by_this_ones_folder(world: AckWorld) -> None:
    elsewhere = world.root / "elsewhere"
    elsewhere.mkdir()
    await world.switch("DISABLED")
    other = await world.connect(world.org, ack_path=str(elsewhere))
    draft = await world.draft("SENT")
    name = f"ack_{draft.export.file_name}"
    (elsewhere / name).write_text('{"status": "ACKED"}')
    await world.poll(other)
    (row,) = await world.ledger()
    assert (row["outcome"], row["export_id"]) == ("OTHER_CONNECTION", draft.export.id)
    assert (elsewhere / "error" / name).exists()
    assert await world.state_of(draft) == ("PUSHED", "SENT")


async def test_a_connection_made_anew_for_the_same_folder_hears_the_old_ones_answers(world: AckWorld) -> None:
    draft = await world.draft("SENT")
    world.answer(draft.export)
    await world.switch("DISABLED")
    await world.poll(await world.connect(world.org))
    assert await world.state_of(draft) == ("PUSHED", "ACKED")


async def test_a_disabled_connection_is_not_looked_into_and_a_paused_one_is(world: AckWorld) -> None:
    draft = await world.draft("SENT")
    name = world.answer(draft.export)
    await world.switch("DISABLED")
    assert (await world.poll()).skipped is not None
    assert world.names()["acks"] == [name]
    await world.switch("PAUSED")
    await world.poll()
    assert await world.state_of(draft) == ("PUSHED", "ACKED")


async def test_files_of_other_names_are_left_alone(world: AckWorld) -> None:
    others = [
        "readme.txt",
        "ack_x.json.tmp",
        "ack_x.JSON",
        "sales_order_1.json",
        ".ack_x.json",
        "ack_x.json~",
    ]
    for name in others:
        world.put(name, {"status": "ACKED"})
    report = await world.poll()
    assert (report.listed, report.read) == (0, 0)
    assert world.names() == {"acks": sorted(others), "processed": [], "error": []}
    assert await world.ledger() == []


# --- repeats ---------------------------------------------------------------------------------------


async def test_a_second_file_of_the_same_name_is_recorded_beside_the_first(anywhere: AckWorld) -> None:
    draft = await anywhere.draft("SENT")
    name = anywhere.answer(draft.export)
    os.utime(anywhere.acks / name, (1_700_000_000, 1_700_000_000))
    await anywhere.poll()
    anywhere.answer(draft.export)
    await anywhere.poll()
    assert [row["outcome"] for row in await anywhere.ledger()] == ["ACKED", "DUPLICATE"]
    assert len(anywhere.names()["processed"]) == 2
    assert await anywhere.trail(draft) == [("EXPORT_ACKED", True), ("EXPORT_ACKED", False)]


async def test_a_file_that_is_put_back_is_read_again(world: AckWorld) -> None:
    world.put("ack_x.json", {"status": "ACKED"})
    await world.poll()
    (world.acks / "error" / "ack_x.json").rename(world.acks / "ack_x.json")
    await world.poll()
    assert [row["outcome"] for row in await world.ledger()] == ["UNKNOWN_EXPORT", "UNKNOWN_EXPORT"]
    assert len(world.names()["error"]) == 1


async def test_polls_without_news_write_nothing(world: AckWorld) -> None:
    draft = await world.draft("SENT")
    world.answer(draft.export)
    for _ in range(3):
        await world.poll()
    assert len(await world.ledger()) == 1
    assert len(draft.heard) == 1


async def test_an_erp_that_answers_for_ever_does_not_fill_the_draft(world: AckWorld) -> None:
    draft = await world.draft("FAILED, not sent")
    for number in range(55):
        world.put(f"ack_{draft.export.file_name}", {"status": "ACKED"}, at=1_700_000_000 + number)
        await world.poll()
    assert len(draft.heard) == 50
    rows = await world.ledger()
    assert len(rows) == 55
    assert [row["outcome"] for row in rows[50:]] == ["DUPLICATE"] * 5
    assert len(world.names()["processed"]) == 55


async def test_two_answers_in_one_poll_the_older_one_counts(world: AckWorld) -> None:
    draft = await world.draft("SENT")
    os.utime(world.acks / world.answer(draft.export, "FAILED"), (1_700_000_000, 1_700_000_000))
    os.utime(world.acks / world.answer(draft.export), (1_700_000_100, 1_700_000_100))
    await world.poll()
    assert {row["outcome"] for row in await world.ledger()} == {"REJECTED", "CONTRADICTING"}
    assert draft.export.status is ExportStatus.FAILED


# --- trouble ---------------------------------------------------------------------------------------


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
