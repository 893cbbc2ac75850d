"""What runs in a stack: for each service its command, its environment and how to tell that it is ready."""

import asyncio
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

import asyncssh
import httpx

from local import postgres, temporal
from local.child import Child
from local.local_env import ensure_local_env
from local.ports import LOOPBACK, Ports

SERVICES = ("postgres", "temporal", "sftp", "mail", "codec", "worker", "api")
SFTP_USER = "demo"
TASK_QUEUE = "countersign"


def environment(var: Path, ports: Ports) -> dict[str, str]:
    """The environment of the stack's processes: the user's own, with ours on top.

    TEMPORAL_* of the user would point our processes at another cluster, so it is left out.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TEMPORAL_")}
    for name in ("DATABASE_OWNER_URL", "COUNTERSIGN_SMTP_USERNAME", "COUNTERSIGN_SMTP_PASSWORD"):
        kept.pop(name, None)
    kept.setdefault("COUNTERSIGN_TASK_QUEUE", TASK_QUEUE)
    return {
        **kept,
        **ensure_local_env(var / "local.env"),
        "DATABASE_URL": postgres.urls(var / "postgres").app,
        "TEMPORAL_ADDRESS": f"{LOOPBACK}:{ports.temporal}",
        "TEMPORAL_NAMESPACE": temporal.NAMESPACE,
        "TEMPORAL_CONFIG_FILE": os.devnull,
        "COUNTERSIGN_VAR": str(var),
        "COUNTERSIGN_DOCUMENTS_URL": f"file://{var}/documents",
        "COUNTERSIGN_FILESYSTEM_ROOTS": str(var / "dropzone"),
        "COUNTERSIGN_ALLOWED_NETWORKS": "127.0.0.0/8,::1/128",
        "COUNTERSIGN_ALLOW_MOCK": "true",
        "COUNTERSIGN_ALLOW_PLAIN_HTTP": "true",
        "COUNTERSIGN_TEMPORAL_UI_URL": f"http://{LOOPBACK}:{ports.temporal_ui}",
        "COUNTERSIGN_PUBLIC_URL": f"http://{LOOPBACK}:{ports.api}",
        "COUNTERSIGN_MAIL_FROM": "Countersign <proofs@countersign.example>",
        "COUNTERSIGN_SMTP_HOST": LOOPBACK,
        "COUNTERSIGN_SMTP_PORT": str(ports.mail),
        "COUNTERSIGN_SMTP_TLS": "none",
        "COUNTERSIGN_API_PORT": str(ports.api),
        "COUNTERSIGN_TEMPORAL_PORT": str(ports.temporal),
        "COUNTERSIGN_TEMPORAL_UI_PORT": str(ports.temporal_ui),
        "COUNTERSIGN_SFTP_PORT": str(ports.sftp),
        "COUNTERSIGN_CODEC_PORT": str(ports.codec),
        "COUNTERSIGN_CODEC_ORIGINS": ",".join(
            f"http://{host}:{ports.temporal_ui}" for host in (LOOPBACK, "localhost")
        ),
        "PYTHONUNBUFFERED": "1",
    }


def ensure_folders(var: Path) -> None:
    for name in ("logs", "documents", "mail", "dropzone/demo/orders", "dropzone/demo/acks"):
        (var / name).mkdir(parents=True, exist_ok=True)


def ensure_host_key(path: Path) -> str:
    """The fingerprint of the SFTP server's key, made once."""
    if not path.exists():
        key = asyncssh.generate_private_key("ssh-ed25519")
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(key.export_private_key())
    return str(asyncssh.read_private_key(path).get_fingerprint())


def child(name: str, var: Path, ports: Ports, env: dict[str, str]) -> Child:
    """The named service, not started."""
    python = sys.executable
    commands: dict[str, list[str]] = {
        "postgres": postgres.command(var / "postgres"),
        "temporal": temporal.command(var / "temporal.db", ports),
        "sftp": [python, "-m", "local.sftp_server", "--port", str(ports.sftp), "--user", SFTP_USER],
        "mail": [python, "-m", "local.mail_sink", "--port", str(ports.mail), "--folder", str(var / "mail")],
        "codec": [python, "-m", "uvicorn", "api.codec_server:create_codec_app", "--factory"],
        "worker": [python, "worker.py"],
        "api": [python, "-m", "uvicorn", "api.app:create_app", "--factory", "--no-access-log"],
    }
    for served in ("api", "codec"):
        commands[served] += ["--http", "api.http_protocol:BoundedProtocol", "--no-server-header"]
    commands["sftp"] += ["--host-key", str(var / "sftp_host_key"), "--root", str(var / "dropzone" / "demo")]
    commands["sftp"] += ["--password-env", "COUNTERSIGN_SFTP_PASSWORD"]
    commands["api"] += ["--host", LOOPBACK, "--port", str(ports.api), "--timeout-graceful-shutdown", "5"]
    commands["codec"] += ["--host", LOOPBACK, "--port", str(ports.codec), "--no-access-log"]
    return Child(
        name=name,
        command=commands[name],
        environment=env | _metrics_ports(ports) if name == "worker" else env,
        log=var / "logs" / f"{name}.log",
        lock=var / "guards.lock",
        # PostgreSQL's SIGTERM waits for every client to leave; SIGINT is its fast shutdown.
        end_signal="INT" if name == "postgres" else "TERM",
        grace_s=35 if name == "worker" else 10,
        user=postgres.system_user() if name == "postgres" else None,
    )


def _metrics_ports(ports: Ports) -> dict[str, str]:
    """For this one worker: another that somebody starts beside it cannot have the same ports."""
    return {
        "COUNTERSIGN_WORKER_METRICS_PORT": str(ports.worker_metrics),
        "COUNTERSIGN_WORKER_SDK_METRICS_PORT": str(ports.worker_sdk_metrics),
    }


async def _answers(url: str) -> None:
    async with httpx.AsyncClient(trust_env=False, timeout=5) as client:
        while True:
            try:
                if (await client.get(url)).status_code == httpx.codes.OK:
                    return
            except httpx.HTTPError:
                pass
            await asyncio.sleep(0.1)


async def _listens(port: int) -> None:
    while True:
        try:
            _, writer = await asyncio.open_connection(LOOPBACK, port)
        except OSError:
            await asyncio.sleep(0.05)
            continue
        writer.close()
        return


async def ready(name: str, var: Path, ports: Ports, env: dict[str, str]) -> None:
    """Return when the service does its work; the caller sets the time limit."""
    if name == "postgres":
        await postgres.ready(var / "postgres")
    elif name == "temporal":
        await temporal.ready(env["TEMPORAL_ADDRESS"])
    elif name == "sftp":
        await _listens(ports.sftp)
    elif name in {"codec", "mail"}:
        await _listens(ports.codec if name == "codec" else ports.mail)
    elif name == "worker":
        await temporal.worker_polls(env["TEMPORAL_ADDRESS"], env["COUNTERSIGN_TASK_QUEUE"], datetime.now(UTC))
    else:
        await _answers(f"http://{LOOPBACK}:{ports.api}/readyz")
