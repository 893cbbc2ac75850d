"""Where the tests' servers keep their files."""

import shutil
from pathlib import Path

MEMORY = Path("/dev/shm")
ROOM = 4 * 1024**3  # many times what a run of all tests fills


def fast_folder() -> Path | None:
    """In memory where there is room, else where temporary folders are.

    PostgreSQL and Temporal flush at every commit, which costs milliseconds on a disk. What a killed process
    has written is there in either.
    """
    return MEMORY if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free >= ROOM else None
