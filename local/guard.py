"""Stands between the supervisor and one child, so that no child outlives a supervisor that crashed.

Run as a script (standard library only, so that it starts at once):
`python guard.py --grace-s 10 --signal TERM [--user name] [--lock file] -- command …`

Standard input is a pipe whose only write end the supervisor holds: end of file means "end the child",
whether the supervisor asked for it or was killed. Standard output tells the child's process id, once.
Standard error is the child's log. Exits with the child's status, or 128 + the signal that ended it.
"""

import argparse
import ctypes
import fcntl
import os
import select
import signal
import subprocess
import sys

PR_SET_PDEATHSIG = 1


def _die_with_the_guard() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _signal_group(pgid: int, number: int) -> None:
    try:
        os.killpg(pgid, number)
    except (ProcessLookupError, PermissionError):
        return


def _end(child: subprocess.Popen[bytes], number: int, grace_s: float) -> None:
    # A stopped process gets its signal only after it has been continued.
    _signal_group(child.pid, number)
    _signal_group(child.pid, signal.SIGCONT)
    try:
        child.wait(grace_s)
    except subprocess.TimeoutExpired:
        _signal_group(child.pid, signal.SIGKILL)
        child.wait()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--grace-s", type=float, default=10)
    parser.add_argument("--signal", default="TERM")
    parser.add_argument("--user")
    parser.add_argument("--lock")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    return parser.parse_args()


def main() -> int:
    args = _arguments()
    command = args.command[1:] if args.command[0] == "--" else args.command
    for ignored in (signal.SIGINT, signal.SIGHUP):
        signal.signal(ignored, lambda *_: None)  # not SIG_IGN: the child would inherit that
    wake_r, wake_w = os.pipe()
    os.set_blocking(wake_w, False)
    signal.set_wakeup_fd(wake_w)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGTERM, lambda *_: os.close(0))
    if args.lock:
        # Held until this process ends: the next supervisor waits for it before it touches the folder.
        fcntl.flock(os.open(args.lock, os.O_RDWR | os.O_CREAT, 0o600), fcntl.LOCK_SH)
    as_user = {"user": args.user, "group": args.user, "extra_groups": []} if args.user else {}
    child = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr.fileno(),
        stderr=sys.stderr.fileno(),
        start_new_session=True,
        preexec_fn=_die_with_the_guard,  # noqa: PLW1509 - this process has one thread
        restore_signals=True,
        **as_user,
    )
    os.write(1, f"{child.pid}\n".encode())
    os.close(1)
    while child.poll() is None:
        try:
            ready, _, _ = select.select([0, wake_r], [], [])
        except (OSError, ValueError):  # standard input was closed by SIGTERM
            ready = [0]
        if 0 in ready:
            _end(child, getattr(signal, "SIG" + args.signal), args.grace_s)
        elif wake_r in ready:
            os.read(wake_r, 512)
    _signal_group(child.pid, signal.SIGKILL)
    return child.returncode if child.returncode >= 0 else 128 - child.returncode


if __name__ == "__main__":
    sys.exit(main())
