"""Ack files that cannot be read, not yet or never: they go to error/ and change nothing."""

import asyncio
import json
import os
from typing import Any

import pytest

from tests.activities.ack_world import AckWorld

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
