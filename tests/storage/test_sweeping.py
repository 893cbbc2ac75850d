"""The sweeper removes what dead tries left, and nothing that anybody may still need."""

import os
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.testing import ActivityEnvironment

from activities.sweeping import Sweeper
from config.keys import KeyRing, connection_owner
from config.metrics import WorkerMetrics
from connectors.handover import temp_name
from connectors.policy import ConnectorPolicy
from connectors.registry import build_connectors
from domain.draft import Draft
from domain.export_document import delivery
from domain.facts import Artwork
from domain.statuses import DraftStatus, ExportStatus
from domain.sweeping import Swept, leftover
from storage import connections
from storage.database import Database
from tests.domain.orders import AT, CUSTOMER, draft
from tests.storage.conftest import execute, new_org
from tests.storage.test_bulk_commands import failure, stored

KEYS = KeyRing("11" * 32)
DAY_S = 86400
OLD = 2 * DAY_S


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def sweeper(database: Database, folder: Path) -> Sweeper:
    built = build_connectors(ConnectorPolicy(filesystem_roots=(folder,)))
    return Sweeper(database, KEYS, built, DAY_S, WorkerMetrics())


async def connected(database: Database, org: UUID, folder: Path, status: str = "ACTIVE") -> UUID:
    connection_id = uuid4()
    config = {"mode": "filesystem", "export_path": str(folder)}
    connector = build_connectors(ConnectorPolicy(filesystem_roots=(folder,)))["DROPZONE_JSON_V1"]
    values: dict[str, Any] = {
        "id": connection_id,
        "org": org,
        "connector_type": "DROPZONE_JSON_V1",
        "config_encrypted": KEYS.encrypt(
            connector.dump(connector.parse(config)), connection_owner(org, connection_id)
        ),
        "public_config": {},
    }
    async with database.transaction(org) as connection:
        await connections.insert(connection, values, datetime.now(UTC))
        await connections.set_status(connection, org, connection_id, status, datetime.now(UTC))
    return connection_id


def final_name(of: UUID) -> str:
    return f"sales_order_{of}_20261120T090000Z_{uuid4().hex[:8]}.json"


def staged(folder: Path, final: str, age_s: int = OLD) -> Path:
    path = folder / temp_name(final)
    path.write_bytes(b"{}")
    at = datetime.now(UTC).timestamp() - age_s
    os.utime(path, (at, at))
    return path


async def of_export(
    database: Database, org: UUID, status: ExportStatus, draft_status: DraftStatus, **fields: Any
) -> str:
    """The final name of an export in that status."""
    draft_id = uuid4()
    final = final_name(draft_id)
    given = {"status": status, "file_name": final, **fields}
    if status is ExportStatus.FAILED:
        given = failure(file_name=final, **fields)
    await stored(database, org, given, id=draft_id, status=draft_status)
    return final


async def swept(sweeper: Sweeper, org: UUID) -> Swept:
    (report,) = await ActivityEnvironment().run(sweeper.sweep, org, "acme")
    found: Swept = report
    return found


async def test_an_orphan_goes_and_a_staged_file_of_an_open_export_stays(
    database: Database, org: UUID, folder: Path, sweeper: Sweeper
) -> None:
    await connected(database, org, folder)
    open_name = await of_export(database, org, ExportStatus.PENDING, DraftStatus.PUSHING)
    failed_name = await of_export(database, org, ExportStatus.FAILED, DraftStatus.ERROR)
    sent_name = await of_export(database, org, ExportStatus.SENT, DraftStatus.PUSHED)
    open_file = staged(folder, open_name, 90 * DAY_S)
    orphans = [staged(folder, failed_name), staged(folder, failed_name), staged(folder, sent_name)]
    report = await swept(sweeper, org)
    assert (report.removed, report.kept, report.error) == (3, 1, None)
    assert open_file.exists()
    assert not any(path.exists() for path in orphans)
    assert (await swept(sweeper, org)).removed == 0


async def test_a_young_file_a_foreign_one_and_other_names_stay(
    database: Database, org: UUID, folder: Path, sweeper: Sweeper
) -> None:
    await connected(database, org, folder)
    failed_name = await of_export(database, org, ExportStatus.FAILED, DraftStatus.ERROR)
    other = await of_export(database, await new_org(database), ExportStatus.FAILED, DraftStatus.ERROR)
    final = folder / failed_name
    final.write_text("{}")
    (folder / "linked.json").symlink_to(final)
    link = folder / temp_name(failed_name)
    link.symlink_to(final)
    kept = [
        staged(folder, failed_name, DAY_S - 600),
        staged(folder, other),
        staged(folder, final_name(uuid4())),
        staged(folder, "countersign-probe"),
        staged(folder, "invoice.json"),
        staged(folder, failed_name.upper()),
        final,
        link,
    ]
    (folder / f"{temp_name(failed_name)}").mkdir()
    report = await swept(sweeper, org)
    assert report.removed == 0
    assert all(os.path.lexists(path) for path in kept)


async def test_a_draft_that_is_just_being_pushed_keeps_files_that_no_export_names_yet(
    database: Database, org: UUID, folder: Path, sweeper: Sweeper
) -> None:
    await connected(database, org, folder)
    pushing, resting = uuid4(), uuid4()
    await stored(database, org, {"status": ExportStatus.PENDING}, id=pushing, status=DraftStatus.PUSHING)
    await stored(database, org, id=resting, status=DraftStatus.APPROVED)
    keep, go = staged(folder, final_name(pushing)), staged(folder, final_name(resting))
    await swept(sweeper, org)
    assert keep.exists()
    assert not go.exists()


@pytest.mark.parametrize(("status", "goes"), [("ACTIVE", True), ("PAUSED", True), ("DISABLED", False)])
async def test_a_disabled_connection_is_not_touched(
    database: Database, org: UUID, folder: Path, sweeper: Sweeper, status: str, goes: bool
) -> None:
    await connected(database, org, folder, status)
    path = staged(folder, await of_export(database, org, ExportStatus.FAILED, DraftStatus.ERROR))
    await ActivityEnvironment().run(sweeper.sweep, org, "acme")
    assert path.exists() is not goes


async def test_a_dropzone_that_is_away_is_reported_and_holds_up_no_other_org(
    database: Database, owner: AsyncEngine, org: UUID, folder: Path, sweeper: Sweeper
) -> None:
    away = await connected(database, org, folder / "gone")
    other = await new_org(database)
    good = folder / "good"
    good.mkdir()
    await connected(database, other, good)
    path = staged(good, await of_export(database, other, ExportStatus.FAILED, DraftStatus.ERROR))
    broken = await new_org(database)
    damaged = await connected(database, broken, good)
    await execute(owner, "UPDATE erp_connection SET config_encrypted = '\\x00' WHERE id = :id", id=damaged)
    said = {each.connection_id: each for each in await ActivityEnvironment().run(sweeper.run)}
    assert said[away].error == "FOLDER_NOT_FOUND"
    assert said[damaged].error == "CONFIGURATION_INVALID"
    assert not path.exists()


def test_every_staged_file_of_ours_is_known_by_its_name() -> None:
    of: Draft = draft()
    final = delivery(of, 1, CUSTOMER, Artwork(), AT).file_name
    found = leftover(temp_name(final), AT)
    assert found is not None
    assert (found.file_name, found.draft_id) == (final, of.id)
    assert leftover(final, AT) is None
    assert found.is_older_than(60, AT + timedelta(seconds=61))
    assert not found.is_older_than(60, AT + timedelta(seconds=59))


@given(st.text(max_size=120))
def test_no_other_name_is_ours(name: str) -> None:
    assert leftover(name, AT) is None or re.search(r"\.json\.[0-9a-f]{16}\.tmp$", name)
