"""A new master key: every connection comes under it, whatever happens on the way."""

import asyncio
import os
import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client
from typer.testing import CliRunner, Result

import cli
from commands.payload_keys import payload_keys
from config.codec import encrypted_converter
from config.keys import KeyRing, callback_secret_owner, connection_owner
from local.postgres import DatabaseUrls
from storage import audit_log, callback_secrets, connections, key_rotation
from storage.database import Database
from storage.key_rotation import check_org, rotate_org
from tests.storage.conftest import execute, new_org

OLD, NEW, LOST = "11" * 32, "22" * 32, "33" * 32
ROTATED = KeyRing(NEW, [OLD])


async def connection_under(database: Database, org: UUID, key: str, secret: bytes) -> UUID:
    connection_id = uuid4()
    values = {
        "id": connection_id,
        "org": org,
        "connector_type": "DROPZONE_JSON_V1",
        "config_encrypted": KeyRing(key).encrypt(secret, connection_owner(org, connection_id)),
        "public_config": {},
    }
    at = datetime.now(UTC)
    async with database.transaction(org) as connection:
        await connections.insert(connection, values, at)
        await connections.set_status(connection, org, connection_id, "DISABLED", at)
    return connection_id


async def callback_secret_under(database: Database, org: UUID, key: str, secret: bytes) -> UUID:
    secret_id = uuid4()
    sealed = KeyRing(key).encrypt(secret, callback_secret_owner(org, secret_id))
    values = {"id": secret_id, "org": org, "name": None, "user": None, "secret_encrypted": sealed}
    async with database.transaction(org) as connection:
        await callback_secrets.insert(connection, values, datetime.now(UTC))
    return secret_id


async def secret_of(database: Database, keys: KeyRing, org: UUID, connection_id: UUID) -> bytes:
    async with database.transaction(org) as connection:
        row = await connections.get(connection, org, connection_id)
    assert row is not None
    return keys.decrypt(row["config_encrypted"], connection_owner(org, connection_id))


async def test_everything_comes_under_the_new_key_and_a_second_run_has_nothing_to_do(
    database: Database, org: UUID
) -> None:
    made = {
        await connection_under(database, org, OLD, b"s%d" % number): b"s%d" % number for number in range(3)
    }
    current = await connection_under(database, org, NEW, b"new")
    counts = [await rotate_org(database, ROTATED, org) for _ in range(2)]
    assert [(each.reencrypted, each.current, each.unreadable) for each in counts] == [(3, 1, []), (0, 4, [])]
    for connection_id, secret in {**made, current: b"new"}.items():
        assert await secret_of(database, KeyRing(NEW), org, connection_id) == secret
    async with database.transaction(org) as connection:
        trail = await connection.execute(
            text(
                "SELECT entity_id, via, actor_user_id FROM audit_log WHERE action = 'CONNECTION_REENCRYPTED'"
            )
        )
        assert {tuple(row) for row in trail} == {(connection_id, "system", None) for connection_id in made}
        assert [found async for found in audit_log.verify(connection, org)] == [3]


async def test_what_a_client_sees_does_not_change(database: Database, org: UUID) -> None:
    connection_id = await connection_under(database, org, OLD, b"s")

    async def seen() -> dict[str, object]:
        async with database.transaction(org) as connection:
            row = await connections.get(connection, org, connection_id)
        assert row is not None
        return {name: value for name, value in row.items() if name != "config_encrypted"}

    before = await seen()
    await rotate_org(database, ROTATED, org)
    assert await seen() == before


async def test_an_interrupted_run_leaves_each_row_readable_and_the_next_run_finishes(
    database: Database, org: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [await connection_under(database, org, OLD, b"s") for _ in range(4)]
    done = 0
    real = audit_log.append

    async def append(connection: object, entry: object) -> None:
        nonlocal done
        if done == 2:  # in the third row's transaction, after its bytes were written
            raise KeyboardInterrupt
        done += 1
        await real(connection, entry)  # type: ignore[arg-type]

    monkeypatch.setattr(key_rotation.audit_log, "append", append)
    with pytest.raises(KeyboardInterrupt):
        await rotate_org(database, ROTATED, org)
    monkeypatch.undo()
    for connection_id in made:
        assert await secret_of(database, ROTATED, org, connection_id) == b"s"
    counts = await rotate_org(database, ROTATED, org)
    assert (counts.reencrypted, counts.current) == (2, 2)


async def test_rows_that_cannot_be_read_are_named_and_left_and_hold_up_no_other(
    database: Database, owner: AsyncEngine, org: UUID
) -> None:
    lost = await connection_under(database, org, LOST, b"s")
    broken = await connection_under(database, org, NEW, b"s")
    moved = await connection_under(database, org, OLD, b"s")
    good = await connection_under(database, org, OLD, b"s")
    longer = "UPDATE erp_connection SET config_encrypted = config_encrypted || '\\x00' WHERE id = :id"
    await execute(owner, longer, id=broken)
    await execute(
        owner,
        "UPDATE erp_connection SET config_encrypted ="
        " (SELECT config_encrypted FROM erp_connection WHERE id = :good) WHERE id = :id",
        id=moved,
        good=good,
    )
    counts = await rotate_org(database, ROTATED, org)
    assert {each.id for each in counts.unreadable} == {lost, broken, moved}
    assert counts.reencrypted == 1
    assert await secret_of(database, KeyRing(LOST), org, lost) == b"s"
    assert not any(LOST in each.reason or OLD in each.reason for each in counts.unreadable)


async def test_a_change_that_is_saved_meanwhile_is_not_overwritten(database: Database, org: UUID) -> None:
    connection_id = await connection_under(database, org, OLD, b"before")
    async with database.transaction(org) as connection:
        await connections.get(connection, org, connection_id, lock=True)
        run = asyncio.create_task(rotate_org(database, ROTATED, org))
        await asyncio.sleep(0.2)
        sealed = KeyRing(OLD).encrypt(b"after", connection_owner(org, connection_id))
        await connections.save_config(connection, org, connection_id, sealed, {}, datetime.now(UTC))
    assert (await run).reencrypted == 1
    assert await secret_of(database, KeyRing(NEW), org, connection_id) == b"after"


async def test_the_command_prints_counts_and_its_exit_status_tells(
    database: Database, postgres: DatabaseUrls, monkeypatch: pytest.MonkeyPatch
) -> None:
    org = await new_org(database)
    await connection_under(database, org, OLD, b"planted-secret-4711")
    monkeypatch.setenv("DATABASE_URL", postgres.app)
    monkeypatch.setenv("ENCRYPTION_MASTER_KEY", NEW)

    async def run(previous: str) -> Result:
        monkeypatch.setenv("ENCRYPTION_PREVIOUS_KEYS", previous)
        return await asyncio.to_thread(CliRunner().invoke, cli.app, ["keys", "rotate"])

    without = await run("")
    assert without.exit_code == 1
    assert "ENCRYPTION_PREVIOUS_KEYS" in without.output
    await run(f"{OLD},{LOST}")
    again = await run(OLD)
    assert "0 re-encrypted" in again.output
    assert "planted-secret-4711" not in without.output + again.output
    assert (await run("zz")).exit_code == 2
    assert await secret_of(database, KeyRing(NEW), org, await only(database, org)) == b"planted-secret-4711"


async def only(database: Database, org: UUID) -> UUID:
    async with database.transaction(org) as connection:
        found: UUID = (await connection.execute(text("SELECT id FROM erp_connection"))).scalar_one()
    return found


ROOT = Path(__file__).parents[2]


def rotation(postgres: DatabaseUrls) -> dict[str, str]:
    return {
        **os.environ,
        "DATABASE_URL": postgres.app,
        "ENCRYPTION_MASTER_KEY": NEW,
        "ENCRYPTION_PREVIOUS_KEYS": f"{OLD},{LOST}",
    }


async def test_a_rotation_killed_in_the_middle_loses_nothing_and_the_next_one_finishes(
    database: Database, postgres: DatabaseUrls
) -> None:
    org = await new_org(database)
    made = [await connection_under(database, org, OLD, b"s%d" % number) for number in range(120)]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "cli", "keys", "rotate"),
        cwd=ROOT,
        env=rotation(postgres),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    async for line in process.stdout:
        if line.decode().startswith(f"org-{org}: 10 of 120"):
            break
    process.kill()
    await process.wait()
    under = (await check_org(database, ROTATED, org)).readable
    assert sum(under.values()) == 120
    assert 10 <= under["connection", KeyRing(NEW).current_id] < 120
    again = await asyncio.create_subprocess_exec(
        sys.executable, *("-m", "cli", "keys", "rotate"), cwd=ROOT, env=rotation(postgres)
    )
    await again.wait()
    held = await check_org(database, KeyRing(NEW), org)
    assert (held.readable, held.unreadable) == (Counter({("connection", KeyRing(NEW).current_id): 120}), [])
    for number, connection_id in enumerate(made):
        assert await secret_of(database, KeyRing(NEW), org, connection_id) == b"s%d" % number


async def test_a_check_names_each_key_and_what_none_opens_and_changes_nothing(
    database: Database, postgres: DatabaseUrls, monkeypatch: pytest.MonkeyPatch
) -> None:
    org = await new_org(database)
    await connection_under(database, org, OLD, b"planted-secret-4712")
    lost = await connection_under(database, org, "44" * 32, b"s")
    monkeypatch.setenv("DATABASE_URL", postgres.app)
    monkeypatch.setenv("ENCRYPTION_MASTER_KEY", NEW)

    async def run(previous: str) -> Result:
        monkeypatch.setenv("ENCRYPTION_PREVIOUS_KEYS", previous)
        return await asyncio.to_thread(CliRunner().invoke, cli.app, ["keys", "check", "--no-temporal"])

    told = await run(OLD)
    assert told.exit_code == 1
    assert f"connection {lost}" in told.output
    assert f"under key {KeyRing(OLD).current_id}" in told.output
    assert "run `countersign keys rotate`" in told.output
    assert "planted-secret-4712" not in told.output
    assert (await check_org(database, KeyRing(OLD), org)).readable["connection", KeyRing(OLD).current_id] == 1


async def test_a_row_moved_to_another_org_opens_nowhere(
    database: Database, owner: AsyncEngine, org: UUID
) -> None:
    connection_id = await connection_under(database, org, NEW, b"s")
    other = await new_org(database)
    await execute(owner, "UPDATE erp_connection SET org_id = :o WHERE id = :id", o=other, id=connection_id)
    held = await check_org(database, KeyRing(NEW), other)
    assert [each.id for each in held.unreadable] == [connection_id]


async def test_callback_secrets_come_under_the_new_key_as_well(database: Database, org: UUID) -> None:
    secret_id = await callback_secret_under(database, org, OLD, b"whsec_x")
    lost = await callback_secret_under(database, org, LOST, b"whsec_y")
    counts = await rotate_org(database, ROTATED, org)
    assert (counts.reencrypted, [str(each) for each in counts.unreadable]) == (
        1,
        [f"callback secret {lost}: {counts.unreadable[0].reason}"],
    )
    async with database.transaction(org) as connection:
        row = await callback_secrets.get(connection, org, secret_id)
        trail = text("SELECT entity_id FROM audit_log WHERE action = 'CALLBACK_SECRET_REENCRYPTED'")
        assert list((await connection.execute(trail)).scalars()) == [secret_id]
    assert row is not None
    assert row["version"] == 1
    owner = callback_secret_owner(org, secret_id)
    assert KeyRing(NEW).decrypt(row["secret_encrypted"], owner) == b"whsec_x"
    held = await check_org(database, KeyRing(NEW), org)
    assert held.readable == Counter({("callback secret", KeyRing(NEW).current_id): 1})


async def test_a_check_reads_the_key_ids_of_temporals_histories(temporal: str) -> None:
    client = await Client.connect(temporal, data_converter=encrypted_converter(KeyRing(OLD)))
    name = f"keys-{uuid4()}"
    handle = await client.start_workflow("Nobody", {"a": 1}, id=name, task_queue=name, memo={"m": 2})
    await handle.signal("hello", "x")

    async def found(*, closed: bool) -> dict[str, Counter[str]]:
        return {each: keys async for each, keys in payload_keys(client, closed=closed)}

    until = asyncio.get_running_loop().time() + 20
    while name not in (seen := await found(closed=False)):
        assert asyncio.get_running_loop().time() < until
        await asyncio.sleep(0.1)
    assert set(seen[name]) == {KeyRing(OLD).current_id}
    assert seen[name][KeyRing(OLD).current_id] >= 2  # the argument and the signal's
    await handle.terminate()
    while name in await found(closed=False):
        assert asyncio.get_running_loop().time() < until
        await asyncio.sleep(0.1)
    assert name in await found(closed=True)
