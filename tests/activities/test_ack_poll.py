"""Every readable ack against every state of an export: one end each, recorded, exactly once."""

import os

import pytest

from domain.statuses import ExportStatus
from storage.restoration import known
from tests.activities.ack_world import STATES, AckWorld
from tests.storage.conftest import new_org

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
