import asyncio
import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from local.local_env import MAKERS, ensure_local_env
from local.ports import Ports
from local.refusals import Refusal
from local.stack import Stack

ROOT = Path(__file__).parents[2]


def run_up(**environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "local.up"],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_a_port_in_use_is_said_in_a_sentence_that_names_port_and_variable(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = run_up(COUNTERSIGN_VAR=str(tmp_path), COUNTERSIGN_TEMPORAL_PORT=port)
    assert done.returncode == 1
    assert f"Port {port} on 127.0.0.1 is already in use" in done.stderr
    assert "COUNTERSIGN_TEMPORAL_PORT" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_port_that_is_no_number_is_refused(tmp_path: Path) -> None:
    done = run_up(COUNTERSIGN_VAR=str(tmp_path), COUNTERSIGN_API_PORT="eight")
    assert done.returncode == 1
    assert (
        done.stderr
        == "countersign: COUNTERSIGN_API_PORT must be a port number from 1 to 65535, not 'eight'.\n"
    )


async def test_a_second_stack_on_the_same_folder_is_refused(tmp_path: Path) -> None:
    async with Stack(tmp_path, services=("sftp",), seeded=False):
        with pytest.raises(Refusal, match="Another stack already runs"):
            async with Stack(tmp_path, services=("sftp",), seeded=False):
                pass


async def test_a_killed_service_comes_back(tmp_path: Path) -> None:
    async with Stack(tmp_path, services=("sftp",), seeded=False) as stack:
        first = stack.pid("sftp")
        assert first is not None
        os.kill(first, 9)
        async with asyncio.timeout(10):
            while stack.pid("sftp") in {first, None}:
                await asyncio.sleep(0.05)


def test_secrets_are_made_once_and_for_their_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "local.env"
    first = ensure_local_env(path)
    assert ensure_local_env(path) == first
    assert set(first) == set(MAKERS)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(bytes.fromhex(first["ENCRYPTION_MASTER_KEY"])) == 32


def test_free_ports_differ() -> None:
    ports = Ports.free()
    assert len({ports.api, ports.temporal, ports.temporal_ui, ports.sftp, ports.mail}) == 5
