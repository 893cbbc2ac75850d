import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# A supervisor that starts a shell behind a guard; the shell starts a sleeper of its own.
SUPERVISOR = """
import asyncio, os, sys
from pathlib import Path
from local.child import Child

async def main(folder: Path) -> None:
    script = f"trap '' TERM; sleep 600 & echo $! > {folder}/grandchild; wait; sleep 600"
    child = Child("sleeper", ["sh", "-c", script], os.environ, folder / "log", folder / "lock", grace_s=0.3)
    await child.start()
    (folder / "child").write_text(str(child.pid))
    await child.ended()

asyncio.run(main(Path(sys.argv[1])))
"""


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] != "Z"


def eventually(wanted: object, within_s: float = 10) -> bool:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if callable(wanted) and wanted():
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_no_process_outlives_a_supervisor_that_was_killed(tmp_path: Path, end: signal.Signals) -> None:
    supervisor = subprocess.Popen([sys.executable, "-c", SUPERVISOR, str(tmp_path)], cwd=ROOT)
    try:
        assert eventually(lambda: (tmp_path / "child").exists() and (tmp_path / "grandchild").exists())
        assert eventually(lambda: (tmp_path / "grandchild").read_text().strip() != "")
        pids = [int((tmp_path / name).read_text()) for name in ("child", "grandchild")]
        assert all(alive(pid) for pid in pids)
    finally:
        supervisor.send_signal(end)
        supervisor.wait()
    assert eventually(lambda: not any(alive(pid) for pid in pids))


def test_the_guard_exits_with_its_childs_status(tmp_path: Path) -> None:
    guard = [sys.executable, str(ROOT / "local" / "guard.py"), "--", "sh", "-c", "exit 7"]
    done = subprocess.run(guard, stdin=subprocess.PIPE, capture_output=True, check=False, timeout=10)
    assert done.returncode in {7, 128 + signal.SIGTERM}  # an end of file at once may win the race
    with subprocess.Popen(guard, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as held_open:
        assert held_open.wait(10) == 7
