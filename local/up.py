"""`make up`: serve the whole stack on loopback until Ctrl-C."""

import asyncio
import os
import signal
import sys
from pathlib import Path

from local.ports import LOOPBACK, Ports
from local.postgres import socket_folder
from local.refusals import Refusal
from local.seed import demo_password
from local.stack import Stack


def say(line: str) -> None:
    print(line, flush=True)


def addresses(stack: Stack) -> str:
    """Where to look, and as whom."""
    return f"""
Countersign is ready.

  API          {stack.base_url}   (docs: {stack.base_url}/docs)
  Temporal     http://{LOOPBACK}:{stack.ports.temporal_ui}   (gRPC {stack.temporal_address})
  SFTP         sftp://demo@{LOOPBACK}:{stack.ports.sftp}   (host key {stack.host_key_fingerprint})
  dropzone     {stack.var}/dropzone/demo/orders and …/acks
  mails        {stack.var}/mail   (nothing leaves the machine)
  PostgreSQL   socket in {socket_folder(stack.var / "postgres")}, database countersign
  secrets      {stack.var}/local.env
  logs         {stack.var}/logs

  Log in as admin@demo.example, ops@…, ops2@…, production@…, integrator@… or viewer@demo.example
  (org "demo"; the same names exist at "other"), password {demo_password()}
  WARNING: these users and this password are for trying only. Never open these ports to a network.
"""


async def serve() -> None:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    main = asyncio.current_task()
    ready = False

    def end() -> None:
        if ended.is_set():
            return
        ended.set()
        if not ready and main is not None:
            main.cancel()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, end)
    var = Path(os.environ.get("COUNTERSIGN_VAR") or "var")
    say(f"Starting Countersign's local stack, state in {var.absolute()}")
    async with Stack(var, Ports.from_environment(), say=say) as stack:
        ready = True
        say(addresses(stack))
        say("Ctrl-C ends everything; the state stays.")
        await ended.wait()
        say("Ending …")
    say("Everything has ended.")


def main() -> int:
    try:
        asyncio.run(serve())
    except Refusal as refusal:
        print(f"countersign: {refusal}", file=sys.stderr)
        return 1
    except (KeyboardInterrupt, asyncio.CancelledError):
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
