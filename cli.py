"""`countersign`: set up a database, make the first org, verify the audit trail, change the master key."""

import asyncio
import os
import re
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID, uuid4

import typer
from rich.console import Console
from temporalio.client import Client
from temporalio.service import RPCError

import cli_keys
from activities.forgotten_exports import ForgottenExports
from activities.reconciliation import Reconciler
from activities.restoration import SETTLE_S, NotRestored, Restorer
from api.passwords import hash_password
from commands.draft_orders import TemporalUnavailable
from commands.errands import Errands
from commands.open_drafts import OpenDrafts
from commands.restarts import Restarts
from config.keys import KeyRing
from config.settings import SettingsError, WorkflowSettings, load_workflow_settings
from config.temporal import connect
from domain.reconciliation import RULES, Finding
from domain.statuses import DraftStatus
from storage import audit_log
from storage.database import Database, DatabaseUnavailable
from storage.migrate import SchemaBusy
from storage.migrate import migrate as run_migrations
from storage.organizations import create_org as insert_org
from storage.users import create_user

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__, pretty_exceptions_enable=False)
db = typer.Typer(no_args_is_help=True, help="The database's schema.")
admin = typer.Typer(no_args_is_help=True, help="Organisations and first users.")
audit = typer.Typer(no_args_is_help=True, help="The audit trail.")
app.add_typer(db, name="db")
app.add_typer(admin, name="admin")
app.add_typer(audit, name="audit")
app.add_typer(cli_keys.app, name="keys")

out = Console()
err = Console(stderr=True)


def _run(work: Coroutine[Any, Any, int]) -> None:
    try:
        code = asyncio.run(work)
    except SettingsError as error:
        err.print(str(error))
        code = 2
    except (TemporalUnavailable, RPCError) as error:
        err.print(f"Temporal cannot be reached: {error}")
        code = 3
    except (DatabaseUnavailable, OSError) as error:
        err.print(f"PostgreSQL cannot be reached: {error}")
        code = 3
    except SchemaBusy as busy:
        err.print(str(busy))
        code = 3
    raise typer.Exit(code)


def _required(name: str) -> str:
    value = os.environ.get(name)
    if not value:
        err.print(f"{name} is not set")
        raise typer.Exit(2)
    return value


@db.command()
def migrate() -> None:
    """Bring the schema up to date, as DATABASE_OWNER_URL; DATABASE_APP_PASSWORD sets the app role's."""

    async def work() -> int:
        newer = await run_migrations(_required("DATABASE_OWNER_URL"), os.environ.get("DATABASE_APP_PASSWORD"))
        if newer is None:
            out.print("The database is up to date.")
        else:
            out.print(f"The database belongs to a newer version ({newer}); it is left as it is and will do.")
        return 0

    _run(work())


@admin.command()
def create_org(
    slug: Annotated[str, typer.Argument(help="short name for logging in, such as acme")],
    name: Annotated[str, typer.Argument(help="the organisation's name")],
    email: Annotated[str, typer.Argument(help="e-mail address of its first admin")],
    password: Annotated[
        str,
        typer.Option(prompt=True, hide_input=True, confirmation_prompt=True, envvar="COUNTERSIGN_PASSWORD"),
    ],
) -> None:
    """Make an organisation and its first ADMIN."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,62}", slug):
        err.print("The slug may have lower-case letters, digits and hyphens only.")
        raise typer.Exit(2)
    if len(password) < 10:
        err.print("The password must have at least 10 characters.")
        raise typer.Exit(2)

    async def work() -> int:
        database = Database(_required("DATABASE_URL"), pool_size=1)
        try:
            if any(row["slug"] == slug for row in await database.call("SELECT * FROM list_orgs()", {})):
                err.print(f"There is an organisation {slug} already.")
                return 1
            org_id, now = uuid4(), datetime.now(UTC)
            async with database.transaction(org_id) as connection:
                await insert_org(connection, org_id, slug, name, now)
                values = {
                    "id": uuid4(),
                    "org_id": org_id,
                    "email": email,
                    "name": email,
                    "role": "ADMIN",
                    "password_hash": hash_password(password),
                }
                await create_user(connection, values, now)
            out.print(f"Organisation {slug} has the id {org_id}; {email} may log in.")
            return 0
        finally:
            await database.dispose()

    _run(work())


@dataclass(frozen=True)
class _Ground:
    """What a command that mends drafts stands on."""

    settings: WorkflowSettings
    database: Database
    client: Client

    async def org_ids(self) -> dict[str, UUID]:
        rows = await self.database.call("SELECT * FROM list_orgs()", {})
        return {row["slug"]: row["org_id"] for row in rows}


@asynccontextmanager
async def _ground() -> AsyncIterator[_Ground]:
    """
    Raises:
        SettingsError: a setting is missing or wrong.
        TemporalUnavailable: nobody answers at TEMPORAL_ADDRESS.
    """
    settings = load_workflow_settings()
    keys = KeyRing.from_settings(settings)
    database = Database(settings.database_url.get_secret_value(), pool_size=2)
    try:
        try:
            client = await connect(keys)
        except RuntimeError as error:
            raise TemporalUnavailable(str(error)) from None
        yield _Ground(settings, database, client)
    finally:
        await database.dispose()


@app.command()
def reconcile(
    org: Annotated[str | None, typer.Option(help="slug; all organisations without it")] = None,
    dry_run: Annotated[bool, typer.Option(help="report only, write nothing")] = False,
) -> None:
    """Hold every open draft's workflow against its rows; mend the rows. Exit 1 when something is left."""

    async def work() -> int:
        async with _ground() as ground:
            settings, database, client = ground.settings, ground.database, ground.client
            errands = Errands(client, settings.task_queue, settings.answer_within_s)
            reconciler = Reconciler(database, OpenDrafts(client), ForgottenExports(database, errands))
            org_ids = await ground.org_ids()
            if org is not None and org not in org_ids:
                err.print("There is no such organisation.")
                return 2
            findings: list[Finding] = []
            for slug in org_ids if org is None else [org]:
                findings += await reconciler.reconcile(org_ids[slug], slug, dry_run=dry_run)
        return _report(findings)

    _run(work())


@app.command()
def restore(
    org: Annotated[str, typer.Argument(help="the organisation's slug")],
    number: Annotated[str, typer.Argument(help="the draft's number, such as D-000123")],
    silent_too: Annotated[
        bool, typer.Option("--silent-too", help="also replace a workflow that does not answer")
    ] = False,
) -> None:
    """Take a draft up again from its rows, when its workflow was reset or is gone. Exit 1 when not done."""

    async def work() -> int:
        async with _ground() as ground:
            org_id = (await ground.org_ids()).get(org)
            if org_id is None:
                err.print("There is no such organisation.")
                return 2
            restarts = Restarts(ground.client, ground.settings.task_queue)
            restorer = Restorer(ground.database, OpenDrafts(ground.client), restarts, SETTLE_S)
            try:
                draft = await restorer.restore(org_id, number, silent_too=silent_too)
            except NotRestored as error:
                err.print(str(error))
                return 1
        out.print(f"{number} goes on from what is recorded: version {draft.version}, {draft.status}")
        if draft.status is DraftStatus.PUSHING:
            out.print("Its delivery was under way and counts as failed; it may have been sent. Look first.")
        return 0

    _run(work())


def _report(findings: list[Finding]) -> int:
    for finding in findings:
        state = "mended" if finding.repaired else "NOT mended"
        sentence = RULES[finding.difference].sentence
        out.print(
            f"{finding.org} {finding.number} {finding.difference} ({finding.detail}), {state}: {sentence}"
        )
    left = [finding for finding in findings if not finding.repaired]
    out.print(f"{len(findings)} differences, {len(left)} left")
    return 1 if left else 0


@audit.command()
def verify(
    org: Annotated[str | None, typer.Option(help="slug; all organisations without it")] = None,
) -> None:
    """Check every row of the trail; exit 1 when one was changed, removed or put in."""

    async def work() -> int:
        database = Database(_required("DATABASE_URL"), pool_size=1)
        try:
            orgs = [
                row
                for row in await database.call("SELECT * FROM list_orgs()", {})
                if org is None or row["slug"] == org
            ]
            if not orgs:
                err.print("There is no such organisation.")
                return 2
            broken = 0
            for row in orgs:
                broken += await _verify_org(database, row["org_id"], row["slug"])
            return 1 if broken else 0
        finally:
            await database.dispose()

    _run(work())


async def _verify_org(database: Database, org_id: UUID, slug: str) -> int:
    broken = 0
    async for found in audit_log.verified(database, org_id):
        if isinstance(found, int):
            out.print(f"{slug}: {found} rows, {broken or 'none'} broken")
            continue
        broken += 1
        err.print(f"{slug}: {found.entity_type} {found.entity_id} row {found.entity_seq}: {found.problem}")
    return broken


if __name__ == "__main__":
    app()
