"""Passwords: argon2id, hashed and verified in a thread. A missing hash costs as much as a wrong one."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from pydantic import AfterValidator, StringConstraints

from domain.values import printable

Password = Annotated[str, StringConstraints(min_length=10, max_length=200), AfterValidator(printable)]

# OWASP's least for argon2id: a login storm must neither starve other requests nor fill the memory
_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
# its own threads: name resolution and all else that uses asyncio's shall not wait behind a login storm
_THREADS = ThreadPoolExecutor(4, thread_name_prefix="password")
# of a text that nobody can send: its hash is what an unknown person's password is checked against
_DUMMY = _HASHER.hash("\x00nobody")


def hash_password(password: str) -> str:
    """Takes tens of milliseconds and 19 MiB; inside the server use `hash_in_thread`."""
    return _HASHER.hash(password)


async def hash_in_thread(password: str) -> str:
    return await asyncio.get_running_loop().run_in_executor(_THREADS, hash_password, password)


async def verify_in_thread(stored: str | None, password: str) -> bool:
    """True when `password` is the one behind `stored`. Without a hash: False, after the same work."""
    known = _DUMMY if stored is None else stored
    right = await asyncio.get_running_loop().run_in_executor(_THREADS, _verify, known, password)
    return right and stored is not None


def _verify(stored: str, password: str) -> bool:
    try:
        return _HASHER.verify(stored, password)
    except (VerificationError, InvalidHashError):
        return False
