"""SFTP servers as partners run them: one profile each, in this process or in one of its own.

`python -m tests.connectors.servers --profile overwriting --port 2222 --root <folder> --user demo
--password-env COUNTERSIGN_SFTP_PASSWORD` prints a line and serves until SIGTERM. `orders` and `acks` are
reached by their relative names in every profile; OpenSSH's server knows no other root.
"""

import argparse
import asyncio
import errno
import os
import shutil
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncssh

from local.sftp_server import FOLDERS, RunningServer, load_host_key, sftp_server

OPENSSH_SFTP_SERVER = shutil.which(
    "sftp-server", path=f"/usr/lib/openssh:/usr/libexec/openssh:{os.environ.get('PATH', '')}"
)


@dataclass(frozen=True)
class Profile:
    """What a server can do, and so what a test must see. `denied` goes to OpenSSH's `-P`."""

    name: str
    sftp_class: type[asyncssh.SFTPServer] | None = None  # None: OpenSSH's own sftp-server
    denied: str = ""
    posix_rename: bool = True
    rename_refuses_existing: bool = True
    fsync: bool = True
    exclusive_create: bool = True

    @property
    def available(self) -> bool:
        return self.sftp_class is not None or OPENSSH_SFTP_SERVER is not None


class Overwriting(asyncssh.SFTPServer):
    """No posix-rename, and a plain rename that replaces what is there; as some Windows servers."""

    def posix_rename(self, oldpath: bytes, newpath: bytes) -> Any:
        raise asyncssh.SFTPOpUnsupported("no posix-rename")

    def rename(self, oldpath: bytes, newpath: bytes) -> Any:
        Path(os.fsdecode(self.map_path(oldpath))).replace(os.fsdecode(self.map_path(newpath)))


class Bare(asyncssh.SFTPServer):
    """No extensions, and it does not know exclusive creation; as small appliances."""

    def posix_rename(self, oldpath: bytes, newpath: bytes) -> Any:
        raise asyncssh.SFTPOpUnsupported("no posix-rename")

    def fsync(self, file_obj: object) -> Any:
        raise asyncssh.SFTPOpUnsupported("no fsync")

    def statvfs(self, path: bytes) -> Any:
        raise asyncssh.SFTPOpUnsupported("no statvfs")

    def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> Any:
        return super().open(path, pflags & ~asyncssh.FXF_EXCL, attrs)


class CutRename(asyncssh.SFTPServer):
    """A plain rename made of link and unlink that dies in between, once, when `cut` is set."""

    cut = False

    def posix_rename(self, oldpath: bytes, newpath: bytes) -> Any:
        raise asyncssh.SFTPOpUnsupported("no posix-rename")

    def rename(self, oldpath: bytes, newpath: bytes) -> Any:
        old, new = (Path(os.fsdecode(self.map_path(path))) for path in (oldpath, newpath))
        if new.exists():
            raise OSError(errno.EEXIST, "exists")
        os.link(old, new)
        if type(self).cut:
            type(self).cut = False
            self.connection.abort()
            return
        old.unlink()


PROFILES: dict[str, Profile] = {
    profile.name: profile
    for profile in (
        Profile("asyncssh", asyncssh.SFTPServer),
        Profile("openssh"),
        Profile("plain-rename", denied="posix-rename,fsync", posix_rename=False, fsync=False),
        Profile("overwriting", Overwriting, posix_rename=False, rename_refuses_existing=False),
        Profile("bare", Bare, posix_rename=False, fsync=False, exclusive_create=False),
    )
}


class OpenSshPipe(asyncssh.SSHServerSession[bytes]):
    """Carries one client's SFTP bytes to a process of OpenSSH's sftp-server and back."""

    def __init__(self, root: Path, denied: str) -> None:
        self._root, self._denied = root, denied
        self._incoming: asyncio.Queue[bytes] = asyncio.Queue()
        self._child: asyncio.subprocess.Process

    async def to_server(self, data: bytes) -> None:
        assert self._child.stdin is not None
        self._child.stdin.write(data)

    async def to_client(self, data: bytes) -> None:
        if not self._channel.is_closing():
            self._channel.write(data)

    def connection_made(self, chan: "asyncssh.SSHServerChannel[bytes]") -> None:
        self._channel = chan

    def subsystem_requested(self, subsystem: str) -> bool:
        return subsystem == "sftp"

    def session_started(self) -> None:
        self._task = asyncio.create_task(self._run())

    def data_received(self, data: bytes, datatype: int | None) -> None:
        self._incoming.put_nowait(data)

    def eof_received(self) -> bool:
        self._incoming.put_nowait(b"")
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self._incoming.put_nowait(b"")

    async def _run(self) -> None:
        assert OPENSSH_SFTP_SERVER is not None
        pipe = asyncio.subprocess.PIPE
        command = [OPENSSH_SFTP_SERVER, "-d", str(self._root)]
        command += ["-P", self._denied] if self._denied else []
        self._child = child = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe)
        assert child.stdin is not None
        assert child.stdout is not None
        answers = asyncio.create_task(self._answer(child.stdout))
        while data := await self._incoming.get():
            await self.to_server(data)
        child.stdin.close()
        await child.wait()
        await answers
        self._channel.close()

    async def _answer(self, stdout: asyncio.StreamReader) -> None:
        while data := await stdout.read(65536):
            await self.to_client(data)


@asynccontextmanager
async def openssh_server(
    *,
    root: Path,
    user: str,
    password: str,
    host_key: asyncssh.SSHKey | None,
    port: int,
    denied: str,
    pipe: type[OpenSshPipe] = OpenSshPipe,
) -> AsyncIterator[RunningServer]:
    """asyncssh carries the SSH part; the folders are served by OpenSSH's own sftp-server."""
    key = host_key or asyncssh.generate_private_key("ssh-ed25519")
    for folder in FOLDERS:
        (root / folder).mkdir(parents=True, exist_ok=True)
    connections: set[asyncssh.SSHServerConnection] = set()

    class Login(asyncssh.SSHServer):
        def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
            self._conn = conn
            connections.add(conn)

        def connection_lost(self, exc: Exception | None) -> None:
            connections.discard(self._conn)

        def password_auth_supported(self) -> bool:
            return True

        def validate_password(self, username: str, given: str) -> bool:
            return (username, given) == (user, password)

        def session_requested(self) -> Any:
            return self._conn.create_server_channel(encoding=None), pipe(root, denied)

    server = await asyncssh.listen(
        "127.0.0.1", port, config=None, server_factory=Login, server_host_keys=[key], encoding=None,
        gss_host=None,
    )  # fmt: skip
    try:
        yield RunningServer(server.get_port(), key.get_fingerprint("sha256"))
    finally:
        server.close()
        for connection in list(connections):
            connection.abort()
        await server.wait_closed()


@asynccontextmanager
async def profile_server(
    profile: Profile,
    *,
    root: Path,
    user: str,
    password: str,
    host_key: asyncssh.SSHKey | None = None,
    port: int = 0,
    pipe: type[OpenSshPipe] = OpenSshPipe,
) -> AsyncIterator[RunningServer]:
    """Serve `root` as `profile` does, until the block ends. Port 0 takes a free one."""
    if profile.sftp_class is None:
        serving = openssh_server(
            root=root,
            user=user,
            password=password,
            host_key=host_key,
            port=port,
            denied=profile.denied,
            pipe=pipe,
        )
    else:
        keys = None if host_key is None else [host_key]
        serving = sftp_server(
            root=root, user=user, password=password, host_keys=keys, port=port, sftp_class=profile.sftp_class
        )
    async with serving as running:
        yield running


async def _serve(arguments: argparse.Namespace, profile: Profile, pipe: type[OpenSshPipe]) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with profile_server(
        profile,
        root=arguments.root,
        user=arguments.user,
        password=os.environ[arguments.password_env],
        host_key=load_host_key(arguments.host_key) if arguments.host_key else None,
        port=arguments.port,
        pipe=pipe,
    ) as running:
        print(f"{running.port} {running.fingerprint}", flush=True)
        await stop.wait()


def main(profiles: Mapping[str, Profile] = PROFILES, pipe: type[OpenSshPipe] = OpenSshPipe) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--profile", choices=sorted(profiles), required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--user", default="demo")
    parser.add_argument("--password-env", required=True)
    parser.add_argument("--host-key", type=Path)
    arguments = parser.parse_args()
    asyncio.run(_serve(arguments, profiles[arguments.profile], pipe))


if __name__ == "__main__":
    main()
