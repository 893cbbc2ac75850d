"""OpenSSH's own sshd with its internal-sftp, on loopback, as a user without rights; keys only.

Checking a password needs the rights of root. Debian's package `openssh-server` brings it.
"""

import asyncio
import os
import pwd
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import asyncssh
import psutil

from local.sftp_server import FOLDERS

SSHD = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/usr/libexec")
STARTED_WITHIN_S = 10
_CONFIG = """
Port {port}
ListenAddress 127.0.0.1
{host_keys}
AuthorizedKeysFile {folder}/authorized
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PidFile none
Subsystem sftp internal-sftp -d {root}
"""


@dataclass
class Sshd:
    port: int
    user: str
    root: Path
    process: asyncio.subprocess.Process

    def serving(self) -> list[psutil.Process]:
        """The processes of the clients that are connected now."""
        return psutil.Process(self.process.pid).children(recursive=True)

    async def drop_clients(self) -> None:
        """Kill what serves them, as a server's administrator may; the server itself goes on."""
        killed = self.serving()
        for each in killed:
            with suppress(psutil.NoSuchProcess):
                each.kill()
        await asyncio.to_thread(psutil.wait_procs, killed, 5)


def _who() -> pwd.struct_passwd:
    """A user without rights. Not nobody: to those who may not read the passwords, systemd calls it locked."""
    return pwd.getpwnam("daemon") if os.getuid() == 0 else pwd.getpwuid(os.getuid())


@contextmanager
def _folder_of(user: pwd.struct_passwd) -> Iterator[Path]:
    """pytest's own folders are closed to other users."""
    with tempfile.TemporaryDirectory(prefix="countersign-sshd-") as name:
        os.chown(name, user.pw_uid, user.pw_gid)
        Path(name).chmod(0o755)
        yield Path(name)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


@asynccontextmanager
async def openssh_sshd(
    *, host_keys: list[asyncssh.SSHKey], authorized: list[asyncssh.SSHKey]
) -> AsyncIterator[Sshd]:
    """Serve an empty folder with `orders` and `acks` until the block ends."""
    assert SSHD is not None
    user = _who()
    with _folder_of(user) as folder:
        root = folder / "root"
        for each in (root, *(root / name for name in FOLDERS)):
            each.mkdir()
            os.chown(each, user.pw_uid, user.pw_gid)
        (folder / "authorized").write_bytes(b"".join(key.export_public_key() for key in authorized))
        lines = []
        for number, key in enumerate(host_keys):
            path = folder / f"host_key_{number}"
            path.touch(mode=0o600)
            path.write_bytes(key.export_private_key())
            os.chown(path, user.pw_uid, user.pw_gid)
            lines.append(f"HostKey {path}")
        port, log = _free_port(), folder / "log"
        values = {"port": port, "folder": folder, "root": root, "host_keys": "\n".join(lines)}
        (folder / "sshd_config").write_text(_CONFIG.format(**values))
        with log.open("wb") as said:
            process = await asyncio.create_subprocess_exec(
                SSHD, "-D", "-e", "-f", str(folder / "sshd_config"),
                user=user.pw_uid, group=user.pw_gid, extra_groups=[] if os.getuid() == 0 else None,
                stdin=asyncio.subprocess.DEVNULL, stderr=said,
            )  # fmt: skip
        running = Sshd(port, user.pw_name, root, process)
        try:
            await _listening(process, log)
            yield running
        finally:
            with suppress(psutil.NoSuchProcess):
                await running.drop_clients()
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()


async def _listening(process: asyncio.subprocess.Process, log: Path) -> None:
    async with asyncio.timeout(STARTED_WITHIN_S):
        while "Server listening" not in log.read_text():
            assert process.returncode is None, log.read_text()
            await asyncio.sleep(0.02)
