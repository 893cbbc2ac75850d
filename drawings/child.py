"""The child process that reads and draws designs: one job from standard input, its answer to standard output.

Apart from the API, so that a hostile file can neither block nor exhaust nor crash it, nor see its secrets.
"""

import json
import resource
import sys
from base64 import b64decode
from collections.abc import Callable
from typing import Any

from drawings.designs import ReadDesign, read_design
from drawings.pictures import picture
from drawings.refusals import UnreadableDesign
from drawings.typesetting import png_of, trim_sheet

REFUSED = 3  # exit code, as in drawings/studio.py: standard output is a sentence
CPU_S = 20
MEMORY_BYTES = 2 * 1024**3

Job = dict[str, Any]


def main() -> int:
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))  # also when the API is gone and nobody waits
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    job = json.load(sys.stdin.buffer)
    try:
        answer, code = _JOBS[job["kind"]](job), 0
    except UnreadableDesign as error:
        answer, code = str(error).encode(), REFUSED
    sys.stdout.buffer.write(answer)
    return code


def _design(job: Job) -> ReadDesign | None:
    return None if job["design"] is None else read_design(b64decode(job["design"]))


def _picture(job: Job) -> str:
    return picture(_design(job), {int(stop): color for stop, color in job["colors"].items()})


def _facts(job: Job) -> bytes:
    return read_design(b64decode(job["design"])).facts.model_dump_json().encode()


def _trim_sheet(job: Job) -> bytes:
    return trim_sheet(job["sheet"], _picture(job), job["paper"])[0]


_JOBS: dict[str, Callable[[Job], bytes]] = {
    "facts": _facts,
    "svg": lambda job: _picture(job).encode(),
    "png": lambda job: png_of(_picture(job)),
    "trim_sheet": _trim_sheet,
}

if __name__ == "__main__":
    sys.exit(main())
