"""`countersign keys`: bring every stored secret under the master key, and see which key still holds what."""

import asyncio
from collections import Counter
from collections.abc import Coroutine
from typing import Annotated, Any

import typer
from rich.console import Console
from temporalio.service import RPCError

from commands.payload_keys import payload_keys
from config.keys import KeyRing
from config.settings import SettingsError, load_key_settings
from config.temporal import connect
from storage.database import Database, DatabaseUnavailable
from storage.key_rotation import KINDS, check_org, rotate_org

app = typer.Typer(no_args_is_help=True, help="The keys that encrypt secrets and histories.")
out = Console(soft_wrap=True, highlight=False)
err = Console(stderr=True, soft_wrap=True, highlight=False)

_EVERY = 10  # rows between two lines of progress


def _run(work: Coroutine[Any, Any, int]) -> None:
    try:
        code = asyncio.run(work)
    except (DatabaseUnavailable, OSError) as error:
        err.print(f"PostgreSQL cannot be reached: {error}")
        code = 3
    except (RPCError, RuntimeError) as error:
        err.print(f"Temporal cannot be reached: {error}")
        code = 3
    raise typer.Exit(code)


def _given() -> tuple[KeyRing, str]:
    """The key ring, and the database's address."""
    try:
        given = load_key_settings()
        keys = KeyRing.from_settings(given)
    except SettingsError as error:
        err.print(str(error))
        raise typer.Exit(2) from None
    return keys, given.database_url.get_secret_value()


@app.command()
def rotate() -> None:
    """Bring all secrets under the master key; may be stopped and repeated. Exit 1: one was unreadable."""
    keys, url = _given()

    async def work() -> int:
        database = Database(url, pool_size=1)
        reencrypted = current = unreadable = 0
        try:
            for row in await database.call("SELECT * FROM list_orgs()", {}):
                slug = row["slug"]

                def progress(done: int, total: int, slug: str = slug) -> None:
                    if done % _EVERY == 0 or done == total:
                        out.print(f"{slug}: {done} of {total}")

                counts = await rotate_org(database, keys, row["org_id"], progress)
                reencrypted += counts.reencrypted
                current += counts.current
                unreadable += len(counts.unreadable)
                for each in counts.unreadable:
                    err.print(f"{slug}: {each}")
        finally:
            await database.dispose()
            out.print(f"{reencrypted} re-encrypted, {current} were current, {unreadable} unreadable")
        return 1 if unreadable else 0

    _run(work())


@app.command()
def check(
    temporal: Annotated[bool, typer.Option(help="look at Temporal's histories as well")] = True,
    closed: Annotated[bool, typer.Option(help="at those of finished workflows too")] = False,
) -> None:
    """Say which key holds what. Exit 1 when no given key opens something; changes nothing."""
    keys, url = _given()

    async def work() -> int:
        out.print(f"Key {keys.current_id} is the master key")
        broken = await _secrets(keys, url)
        if temporal:
            broken += await _histories(keys, closed=closed)
        return 1 if broken else 0

    _run(work())


async def _secrets(keys: KeyRing, url: str) -> int:
    database = Database(url, pool_size=1)
    readable: Counter[tuple[str, str]] = Counter()
    unreadable: Counter[str] = Counter()
    try:
        for row in await database.call("SELECT * FROM list_orgs()", {}):
            held = await check_org(database, keys, row["org_id"])
            readable += held.readable
            unreadable.update(each.kind.word for each in held.unreadable)
            for each in held.unreadable:
                err.print(f"{row['slug']}: {each}")
    finally:
        await database.dispose()
    for kind in KINDS:
        words = f"{kind.word.capitalize()}s"
        for (word, key_id), count in sorted(readable.items()):
            if word == kind.word:
                left = "" if key_id == keys.current_id else "; run `countersign keys rotate`"
                out.print(f"{words} under key {key_id}: {count}{left}")
        out.print(f"{words} that no key opens: {unreadable[kind.word]}")
    return unreadable.total()


async def _histories(keys: KeyRing, *, closed: bool) -> int:
    client = await connect(keys)
    workflows: Counter[str] = Counter()
    unreadable = 0
    async for workflow_id, found in payload_keys(client, closed=closed):
        workflows.update(found.keys())
        lost = [key for key in found if key == "unknown" or not keys.knows(key)]
        if lost:
            unreadable += 1
            err.print(f"Workflow {workflow_id}: encrypted under {', '.join(lost)}, which no given key opens")
    for key_id, count in sorted(workflows.items()):
        out.print(f"Workflows with payloads under key {key_id}: {count}")
    out.print(f"Workflows that cannot be read: {unreadable}")
    return unreadable
