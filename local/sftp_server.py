"""The embedded SFTP dropzone: a real SSH server for the local stack and the tests. Not for production.

`python -m local.sftp_server --port 2222 --host-key <file> --root <folder> --user demo
--password-env COUNTERSIGN_SFTP_PASSWORD`; the client sees `/orders` and `/acks`, nothing above the root.
"""

import argparse
import asyncio
import hmac
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncssh

FOLDERS = ("orders", "acks")


@dataclass(frozen=True)
class RunningServer:
    port: int
    fingerprint: str  # "SHA256:…" of the host key


class _Login(asyncssh.SSHServer):
    """One user, by password if there is one; keys are checked by asyncssh against the authorized keys."""

    def __init__(self, user: str, password: str | None) -> None:
        self._user = user
        self._password = password

    def begin_auth(self, username: str) -> bool:
        return True

    def password_auth_supported(self) -> bool:
        return self._password is not None

    def validate_password(self, username: str, password: str) -> bool:
        given = f"{username}\x00{password}".encode()
        return self._password is not None and hmac.compare_digest(
            given, f"{self._user}\x00{self._password}".encode()
        )


def load_host_key(path: Path) -> asyncssh.SSHKey:
    """Read the host key, or make one (mode 600) on the first start.

    Raises:
        asyncssh.KeyImportError: the file is no private key.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        key = asyncssh.generate_private_key("ssh-ed25519")
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(key.export_private_key())
    return asyncssh.read_private_key(path)


@asynccontextmanager
async def sftp_server(
    *,
    root: Path,
    user: str,
    password: str | None,
    host_keys: list[asyncssh.SSHKey] | None = None,
    authorized_keys: Path | None = None,
    host: str = "127.0.0.1",
    port: int = 0,
    sftp_class: type[asyncssh.SFTPServer] = asyncssh.SFTPServer,
) -> AsyncIterator[RunningServer]:
    """Serve `root` until the block ends. Port 0 takes a free one; no host key makes a passing one.

    Raises:
        OSError: the port is in use.
    """
    keys = host_keys or [asyncssh.generate_private_key("ssh-ed25519")]
    for folder in FOLDERS:
        (root / folder).mkdir(parents=True, exist_ok=True)

    def serve(channel: "asyncssh.SSHServerChannel[bytes]") -> asyncssh.SFTPServer:
        return sftp_class(channel, chroot=os.fsencode(root))

    connections: set[asyncssh.SSHServerConnection] = set()

    class Login(_Login):
        def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
            connections.add(conn)
            self._conn = conn

        def connection_lost(self, exc: Exception | None) -> None:
            connections.discard(self._conn)

    server = await asyncssh.listen(
        host,
        port,
        config=None,
        server_factory=lambda: Login(user, password),
        server_host_keys=keys,
        authorized_client_keys=str(authorized_keys) if authorized_keys else None,
        sftp_factory=serve,
        gss_host=None,
        allow_scp=False,
        agent_forwarding=False,
        allow_pty=False,
    )
    try:
        yield RunningServer(server.get_port(), keys[0].get_fingerprint("sha256"))
    finally:
        server.close()
        for connection in list(connections):
            connection.abort()
        await server.wait_closed()


async def _serve(arguments: argparse.Namespace, password: str | None) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with sftp_server(
        root=arguments.root,
        user=arguments.user,
        password=password,
        host_keys=[load_host_key(arguments.host_key)],
        authorized_keys=arguments.authorized_keys,
        host=arguments.host,
        port=arguments.port,
    ) as running:
        print(f"SFTP dropzone on {arguments.host}:{running.port}, host key {running.fingerprint}", flush=True)
        await stop.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description="The embedded SFTP dropzone of the local stack.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=2222)
    parser.add_argument("--host-key", type=Path, required=True)
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--user", required=True)
    parser.add_argument("--password-env", help="name of the variable that holds the password")
    parser.add_argument("--authorized-keys", type=Path)
    arguments = parser.parse_args()
    password = os.environ.get(arguments.password_env) if arguments.password_env else None
    if not password and not arguments.authorized_keys:
        sys.exit("The SFTP dropzone needs a password (--password-env) or --authorized-keys.")
    try:
        asyncio.run(_serve(arguments, password))
    except OSError as error:
        sys.exit(f"The SFTP dropzone cannot listen on {arguments.host}:{arguments.port}: {error.strerror}.")
    except asyncssh.KeyImportError:
        sys.exit(f"The host key file {arguments.host_key} is not a private key; remove it to make a new one.")


if __name__ == "__main__":
    main()
