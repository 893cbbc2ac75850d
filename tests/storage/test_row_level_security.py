"""Every table of an org is shut to every other org. The catalog names the tables, so none is forgotten."""

from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.ext.asyncio import AsyncEngine

from storage.database import Database
from storage.migrate import APP_ROLE
from tests.storage.conftest import AT, new_org

CATALOG = """
SELECT c.relname AS name, c.relrowsecurity AS enabled, c.relforcerowsecurity AS forced,
       pg_get_userbyid(c.relowner) AS owner,
       has_table_privilege('countersign_app', c.oid, 'INSERT') AS insertable,
       EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'org_id'
               AND NOT a.attisdropped) AS of_org
FROM pg_class c WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND c.relnamespace = 'public'::regnamespace
ORDER BY c.relname
"""
OF_NO_ORG = {"org", "alembic_version"}
# Written by audit_chain() alone, which runs as the owner; the application may only read it.
NOT_FORCED = {"audit_head"}


async def tables(owner: AsyncEngine) -> dict[str, Any]:
    async with owner.connect() as connection:
        return {row["name"]: row for row in (await connection.execute(text(CATALOG))).mappings()}


async def test_every_table_belongs_to_an_org_or_is_known_not_to(owner: AsyncEngine) -> None:
    assert {name for name, table in (await tables(owner)).items() if not table["of_org"]} == OF_NO_ORG


async def test_row_level_security_is_on_and_forced_for_every_table(owner: AsyncEngine) -> None:
    found = await tables(owner)
    for name in set(found) - {"alembic_version"}:
        assert found[name]["enabled"], name
        assert found[name]["forced"] is (name not in NOT_FORCED), name
        assert found[name]["owner"] != APP_ROLE, name
    assert not any(found[name]["insertable"] for name in NOT_FORCED)
    assert not found["alembic_version"]["insertable"]


async def test_the_applications_role_has_no_way_around(owner: AsyncEngine) -> None:
    query = text(
        "SELECT rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, "
        "(SELECT count(*) FROM pg_auth_members WHERE member = r.oid), "
        "has_schema_privilege(r.oid, 'public', 'CREATE') FROM pg_roles r WHERE rolname = :role"
    )
    async with owner.connect() as connection:
        (row,) = (await connection.execute(query, {"role": APP_ROLE})).all()
    assert tuple(row) == (False, False, False, False, 0, False)


async def test_functions_that_run_as_the_owner_are_the_known_ones_and_pin_their_search_path(
    owner: AsyncEngine,
) -> None:
    query = text(
        "SELECT proname, proconfig FROM pg_proc WHERE prosecdef AND pronamespace = 'public'::regnamespace"
    )
    async with owner.connect() as connection:
        found = {name: config for name, config in (await connection.execute(query)).all()}
    assert set(found) == {
        "audit_chain",
        "count_open_drafts",
        "count_untold",
        "find_color_up_org",
        "find_login",
        "find_proof_link",
        "list_orgs",
        "list_unsettled_callbacks",
        "list_untold_decisions",
        "list_untold_notices",
        "orgs_with_callback_secrets",
    }
    assert all("search_path=pg_catalog, public, pg_temp" in config for config in found.values())


# --- one row in every table ------------------------------------------------------------------------

_VALUES = {
    "uuid": "gen_random_uuid()",
    "text": "md5(random()::text)",
    "integer": "1",
    "bigint": "(random() * 1000000000)::bigint",
    "numeric": "1",
    "boolean": "true",
    "jsonb": "'{}'::jsonb",
    "uuid[]": "ARRAY[gen_random_uuid()]",
    "bytea": "'\\x00'::bytea",
    "timestamp with time zone": f"'{AT.isoformat()}'::timestamptz",
    "date": "'2026-11-20'::date",
}
_CHECKED = {
    ("app_user", "role"): "'OPS'",
    ("callback_inbox", "decision"): "'approve'",
    ("callback_refusal", "reason"): "'unsigned'",
    ("color_up", "status"): "'Draft'",
    ("erp_ack", "status"): "'SETTLED'",
    ("erp_connection", "status"): "'DISABLED'",
    ("erp_export", "status"): "'PENDING'",
    ("erp_push_log", "status"): "'PENDING'",
    ("message_log", "kind"): "'proof'",
    ("message_log", "outcome"): "'SENT'",
    ("line_notice", "kind"): "'logo'",
}
COLUMNS = """
SELECT a.attname AS name, format_type(a.atttypid, NULL) AS type,
       (SELECT confrelid::regclass::text FROM pg_constraint k
        WHERE k.conrelid = a.attrelid AND k.contype = 'f' AND k.conkey = ARRAY[a.attnum]) AS references
FROM pg_attribute a
WHERE a.attrelid = cast(:table AS regclass) AND a.attnum > 0 AND NOT a.attisdropped
      AND a.attidentity = '' AND a.attgenerated = ''
      AND ((a.attnotnull AND NOT a.atthasdef) OR a.attname = 'org_id')
"""


async def insert_for(owner: AsyncEngine, table: str) -> str:
    """An INSERT of one valid row of org `:org`, made from the catalog."""
    names, values = [], []
    async with owner.connect() as connection:
        for column in (await connection.execute(text(COLUMNS), {"table": table})).mappings():
            names.append(column["name"])
            if column["name"] == "org_id":
                values.append("cast(:org AS uuid)")
            elif column["references"] is not None:
                values.append(f"(SELECT id FROM {column['references']} WHERE org_id = :org LIMIT 1)")
            else:
                values.append(_CHECKED.get((table, column["name"]), _VALUES[column["type"]]))
    return f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join(values)})"


PARENTS = ("customer", "draft_order", "erp_export", "logo", "color_up")  # each after its own


@pytest.fixture(scope="module")
async def two_orgs(database: Database, owner: AsyncEngine) -> tuple[UUID, UUID]:
    """Two orgs with one row in every table."""
    ours, theirs = await new_org(database), await new_org(database)
    of_org = [name for name, table in (await tables(owner)).items() if table["of_org"]]
    ordered = [*PARENTS, *(name for name in of_org if name not in {*PARENTS, "audit_head"})]
    for table in ordered:
        statement = await insert_for(owner, table)
        async with owner.begin() as connection:
            for org in (ours, theirs):
                await connection.execute(text(statement), {"org": org})
    return ours, theirs


async def test_an_org_sees_its_own_rows_only_in_every_table(
    database: Database, owner: AsyncEngine, two_orgs: tuple[UUID, UUID]
) -> None:
    for name, table in (await tables(owner)).items():
        if name == "alembic_version":
            continue
        column = "org_id" if table["of_org"] else "id"
        for org in two_orgs:
            async with database.transaction(org) as connection:
                seen = set(await connection.scalars(text(f"SELECT {column} FROM {name}")))
            assert seen == {org}, name


async def test_without_an_org_nothing_is_seen(
    database: Database, owner: AsyncEngine, two_orgs: tuple[UUID, UUID]
) -> None:
    for name in set(await tables(owner)) - {"alembic_version"}:
        (row,) = await database.call(f"SELECT count(*) AS seen FROM {name}", {})
        assert row["seen"] == 0, name


async def test_nothing_can_be_written_into_another_org(
    database: Database, owner: AsyncEngine, two_orgs: tuple[UUID, UUID]
) -> None:
    ours, theirs = two_orgs
    for name, table in (await tables(owner)).items():
        if not table["of_org"] or not table["insertable"]:
            continue
        statement = await insert_for(owner, name)
        if "(SELECT id FROM" in statement:  # a parent that our org cannot even see
            statement = _with_parents_of(statement, await _parents(owner, theirs))
        with pytest.raises(ProgrammingError, match="row-level security"):
            async with database.transaction(ours) as connection:
                await connection.execute(text(statement), {"org": theirs})


async def _parents(owner: AsyncEngine, org: UUID) -> dict[str, UUID]:
    async with owner.connect() as connection:
        return {
            name: (
                await connection.scalars(text(f"SELECT id FROM {name} WHERE org_id = :org"), {"org": org})
            ).one()
            for name in PARENTS
        }


def _with_parents_of(statement: str, parents: dict[str, UUID]) -> str:
    for name, number in parents.items():
        statement = statement.replace(f"(SELECT id FROM {name} WHERE org_id = :org LIMIT 1)", f"'{number}'")
    return statement


async def test_rows_of_another_org_can_be_neither_changed_nor_moved_nor_removed(
    database: Database, owner: AsyncEngine, two_orgs: tuple[UUID, UUID]
) -> None:
    ours, theirs = two_orgs
    async with database.transaction(ours) as connection:
        changed = await connection.execute(
            text("UPDATE customer SET name = 'X' WHERE org_id = :org"), {"org": theirs}
        )
        removed = await connection.execute(
            text("DELETE FROM customer_price WHERE org_id = :org"), {"org": theirs}
        )
    assert (changed.rowcount, removed.rowcount) == (0, 0)
    with pytest.raises(ProgrammingError, match="row-level security"):
        async with database.transaction(ours) as connection:
            await connection.execute(text("UPDATE customer SET org_id = :org"), {"org": theirs})


async def test_the_org_is_forgotten_at_the_end_of_the_transaction(
    postgres: Any, two_orgs: tuple[UUID, UUID]
) -> None:
    single = Database(postgres.app, pool_size=1)
    who = "SELECT pg_backend_pid() AS pid, nullif(current_setting('app.org_id', true), '') AS org"
    try:
        async with single.transaction(two_orgs[0]) as connection:
            first = (await connection.execute(text(who))).mappings().one()
            assert first["org"] == str(two_orgs[0])
            assert await connection.scalar(text("SELECT count(*) FROM customer")) == 1
        (after,) = await single.call(who, {})
        assert (after["pid"], after["org"]) == (first["pid"], None)
        with pytest.raises(RuntimeError):
            async with single.transaction(two_orgs[0]):
                raise RuntimeError("rolled back")
        (after,) = await single.call(f"{who}, (SELECT count(*) FROM customer) AS seen", {})
        assert (after["pid"], after["org"], after["seen"]) == (first["pid"], None, 0)
    finally:
        await single.dispose()


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT authenticate(cast(:org AS uuid), cast(:other AS uuid))",
        "SELECT reserve_draft_number(cast(:org AS uuid), cast(:other AS uuid))",
        "SELECT callback_secrets_of(cast(:org AS uuid)), cast(:other AS uuid)",
    ],
)
async def test_functions_that_set_the_org_themselves_forget_it_too(
    database: Database, two_orgs: tuple[UUID, UUID], statement: str
) -> None:
    await database.call(statement, {"org": two_orgs[0], "other": uuid4()})
    (row,) = await database.call("SELECT count(*) AS seen FROM customer", {})
    assert row["seen"] == 0
