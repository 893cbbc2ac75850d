"""A new master key: every connection comes under it, whatever happens on the way."""

import asyncio
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from typer.testing import CliRunner, Result

import cli
from config.keys import KeyRing, connection_owner
from local.postgres import DatabaseUrls
from storage import audit_log, connections, reencryption
from storage.database import Database
from storage.reencryption import reencrypt_org
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
    counts = [await reencrypt_org(database, ROTATED, org) for _ in range(2)]
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
    await reencrypt_org(database, ROTATED, org)
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

    monkeypatch.setattr(reencryption.audit_log, "append", append)
    with pytest.raises(KeyboardInterrupt):
        await reencrypt_org(database, ROTATED, org)
    monkeypatch.undo()
    for connection_id in made:
        assert await secret_of(database, ROTATED, org, connection_id) == b"s"
    counts = await reencrypt_org(database, ROTATED, org)
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
    counts = await reencrypt_org(database, ROTATED, org)
    assert {connection_id for connection_id, _ in counts.unreadable} == {lost, broken, moved}
    assert counts.reencrypted == 1
    assert await secret_of(database, KeyRing(LOST), org, lost) == b"s"
    assert not any(LOST in reason or OLD in reason for _, reason in counts.unreadable)


async def test_a_change_that_is_saved_meanwhile_is_not_overwritten(database: Database, org: UUID) -> None:
    connection_id = await connection_under(database, org, OLD, b"before")
    async with database.transaction(org) as connection:
        await connections.get(connection, org, connection_id, lock=True)
        run = asyncio.create_task(reencrypt_org(database, ROTATED, org))
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
        return await asyncio.to_thread(CliRunner().invoke, cli.app, ["connections", "reencrypt"])

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
