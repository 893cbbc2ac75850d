"""`make demo`: the main job on real input, on its own ports and folder; exits 0 only if all was right."""

import asyncio
import contextlib
import os
import signal
import sys
from pathlib import Path

from rich.console import Console

from local.demo_client import DemoFailed
from local.demo_story import tell
from local.ports import Ports
from local.refusals import Refusal
from local.stack import Stack
from local.up import addresses

FOLDER = Path("var/demo")
console = Console(width=None if sys.stdout.isatty() else 140)


def _say(line: str) -> None:
    print(line, flush=True)


async def run() -> None:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    main = asyncio.current_task()
    serving = False

    def end() -> None:
        ended.set()
        if not serving and main is not None:
            main.cancel()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, end)
    folder = Path(os.environ.get("COUNTERSIGN_DEMO_VAR") or FOLDER)
    _say(f"Starting the demo's own stack on free ports, state in {folder.absolute()}")
    # nobody wants to watch a minute pass until the ERP's answers are read
    quick = {"COUNTERSIGN_ACK_POLL_S": "1"}
    async with Stack(folder, Ports.free(), say=_say, overrides=quick) as stack:
        await tell(console, stack)
        _say(addresses(stack))
        console.print("[bold green]Everything was as it must be.[/bold green]")
        if sys.stdout.isatty() and sys.stdin.isatty():
            serving = True
            _say("Serving until Ctrl-C, so that you can look around.")
            with contextlib.suppress(asyncio.CancelledError):
                await ended.wait()


def main() -> int:
    try:
        asyncio.run(run())
    except (Refusal, DemoFailed) as error:
        print(f"countersign demo: {error}", file=sys.stderr)
        return 1
    except (KeyboardInterrupt, asyncio.CancelledError):
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
