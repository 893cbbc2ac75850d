"""Migrations, one after the other: what is committed when one fails, and tables that are in use."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from local.postgres import DatabaseUrls
from storage import migrate as migrations
from storage.migrate import SchemaBusy, migrate

STEPS = [
    "CREATE TABLE one (id integer)",
    "CREATE TABLE two (id integer)",
    "ALTER TABLE one ADD COLUMN name text",
]


@pytest_asyncio.fixture
async def empty(postgres: DatabaseUrls, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    """A database without a table, and a schema's busy tables given up soon."""
    monkeypatch.setattr(migrations, "LOCK_WITHIN_MS", 50)
    monkeypatch.setattr(migrations, "LOCK_TRIES", 2)
    monkeypatch.setattr(migrations, "PAUSE_S", 0)
    name = f"empty_{uuid4().hex[:8]}"
    owner = create_async_engine(postgres.owner, isolation_level="AUTOCOMMIT")
    async with owner.connect() as connection:
        await connection.exec_driver_sql(f"CREATE DATABASE {name}")
        yield make_url(postgres.owner).set(database=name).render_as_string(hide_password=False)
        await connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
    await owner.dispose()


@pytest.fixture
def steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Migrations 0001 to 0003 in place of ours."""
    shutil.copy(migrations._SCRIPTS / "env.py", tmp_path)
    (tmp_path / "versions").mkdir()
    for number, statement in enumerate(STEPS, 1):
        wrote(tmp_path, number, statement)
    monkeypatch.setattr(migrations, "_SCRIPTS", tmp_path)
    return tmp_path


def wrote(folder: Path, number: int, statement: str) -> None:
    before = f'"{number - 1:04}"' if number > 1 else "None"
    (folder / "versions" / f"{number:04}_step.py").write_text(
        f'from alembic import op\n\nrevision = "{number:04}"\ndown_revision = {before}\n\n\n'
        f'def upgrade() -> None:\n    op.execute("{statement}")\n'
    )


async def version(engine: AsyncEngine) -> str:
    async with engine.connect() as connection:
        return str(await connection.scalar(text("SELECT version_num FROM alembic_version")))


async def test_what_came_before_a_migration_that_fails_is_kept_and_the_next_run_goes_on(
    empty: str, steps: Path
) -> None:
    wrote(steps, 2, "ALTER TABLE nowhere ADD COLUMN name text")
    engine = create_async_engine(empty)
    with pytest.raises(Exception, match="nowhere"):
        await migrate(empty)
    assert await version(engine) == "0001"
    wrote(steps, 2, STEPS[1])
    await migrate(empty)
    assert await version(engine) == "0003"
    await engine.dispose()


async def test_a_table_in_use_is_not_waited_for_for_long_and_locks_nothing_else(
    empty: str, steps: Path
) -> None:
    (steps / "versions" / "0003_step.py").rename(steps / "later")
    await migrate(empty)
    (steps / "later").rename(steps / "versions" / "0003_step.py")
    engine = create_async_engine(empty)
    async with engine.begin() as reader:
        await reader.exec_driver_sql("SELECT * FROM one")
        with pytest.raises(SchemaBusy, match="in use by a long transaction"):
            await migrate(empty)
        async with engine.begin() as writer:
            await writer.exec_driver_sql("INSERT INTO one VALUES (1)")
    await migrate(empty)
    assert await version(engine) == "0003"
    await engine.dispose()
